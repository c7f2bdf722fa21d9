"""What a person looked at and put right."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from promptreg.errors import SuiteError

__all__ = ["Reviewed", "read_reviewed"]

_MOST_BYTES = 20_000_000


@dataclass(frozen=True, slots=True)
class Reviewed:
    """By scenario what a person says of its ground truth; an empty one: it is right as it is."""

    rows: Mapping[str, Mapping[str, Any]]
    sha256: str = ""

    def check(self, known: set[str]) -> None:
        """Refuse scenarios that no picture makes.

        Raises:
            SuiteError: names them.
        """
        if odd := sorted(set(self.rows) - known):
            raise SuiteError(f"review: names {', '.join(odd[:5])}, of which there is no picture")


def read_reviewed(path: Path) -> Reviewed:
    """Return what a `.jsonl` or `.csv` file says.

    Columns besides `scenario_id` are ground truth; a cell of CSV may hold JSON.

    Raises:
        SuiteError: it cannot be read, or lacks `scenario_id`; names the line.
    """
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as e:
        raise SuiteError(f"review: {path}: cannot be read: {e}") from e
    if len(data) > _MOST_BYTES:
        raise SuiteError(f"review: {path}: larger than {_MOST_BYTES:,} bytes")
    rows: dict[str, dict[str, Any]] = {}
    for n, row in _rows(path, text):
        name = row.pop("scenario_id", None)
        if not isinstance(name, str) or not name or name in rows:
            raise SuiteError(
                f"review: {path}: line {n}: scenario_id is {name!r:.80}; allowed: each picture once"
            )
        rows[name] = {k: v for k, v in row.items() if v is not None}
    return Reviewed(rows, hashlib.sha256(data).hexdigest())


def _rows(path: Path, text: str) -> list[tuple[int, dict[str, Any]]]:
    try:
        if path.suffix.lower() == ".csv":
            found = []
            for n, row in enumerate(csv.DictReader(io.StringIO(text)), 2):
                told = {k: v for k, v in row.items() if k and v not in (None, "")}
                made = {k: v if k == "scenario_id" else _cell(v) for k, v in told.items()}
                found.append((n, made))
            return found
        lines = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
        rows = [(n, json.loads(line)) for n, line in lines]
    except (ValueError, RecursionError, csv.Error) as e:
        raise SuiteError(f"review: {path}: cannot be read: {e}") from e
    for n, row in rows:
        if not isinstance(row, dict):
            raise SuiteError(f"review: {path}: line {n}: must be an object")
    return rows


def _cell(text: str) -> Any:
    """Return a cell's JSON value; what is none is text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
