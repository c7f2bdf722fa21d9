"""Ground truth: what is known right for a scenario, checked and brought into one shape."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from promptreg.errors import DataError
from promptreg.stages.load.jsonfile import parse_json

__all__ = ["NESTED", "TRUTH_COLUMNS", "ground_truth", "truth_columns"]

NESTED = "ground_truth"
TRUTH_COLUMNS = frozenset(
    {
        "risk_range",
        "risk_low",
        "risk_high",
        "key_points",
        "reasoning_key_points",
        "expected_summary",
        "expected_boxes",
        "expected_level",
        "expected_enrichment_models",
        "should_trigger_alert",
        "label",
    }
)
_LOW, _HIGH = 0, 100
_RANGE = re.compile(
    r"\s*([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(?:-|–|\.\.|to)\s*([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*\Z"
)
_ENDS = (("low", "high"), ("min", "max"))


def truth_columns(columns: Mapping[str, int]) -> dict[str, str]:
    """Return column name to ground-truth name, for the top-level columns that hold ground truth.

    These are the well-known names, every `expected_...`, and `ground_truth.NAME`, which is what
    flattening a nested object leaves behind.
    """
    found = {}
    for column in columns:
        if column in TRUTH_COLUMNS or column.startswith("expected_"):
            found[column] = column
        elif column.startswith(NESTED + ".") and len(column) > len(NESTED) + 1:
            found[column] = column[len(NESTED) + 1 :]
    return found


def ground_truth(
    row: Mapping[str, Any], columns: Mapping[str, str], place: Callable[[], str]
) -> dict[str, Any]:
    """Return a scenario's ground truth; names without a value are left out.

    Args:
        row: the scenario's columns.
        columns: as returned by `truth_columns`.
        place: says where the row stands, for messages.

    Raises:
        DataError: a value breaks its rules, or two columns contradict each other.
    """
    truth: dict[str, Any] = {}
    source: dict[str, str] = {}
    nested = row.get(NESTED)
    if isinstance(nested, str):
        nested = parse_json(nested, f"{place()}: {NESTED}")
    if nested is not None:
        if not isinstance(nested, Mapping):
            raise DataError(
                f"{place()}: {NESTED}: must be an object, found {type(nested).__name__}"
            )
        for name, value in nested.items():
            if value is not None:
                truth[name] = _checked(name, value, f"{NESTED}.{name}", place)
                source[name] = f"{NESTED}.{name}"
        _join_ends(truth, source, place)
    flat: dict[str, Any] = {}
    flat_source: dict[str, str] = {}
    for column, name in columns.items():
        value = row[column]
        if value is None:
            continue
        value = _checked(name, value, column, place)
        _add(flat, flat_source, name, value, column, place)
    _join_ends(flat, flat_source, place)
    for name, value in flat.items():
        _add(truth, source, name, value, flat_source[name], place)
    return truth


def _add(
    truth: dict[str, Any],
    source: dict[str, str],
    name: str,
    value: Any,
    column: str,
    place: Callable[[], str],
) -> None:
    if name in truth and truth[name] != value:
        raise DataError(
            f"{place()}: {source[name]} is {truth[name]!r:.80}, but {column} is {value!r:.80}; "
            "say it once"
        )
    truth.setdefault(name, value)
    source.setdefault(name, column)


def _join_ends(truth: dict[str, Any], source: dict[str, str], place: Callable[[], str]) -> None:
    """Turn `risk_low` and `risk_high` into a `risk_range`."""
    if "risk_low" not in truth and "risk_high" not in truth:
        return
    low, high = truth.pop("risk_low", None), truth.pop("risk_high", None)
    if low is None or high is None:
        raise DataError(f"{place()}: risk_low and risk_high must be given together")
    numbers = [_number(x) if isinstance(x, str) else x for x in (low, high)]
    value = _risk_range(numbers, "risk_low/risk_high", place)
    _add(truth, source, "risk_range", value, "risk_low/risk_high", place)


def _number(text: str) -> Any:
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() else number


def _checked(name: str, value: Any, column: str, place: Callable[[], str]) -> Any:
    if name == "risk_range":
        return _risk_range(value, column, place)
    if name == "should_trigger_alert":
        return _boolean(value, column, place)
    if name in ("key_points", "reasoning_key_points"):
        return _points(_unfolded(value, column, place), column, place)
    return _unfolded(value, column, place)


def _unfolded(value: Any, column: str, place: Callable[[], str]) -> Any:
    """Return the list or object that a cell of text stands for; other text is left alone."""
    if isinstance(value, str) and value[:1] in ("[", "{") and value[-1:] in ("]", "}"):
        try:
            return parse_json(value, column)
        except DataError:
            if column.startswith(("expected_summary", NESTED + ".expected_summary")):
                return value  # prose may stand in brackets
            raise DataError(f"{place()}: {column}: {value!r:.80} is no valid JSON") from None
    return value


def _points(value: Any, column: str, place: Callable[[], str]) -> Any:
    if isinstance(value, str):
        return value  # a finding of `validate`: a text has letters, not points
    if not isinstance(value, (list, tuple)) or not all(isinstance(p, str) for p in value):
        raise DataError(f"{place()}: {column}: must be a list of texts, found {value!r:.80}")
    return list(value)


def _boolean(value: Any, column: str, place: Callable[[], str]) -> bool:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else None
    if word in ("true", "false"):
        return word == "true"
    raise DataError(f"{place()}: {column}: must be true or false, found {value!r:.80}")


def _risk_range(value: Any, column: str, place: Callable[[], str]) -> list[int | float]:
    """Return [low, high] in points from a pair, an object, JSON text, or text such as `0-25`."""
    pair = value
    if isinstance(pair, str):
        match = _RANGE.match(pair)
        if match:
            pair = [_number(match.group(1)), _number(match.group(2))]
        elif pair.strip()[:1] in ("[", "{", "("):
            text = pair.strip()
            if text[0] == "(" and text[-1] == ")":
                text = f"[{text[1:-1]}]"
            pair = parse_json(text, f"{place()}: {column}")
    if isinstance(pair, Mapping):
        pair = next(
            ([pair[low], pair[high]] for low, high in _ENDS if set(pair) == {low, high}),
            None,
        )
    if not isinstance(pair, (list, tuple)) or len(pair) != 2:
        raise _bad_range(value, column, place)
    for end in pair:
        if isinstance(end, bool) or not isinstance(end, (int, float)):
            raise _bad_range(value, column, place)
        if not math.isfinite(end) or not _LOW <= end <= _HIGH:
            raise _bad_range(value, column, place)
    low, high = (int(x) if float(x).is_integer() else float(x) for x in pair)
    if low > high:
        raise DataError(f"{place()}: {column}: low {low} is above high {high}; allowed: low ≤ high")
    return [low, high]


def _bad_range(value: Any, column: str, place: Callable[[], str]) -> DataError:
    return DataError(
        f"{place()}: {column}: {value!r:.80} is no risk range; allowed: two numbers from "
        f"{_LOW} to {_HIGH}, such as [0, 25] or '0-25'"
    )
