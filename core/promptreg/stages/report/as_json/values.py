"""Numbers and strangers' values as JSON can hold them: nothing is NaN, endless or deep."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from promptreg.stages.report.text import clean

__all__ = ["finite", "numbers", "plain"]

_TEXT = 1_000
_ITEMS = 50
_DEPTH = 5
_BIG = 2**63


def finite(value: float | None) -> float | int | None:
    """Return a plain finite number, or None where there is none; negative zero becomes zero."""
    if value is None or not math.isfinite(value):
        return None
    return int(value) if isinstance(value, int) else float(value) + 0.0


def numbers(values: Sequence[float] | None) -> list[float | int | None] | None:
    """Return all numbers, or None if any of them is not finite: half an interval says nothing."""
    if values is None or not all(math.isfinite(v) for v in values):
        return None
    return [finite(v) for v in values]


def plain(value: object, depth: int = 0) -> Any:
    """Return any value as bounded JSON; models and data files may nest, repeat and overflow."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -_BIG <= value < _BIG else f"integer of {value.bit_length()} bits"
    if isinstance(value, float):
        return finite(value)
    if isinstance(value, str):
        return clean(value, _TEXT)
    if depth >= _DEPTH:
        return "… (nested deeper than shown)"
    if isinstance(value, Mapping):
        items = sorted(((clean(str(k), _TEXT), v) for k, v in value.items()), key=lambda kv: kv[0])
        shown: dict[str, Any] = {k: plain(v, depth + 1) for k, v in items[:_ITEMS]}
        if len(items) > _ITEMS:
            shown["…"] = f"{len(items) - _ITEMS} more"
        return shown
    if isinstance(value, Sequence):
        listed = [plain(v, depth + 1) for v in value[:_ITEMS]]
        return [*listed, f"… {len(value) - _ITEMS} more"] if len(value) > _ITEMS else listed
    if hasattr(value, "tolist"):  # numpy scalars and arrays, from data files
        return plain(value.tolist(), depth + 1)
    return clean(str(value), _TEXT)
