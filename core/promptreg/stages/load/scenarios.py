"""Scenario files become a `ScenarioSet`."""

from __future__ import annotations

import gc
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from promptreg.errors import DataError, did_you_mean
from promptreg.records import Scenario, ScenarioSet
from promptreg.stages.load.attributes import attribute_columns, word_of
from promptreg.stages.load.content import check_images
from promptreg.stages.load.csvfile import read_csv
from promptreg.stages.load.digest import digest
from promptreg.stages.load.images import IMAGE_COLUMNS, Images
from promptreg.stages.load.jsonfile import read_json, read_jsonl
from promptreg.stages.load.parquetfile import read_parquet
from promptreg.stages.load.table import Row, Table
from promptreg.stages.load.truth import NESTED, ground_truth, truth_columns
from promptreg.stages.load.yamlfile import read_yaml

__all__ = ["ID_COLUMNS", "load_scenarios"]

ID_COLUMNS = ("id", "scenario_id")
MAX_ID = 200
_READERS: dict[str, Callable[[Path], Table]] = {
    ".parquet": read_parquet,
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".csv": read_csv,
    ".json": read_json,
    ".yaml": read_yaml,
    ".yml": read_yaml,
}
_SHARED_OBJECTS = 10_000


def load_scenarios(
    path: Path,
    *,
    cluster: str | None = None,
    attributes: Sequence[str] | None = None,
    stands_for: Path | None = None,
) -> ScenarioSet:
    """Return the scenarios of a `.parquet`, `.jsonl`, `.ndjson`, `.csv`, `.json`, `.yaml` file.

    Args:
        path: the file; its ending says the format.
        cluster: the column that names the family; None: each scenario is its own.
        attributes: the columns to slice by; None: every column of few distinct words.
        stands_for: for a copy: the file it is a copy of, for messages and paths of images.

    Raises:
        DataError: says file, line or row, field, value and what is allowed.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(
            f"{path}: unknown format {path.suffix or 'without ending'!r}; "
            f"allowed: {', '.join(_READERS)}"
        )
    # Millions of objects that all stay make the cycle collector look at them again and again.
    collecting = gc.isenabled()
    gc.disable()
    try:
        table = reader(path)
        table.path = stands_for or path
        return _build(table, cluster, attributes)
    finally:
        if collecting:
            gc.enable()


def _build(table: Table, cluster: str | None, attributes: Sequence[str] | None) -> ScenarioSet:
    if not table.rows:
        raise DataError(f"{table.path}: holds no scenarios")
    ids = _ids(table)
    if cluster is not None and cluster not in table.index:
        raise DataError(
            f"{table.path}: the cluster {cluster!r} is no column"
            f"{did_you_mean(cluster, table.index)}; columns: {', '.join(table.index)}"
        )
    never = {*ID_COLUMNS, *IMAGE_COLUMNS, *([cluster] if cluster else [])}
    slicers = attribute_columns(table, attributes, never)
    known_truths = _Truths(table)
    images = Images(table)
    sets: dict[tuple[str | None, ...], dict[str, str]] = {}
    scenarios = []
    for n, values in enumerate(table.rows):
        row = Row(table.index, values)
        words = tuple([None if row[c] is None else word_of(row[c]) for c in slicers])
        kept = sets.get(words)
        if kept is None:
            kept = {c: w for c, w in zip(slicers, words, strict=True) if w is not None}
            if len(sets) < _SHARED_OBJECTS:
                sets[words] = kept
        truth = known_truths.of(row, n)
        family = _family(table, row, cluster, ids[n], n) if cluster else ids[n]
        scenarios.append(Scenario(ids[n], row, truth, kept, family, images.of(row, n)))

    def place(scenario: Scenario) -> str:
        return f"{table.path}: scenario {scenario.id!r}"

    check_images(scenarios, place)
    sha256 = digest(scenarios, place)
    return ScenarioSet(tuple(scenarios), sha256, str(table.path), len(scenarios))


class _Truths:
    """Checks each distinct ground truth once, and keeps it once."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._columns = truth_columns(table.index)
        self._names = [n for n in (NESTED, *self._columns) if n in table.index]
        self._known: dict[str, dict[str, Any]] = {}

    def of(self, row: Row, n: int) -> dict[str, Any]:
        text = repr([row[name] for name in self._names])
        truth = self._known.get(text)
        if truth is None:
            truth = ground_truth(row, self._columns, lambda: self._table.place(n))
            if len(self._known) < _SHARED_OBJECTS:
                self._known[text] = truth
        return truth


def _ids(table: Table) -> list[str]:
    column = next((c for c in ID_COLUMNS if c in table.index), None)
    if column is None:
        raise DataError(
            f"{table.path}: no column {' or '.join(map(repr, ID_COLUMNS))}; "
            f"columns: {', '.join(table.index)}"
        )
    i = table.index[column]
    seen: dict[str, int] = {}
    for n, row in enumerate(table.rows):
        text = _id(row[i] if i < len(row) else None, column, table, n)
        first = seen.setdefault(text, n)
        if first != n:
            raise DataError(
                f"{table.place(n)}: {column} {text!r} is already the id of {table.unit} "
                f"{table.place(first).rpartition(' ')[2]}; ids must differ"
            )
    return list(seen)


def _id(value: Any, column: str, table: Table, n: int) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and value.strip() and len(value) <= MAX_ID:
        if value.isprintable() or not any(
            unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in value
        ):
            return value
        raise DataError(f"{table.place(n)}: {column}: {value!r:.80} holds control characters")
    found = f"text of {len(value)} characters" if isinstance(value, str) and value else repr(value)
    raise DataError(
        f"{table.place(n)}: {column}: found {found:.80}; allowed: 1-{MAX_ID} characters, or a "
        "whole number"
    )


def _family(table: Table, row: Row, cluster: str, own: str, n: int) -> str:
    value = row[cluster]
    if value is None:
        return own
    if isinstance(value, (list, dict)):
        raise DataError(
            f"{table.place(n)}: {cluster}: must be text, a number or a boolean to name a family, "
            f"found a {type(value).__name__}"
        )
    return word_of(value)
