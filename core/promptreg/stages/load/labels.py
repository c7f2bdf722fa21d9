"""What people say of answers: a file of labels, one row per person, answer and dimension."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from promptreg.errors import DataError, did_you_mean
from promptreg.stages.load.csvfile import read_csv
from promptreg.stages.load.jsonfile import read_json, read_jsonl
from promptreg.stages.load.parquetfile import read_parquet
from promptreg.stages.load.table import Table

__all__ = ["Label", "read_labels"]

_READERS: Mapping[str, Callable[[Path], Table]] = {
    ".csv": read_csv,
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".json": read_json,
    ".parquet": read_parquet,
}
_NAMES = {
    "scenario_id": ("scenario_id", "id"),
    "version": ("version", "run"),
    "dimension": ("dimension", "metric"),
    "label": ("label", "grade"),
    "rater": ("rater",),
    "repeat": ("repeat",),
    "template": ("template",),
}
_NEEDED = ("scenario_id", "version", "dimension", "label")


@dataclass(frozen=True, slots=True)
class Label:
    """What one person says of one dimension of one answer.

    `version` is a version's label or a run's id; `place` says where in the file it stands.
    """

    scenario_id: str
    version: str
    dimension: str
    label: float
    rater: str
    repeat: int
    template: str
    place: str


def read_labels(path: Path) -> list[Label]:
    """Return the labels of a `.csv`, `.jsonl`, `.json` or `.parquet` file.

    Columns: `scenario_id`, `version` (or `run`), `dimension`, `label`; optional `rater`,
    `repeat` (default 0) and `template`. Rows without a label are skipped: nobody said anything.

    Raises:
        DataError: says file, line or row, column, value and what is allowed.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(
            f"{path}: unknown format {path.suffix or 'without ending'!r}; "
            f"allowed: {', '.join(_READERS)}"
        )
    table = reader(path)
    columns = _columns(table)
    found: list[Label] = []
    seen: dict[tuple[str, ...], str] = {}
    for i, row in enumerate(table.rows):
        place = table.place(i)

        def cell(name: str, row: tuple[Any, ...] = row) -> Any:
            at = columns.get(name)
            return row[at] if at is not None and at < len(row) else None

        if cell("label") is None or cell("label") == "":
            continue
        label = Label(
            _word(cell("scenario_id"), "scenario_id", place),
            _word(cell("version"), "version", place).removeprefix("run:"),
            _word(cell("dimension"), "dimension", place),
            _grade(cell("label"), place),
            str(cell("rater") or ""),
            _repeat(cell("repeat"), place),
            str(cell("template") or ""),
            place,
        )
        key = (
            *(label.scenario_id, label.version, label.dimension, label.rater),
            *(str(label.repeat), label.template),
        )
        if key in seen:
            raise DataError(
                f"{place}: a second label of {label.rater or 'the same person'} for "
                f"{label.dimension} of scenario {label.scenario_id!r}, {label.version}; the first "
                f"is at {seen[key]}. Several people are told apart by a column 'rater'"
            )
        seen[key] = place
        found.append(label)
    if not found:
        raise DataError(f"{path}: holds no label")
    return found


def _columns(table: Table) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, words in _NAMES.items():
        for word in words:
            if word in table.index:
                found.setdefault(name, table.index[word])
    for name in _NEEDED:
        if name not in found:
            allowed = " or ".join(_NAMES[name])
            near = did_you_mean(name, table.index)
            there = ", ".join(table.index) or "none"
            raise DataError(f"{table.path}: there is no column {allowed}{near}; there are: {there}")
    return found


def _word(value: Any, name: str, place: str) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)) or not str(value).strip():
        raise DataError(f"{place}: {name} is {value!r:.60}; allowed: a text")
    return str(value).strip()


def _grade(value: Any, place: str) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise DataError(f"{place}: label is {value!r:.60}; allowed: a number")
    return number


def _repeat(value: Any, place: str) -> int:
    if value is None or value == "":
        return 0
    try:
        number = -1.0 if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = -1.0
    if not (0 <= number < 1_000_000 and number == int(number)):
        raise DataError(f"{place}: repeat is {value!r:.60}; allowed: a whole number from 0")
    return int(number)
