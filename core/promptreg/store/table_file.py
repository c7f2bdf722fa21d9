"""The table of a run as a file: opened, checked and read within limits.

A Parquet file of a few kilobytes can decode to gigabytes. Text is therefore read as dictionary and
indices, which repeats nothing, and counted before it is spread out.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptreg.errors import StoreError
from promptreg.store.arrow import floats_of
from promptreg.store.manifest import Manifest
from promptreg.store.problems import from_os

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    from numpy.typing import NDArray

__all__ = ["check_bounds", "check_sum", "numbers", "open_table", "spread", "strings", "texts"]

_MOST_TRIALS = 10_000_000
_MOST_GROUP_ROWS = 100_000
_MOST_BYTES = 2**30


def check_sum(path: Path, manifest: Manifest) -> None:
    """Make sure that the file is the one the manifest was written for."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise StoreError(f"{path}: missing; the manifest beside it cannot replace it") from error
    except OSError as error:
        raise from_os(path, error) from error
    if found != manifest.table_sha256:
        raise StoreError(
            f"{path}: damaged or changed; {size} bytes with SHA-256 {found[:12]}, the manifest "
            f"says {manifest.table_bytes} bytes with {manifest.table_sha256[:12]}"
        )


@contextlib.contextmanager
def open_table(path: Path) -> Iterator[pq.ParquetFile]:
    """Open a table; text comes as dictionary and indices. Errors of reading are the store's."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        columns = [field.name for field in pq.read_schema(path) if pa.types.is_string(field.type)]
        with pq.ParquetFile(path, read_dictionary=columns, page_checksum_verification=True) as file:
            yield file
    except OSError as error:
        # pyarrow reports a damaged page as an OSError without a number.
        if error.errno is None:
            raise StoreError(f"{path}: damaged ({error})") from error
        raise from_os(path, error) from error
    except pa.ArrowException as error:
        raise StoreError(f"{path}: damaged ({error})") from error


def check_bounds(path: Path, file: pq.ParquetFile, columns: Sequence[str]) -> None:
    """Refuse what is larger than any run, or lacks a column.

    Raises:
        StoreError: names what is too large or missing.
    """
    facts = file.metadata
    known = file.schema_arrow.names
    for name in columns:
        if name not in known:
            raise StoreError(f"{path}: column {name!r} is missing")
    if facts.num_rows > _MOST_TRIALS:
        raise StoreError(f"{path}: {facts.num_rows} trials; allowed are {_MOST_TRIALS}")
    for at in range(facts.num_row_groups):
        group = facts.row_group(at)
        if group.num_rows > _MOST_GROUP_ROWS or group.total_byte_size > _MOST_BYTES:
            raise StoreError(
                f"{path}: group {at} has {group.num_rows} trials, {group.total_byte_size} bytes; "
                f"allowed are {_MOST_GROUP_ROWS} trials, {_MOST_BYTES} bytes"
            )


def strings(table: pa.Table, name: str, path: Path) -> list[str]:
    """Return a column of text, which must be whole."""
    import pyarrow as pa

    column = table.column(name)
    if not pa.types.is_dictionary(column.type):
        raise StoreError(f"{path}: column {name!r} is of type {column.type}; expected text")
    if (size := sum(spread(chunk) for chunk in column.chunks)) > _MOST_BYTES:
        raise StoreError(f"{path}: column {name!r} has {size} bytes; allowed are {_MOST_BYTES}")
    if column.null_count:
        raise StoreError(f"{path}: column {name!r} lacks {column.null_count} values")
    values: list[str] = []
    chunk: Any
    for chunk in column.chunks:
        words = chunk.dictionary.to_pylist()
        values += [words[int(at)] for at in floats_of(chunk.indices).tolist()]
    return values


def texts(table: pa.Table, name: str, path: Path) -> set[str]:
    """Return the different texts of a column that may lack values."""
    import pyarrow as pa

    column = table.column(name)
    if not pa.types.is_dictionary(column.type):
        raise StoreError(f"{path}: column {name!r} is of type {column.type}; expected text")
    chunks: list[Any] = list(column.chunks)
    if (size := sum(chunk.dictionary.nbytes for chunk in chunks)) > _MOST_BYTES:
        raise StoreError(f"{path}: column {name!r} has {size} bytes; allowed are {_MOST_BYTES}")
    return {word for chunk in chunks for word in chunk.dictionary.to_pylist() if word}


def numbers(table: pa.Table, name: str, path: Path) -> NDArray[np.float64]:
    """Return a column of numbers; NaN for nulls."""
    import numpy as np

    column = table.column(name)
    try:
        return np.concatenate([np.empty(0), *(floats_of(chunk) for chunk in column.chunks)])
    except TypeError as error:
        raise StoreError(f"{path}: column {name!r} is of type {error}") from error


def spread(column: Any) -> int:
    """Return the bytes of a column once every row has its own value."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    lengths = pc.take(pc.binary_length(column.dictionary), column.indices)
    return pc.sum(pc.cast(lengths, pa.int64())).as_py() or 0
