"""Rubrics: a scale in words for each dimension, built in or brought by the suite."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from promptreg.errors import did_you_mean
from promptreg.rubrics import RUBRICS

__all__ = ["Dimension", "choose", "read_rubrics"]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
_KEYS = ("question", "anchors", "scale")
_STEPS = 11
_LONGEST = 2_000
_MOST = 30


@dataclass(frozen=True, slots=True)
class Dimension:
    """One dimension: the question, the ends of its scale, and anchors by grade."""

    name: str
    question: str
    low: int
    high: int
    anchors: tuple[tuple[int, str], ...]


def choose(every: Sequence[Dimension], wanted: Sequence[str] | None) -> tuple[Dimension, ...]:
    """Return the dimensions wanted, in the order wanted; all where none are named.

    Raises:
        ValueError: there is no such dimension, or one is named twice.
    """
    if wanted is None:
        return tuple(every)
    known = {d.name: d for d in every}
    if not wanted or len(set(wanted)) != len(wanted):
        raise ValueError(f"dimensions: found {list(wanted)}; allowed: one or more, each once")
    for name in wanted:
        if name not in known:
            raise ValueError(
                f"dimensions: the rubrics have no {name!r}{did_you_mean(str(name), known)}; "
                f"there are: {', '.join(known)}"
            )
    return tuple(known[name] for name in wanted)


def read_rubrics(data: Any = None, where: str = "rubrics") -> tuple[Dimension, ...]:
    """Return the dimensions of rubrics.

    Args:
        data: name to `{question, anchors, scale}`, the same as a list with `name`, or either
            under the key `rubrics`; None: those of a home-security assistant.
        where: for messages.

    Raises:
        ValueError: with the place, what was found and what is allowed.
    """
    data = RUBRICS if data is None else data
    if isinstance(data, Mapping) and len(data) == 1 and "rubrics" in data:
        data = data["rubrics"]
    if isinstance(data, (list, tuple)):
        data = _by_name(data, where)
    if not isinstance(data, Mapping) or not data:
        raise ValueError(
            f"{where}: found {_shown(data)}; allowed: dimension to its question, anchors and scale"
        )
    if len(data) > _MOST:
        raise ValueError(f"{where}: {len(data)} dimensions; allowed: at most {_MOST}")
    return tuple(_dimension(name, rubric, f"{where}.{name}") for name, rubric in data.items())


def _by_name(rows: Sequence[Any], where: str) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for i, row in enumerate(rows):
        if not isinstance(row, Mapping) or "name" not in row:
            raise ValueError(f"{where}[{i}]: found {_shown(row)}; allowed: a mapping with 'name'")
        if row["name"] in found:
            raise ValueError(f"{where}[{i}]: the name {row['name']!r} stands twice")
        found[row["name"]] = {k: v for k, v in row.items() if k != "name"}
    return found


def _dimension(name: Any, rubric: Any, where: str) -> Dimension:
    if not isinstance(name, str) or not _NAME.match(name):
        raise ValueError(
            f"{where}: the name is malformed; allowed: a lower-case letter, then lower-case "
            "letters, digits and '_'"
        )
    if not isinstance(rubric, Mapping):
        allowed = ", ".join(_KEYS)
        raise ValueError(f"{where}: found {_shown(rubric)}; allowed: {allowed}")  # noqa: TRY004 - data
    for key in rubric:
        if key not in _KEYS:
            raise ValueError(
                f"{where}: unknown key {key!r}{did_you_mean(str(key), _KEYS)}; "
                f"allowed: {', '.join(_KEYS)}"
            )
    low, high = _scale(rubric.get("scale", (1, 4)), f"{where}.scale")
    return Dimension(
        name,
        _text(rubric.get("question"), f"{where}.question"),
        low,
        high,
        _anchors(rubric.get("anchors", {}), low, high, f"{where}.anchors"),
    )


def _scale(value: Any, where: str) -> tuple[int, int]:
    match value:
        case [int() as low, int() as high] if not isinstance(low, bool):
            if low < high < low + _STEPS and abs(low) <= 1_000:
                return low, high
    raise ValueError(
        f"{where}: found {_shown(value)}; allowed: two whole numbers such as [1, 4], the lower "
        f"first, of at most {_STEPS} grades"
    )


def _anchors(value: Any, low: int, high: int, where: str) -> tuple[tuple[int, str], ...]:
    if not isinstance(value, Mapping):
        found_words = f"{where}: found {_shown(value)}"
        raise ValueError(f"{found_words}; allowed: grade to its meaning")  # noqa: TRY004 - data
    found: dict[int, str] = {}
    for key, text in value.items():
        grade = int(key) if isinstance(key, str) and key.strip().isdecimal() else key
        if not isinstance(grade, int) or isinstance(grade, bool) or not low <= grade <= high:
            raise ValueError(f"{where}: found the grade {_shown(key)}; allowed: {low} to {high}")
        found[grade] = _text(text, f"{where}.{key}")
    if found and not {low, high} <= found.keys():
        raise ValueError(f"{where}: both ends of the scale, {low} and {high}, need a meaning")
    return tuple(sorted(found.items()))


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST:
        raise ValueError(
            f"{where}: found {_shown(value)}; allowed: a text of at most {_LONGEST:,} characters"
        )
    return " ".join(value.split())


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
