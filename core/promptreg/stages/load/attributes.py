"""Which columns are attributes, and what their values are called."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

from promptreg.errors import DataError, did_you_mean
from promptreg.stages.load.table import Table
from promptreg.stages.load.truth import NESTED, TRUTH_COLUMNS

__all__ = ["attribute_columns", "word_of"]

MAX_VALUES = 50
MAX_TEXT = 40
_SMALL = 20
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}|\Z)|\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?\Z")
_WHOLE = re.compile(r"[-+]?\d{1,18}\Z")
_FRACTION = re.compile(r"[-+]?(?:\d{0,18}\.\d{0,18}|\d{1,18})(?:[eE][-+]?\d{1,4})?\Z")
_SLICEABLE_TRUTH = frozenset({"label", "expected_level", "should_trigger_alert"})


def word_of(value: Any) -> str:
    """Return a scalar as the word that slices and filters use: `true`, `7`, `night`."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def attribute_columns(
    table: Table, given: Sequence[str] | None, never: Collection[str]
) -> list[str]:
    """Return the columns to slice by: the given ones, or every column of few distinct words.

    Automatic are columns of texts of at most 40 characters, whole numbers and booleans, with at
    most 50 distinct values, and fewer than half as many as there are scenarios with a value (below
    20 scenarios: at least one value comes back); never times, nor the columns in `never`.

    Raises:
        DataError: a given column does not exist, or holds lists or objects.
    """
    if given is None:
        return [
            name
            for name, i in table.index.items()
            if name not in never and _categorical(table, name, i)
        ]
    for name in given:
        if name not in table.index:
            raise DataError(
                f"{table.path}: the attribute {name!r} is no column"
                f"{did_you_mean(name, table.index)}; columns: {', '.join(table.index)}"
            )
        i = table.index[name]
        for n, row in enumerate(table.rows):
            if i < len(row) and isinstance(row[i], (list, dict)):
                raise DataError(
                    f"{table.place(n)}: the attribute {name!r} is a "
                    f"{type(row[i]).__name__}; allowed: text, numbers, booleans"
                )
    return list(given)


def _categorical(table: Table, name: str, i: int) -> bool:
    if name in (NESTED, "now") or name.startswith(NESTED + "."):
        return False
    if name in TRUTH_COLUMNS and name not in _SLICEABLE_TRUTH:
        return False
    values: set[Any] = set()
    filled = 0
    for row in table.rows:
        value = row[i] if i < len(row) else None
        if value is None:
            continue
        filled += 1
        if value in values if type(value) is str else False:
            continue
        if isinstance(value, str):
            if len(value) > MAX_TEXT:
                return False
        elif not isinstance(value, (bool, int)):
            return False
        values.add(value if isinstance(value, str) else word_of(value))
        if len(values) > MAX_VALUES:
            return False
    if not values or all(_TIME.match(v) for v in values):
        return False
    if not table.typed and (_has_fractions(values) or any(v[:1] in "[{" for v in values if v)):
        return False  # measurements, and lists or objects written as text
    rows = len(table.rows)
    return len(values) < filled / 2 or (rows < _SMALL and len(values) < filled)


def _has_fractions(values: Collection[str]) -> bool:
    """Return whether texts are measurements: numbers, some of them not whole."""
    return all(_FRACTION.match(v) for v in values) and not all(_WHOLE.match(v) for v in values)
