"""Rows of a JSONL, CSV or Parquet file, under limits on size."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from promptreg.errors import DataError

__all__ = ["MAX_BYTES", "MAX_ROWS", "rows_of"]

MAX_BYTES = 512_000_000
"""The largest file, and the largest content of a compressed one."""
MAX_ROWS = 2_000_000
_CELL = 16_000_000


def rows_of(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line or row number from 1, row) for each row of the file.

    Raises:
        DataError: the file cannot be read, is too large, or a row is broken; says where.
    """
    readers = {".jsonl": _jsonl, ".ndjson": _jsonl, ".csv": _csv, ".parquet": _parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"{path}: found {path.suffix!r}; allowed: .jsonl, .csv, .parquet")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"{path}: larger than {MAX_BYTES:,} bytes")
        for count, row in enumerate(reader(path)):
            if count >= MAX_ROWS:
                raise DataError(f"{path}: more than {MAX_ROWS:,} rows")
            yield row
    except OSError as e:
        raise DataError(f"{path}: cannot be read: {e.strerror or e}") from e
    except UnicodeDecodeError as e:
        raise DataError(f"{path}: is not UTF-8 (byte {e.start:,} of a block)") from e


def _jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as e:
                said = e.msg if isinstance(e, json.JSONDecodeError) else type(e).__name__
                raise DataError(f"{path}:{number}: not JSON: {said}") from e
            if not isinstance(row, dict):
                raise DataError(
                    f"{path}:{number}: found a JSON {type(row).__name__}; each line is an object"
                )
            yield number, row


def _csv(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    # The limit is the process's: it is only ever raised, so that long completions can be read.
    csv.field_size_limit(max(csv.field_size_limit(), _CELL))
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = next(reader, None)
            if header is None:
                raise DataError(f"{path}: is empty; its first line names the columns")
            twice = sorted({name for name in header if header.count(name) > 1})
            if twice:
                raise DataError(f"{path}: the column {twice[0]!r} appears twice")
            for cells in reader:
                if not cells:
                    continue
                if len(cells) != len(header):
                    raise DataError(
                        f"{path}:{reader.line_num}: found {len(cells)} cells, "
                        f"the header has {len(header)}"
                    )
                yield reader.line_num, dict(zip(header, cells, strict=True))
        except csv.Error as e:
            raise DataError(f"{path}:{reader.line_num}: not CSV: {e}") from e


def _parquet(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        meta = pq.read_metadata(path)
        size = sum(meta.row_group(i).total_byte_size for i in range(meta.num_row_groups))
        if size > MAX_BYTES:
            raise DataError(f"{path}: decompresses to {size:,} bytes; allowed: {MAX_BYTES:,}")
        if meta.num_rows > MAX_ROWS:
            raise DataError(f"{path}: more than {MAX_ROWS:,} rows")
        schema = pq.read_schema(path)
        texts = [
            field.name
            for field in schema
            if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
        ]
        # Text stays dictionary-encoded, and each entry becomes one shared `str`: a small file
        # whose million rows all point to one large text costs that text once.
        with pq.ParquetFile(path, read_dictionary=texts) as file:
            number = 0
            known: dict[str, tuple[Any, list[Any]]] = {}
            for batch in file.iter_batches(batch_size=4096):
                columns = {
                    name: _cells(name, batch.column(i), known)
                    for i, name in enumerate(batch.schema.names)
                }
                for k in range(batch.num_rows):
                    number += 1
                    yield number, {name: cells[k] for name, cells in columns.items()}
    except pa.ArrowException as e:
        raise DataError(f"{path}: not Parquet: {str(e)[:200]}") from e


def _cells(name: str, column: Any, known: dict[str, tuple[Any, list[Any]]]) -> list[Any]:
    """Return a column's values as Python objects, sharing repeated texts.

    Args:
        name: the column's name.
        column: one batch of it.
        known: the last dictionary of each column and its words; kept from batch to batch.
    """
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        return list(column.to_pylist())
    if name not in known or not known[name][0].equals(column.dictionary):
        known[name] = (column.dictionary, column.dictionary.to_pylist())
    words = known[name][1]
    return [None if k is None else words[k] for k in column.indices.to_pylist()]
