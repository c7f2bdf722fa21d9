"""JSON and JSON Lines, strictly: duplicate keys, depth, NaN and huge numbers are looked at."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from promptreg.errors import DataError, UsageError
from promptreg.stages.load.table import MAX_FILE_BYTES, Table
from promptreg.stages.load.text import numbered_lines, read_text

__all__ = ["MAX_DEPTH", "parse_json", "read_json", "read_jsonl", "rows_of"]

MAX_DEPTH = 32
_Share = Callable[[str], str]


class _DuplicateKeyError(ValueError):
    pass


def _constant(name: str) -> None:
    if name == "NaN":  # what other tools write for a missing number
        return
    raise ValueError(f"{name} is no JSON number")


def _decoder(share: _Share | None) -> json.JSONDecoder:
    names: dict[str, str] = {}

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        if share is None:
            row = dict(items)
        else:  # the parser makes new texts for each row; equal ones are kept once
            row = {names.setdefault(k, k): share(v) if type(v) is str else v for k, v in items}
        if len(row) != len(items):
            seen: set[str] = set()
            for key, _ in items:
                if key in seen:
                    raise _DuplicateKeyError(f"the key {key!r:.80} appears twice in one object")
                seen.add(key)
        return row

    return json.JSONDecoder(object_pairs_hook=pairs, parse_constant=_constant)


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            child
            for parent in level
            if isinstance(parent, (list, dict))
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, (list, dict))
        ]
        if not level:
            return False
    return True


def _parse(decoder: json.JSONDecoder, text: str, where: str, error: type[UsageError]) -> Any:
    try:
        value = decoder.decode(text)
    except json.JSONDecodeError as e:
        spot = f"line {e.lineno}, column {e.colno}" if e.lineno > 1 else f"column {e.colno}"
        raise error(f"{where}: no valid JSON: {e.msg} at {spot}") from e
    except _DuplicateKeyError as e:
        raise error(f"{where}: {e}") from e
    except RecursionError as e:
        raise error(f"{where}: nested deeper than {MAX_DEPTH} levels") from e
    except ValueError as e:  # an integer of thousands of digits, Infinity
        raise error(f"{where}: no valid JSON: {e}") from e
    if text.count("[") + text.count("{") > MAX_DEPTH and _too_deep(value):
        raise error(f"{where}: nested deeper than {MAX_DEPTH} levels")
    return value


def parse_json(text: str, where: str, error: type[UsageError] = DataError) -> Any:
    """Return the value of a JSON text.

    Raises:
        UsageError: of the given type: not valid, a key twice, or nested too deeply.
    """
    return _parse(_decoder(None), text, where, error)


def read_jsonl(path: Path) -> Table:
    """Read one object per line; blank lines are skipped."""
    table = Table(path, "line")
    decoder = _decoder(table.share)
    for number, line in numbered_lines(path, MAX_FILE_BYTES):
        if not line.isspace():
            row = _parse(decoder, line, f"{path}: line {number}", DataError)
            table.add_mapping(row, number)
    return table


def read_json(path: Path) -> Table:
    """Read a list of objects, or an object whose `scenarios` is one."""
    text = read_text(path, MAX_FILE_BYTES)
    table = Table(path)
    return rows_of(_parse(_decoder(table.share), text, str(path), DataError), table)


def rows_of(data: Any, table: Table) -> Table:
    """Fill a table from a parsed document."""
    if isinstance(data, dict):
        if "scenarios" not in data:
            keys = ", ".join(map(str, list(data)[:8])) or "none"
            raise DataError(
                f"{table.path}: must be a list, or an object with the key 'scenarios'; "
                f"its keys: {keys}"
            )
        data = data["scenarios"]
    if not isinstance(data, list):
        raise DataError(f"{table.path}: scenarios must be a list, found {type(data).__name__}")
    for number, row in enumerate(data, 1):
        table.add_mapping(row, number)
    return table
