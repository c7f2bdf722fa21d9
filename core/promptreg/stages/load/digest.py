"""The content hash of scenarios: the same data says the same, whatever file it came from."""

from __future__ import annotations

import hashlib
import json
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from promptreg.errors import DataError
from promptreg.records import Scenario
from promptreg.stages.load.content import image_sha256

__all__ = ["digest"]

_encode = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False, check_circular=False
).encode


def digest(scenarios: Iterable[Scenario], place: Callable[[Scenario], str] = str) -> str:
    """Return the SHA-256 (hex) of id, family, every column and what images hold, by id.

    A missing column and a null are the same: JSON may leave out what Parquet cannot.

    Args:
        scenarios: any order.
        place: says where a scenario stands, for messages.

    Raises:
        DataError: a value that no prompt can hold: an infinite number, half a surrogate pair; or
            an image that cannot be read.
    """
    total = hashlib.sha256()
    update = total.update
    for scenario in sorted(scenarios, key=operator.attrgetter("id")):
        row = {name: value for name, value in scenario.variables.items() if value is not None}
        try:
            text = _encode([scenario.id, scenario.family, row])
            if ":null" in text:  # or a text that says so, which changes nothing
                text = _encode([scenario.id, scenario.family, _without_nulls(row)])
            update(text.encode())
            if scenario.images:  # what they show, not only what they are called
                shown = ",".join(image_sha256(path) for path in scenario.images)
                update(f"\nimages {shown}".encode())
        except (ValueError, TypeError) as e:
            raise DataError(f"{place(scenario)}: {_explain(row, e)}") from e
        update(b"\n")
    return total.hexdigest()


def _without_nulls(value: Any) -> Any:
    """Return the value without the nulls in its objects; lists keep theirs, they have places."""
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list) and value and any(isinstance(v, (dict, list)) for v in value):
        return [_without_nulls(v) for v in value]
    return value


def _explain(row: Mapping[str, Any], error: Exception) -> str:
    """Name the column that is to blame."""
    for name, value in row.items():
        try:
            _encode({name: value}).encode()
        except UnicodeEncodeError:
            return f"{name}: holds half of a surrogate pair, which no text file can; mend the text"
        except (ValueError, TypeError) as e:
            if isinstance(e, ValueError):
                return f"{name}: {value!r:.80} holds an infinite number; allowed: finite or null"
            return f"{name}: {e}"
    return str(error)
