"""Parquet, read under a budget: a few kilobytes can stand for gigabytes.

The footer is looked at before anything is decoded; text stays dictionary-encoded while it is
decoded, so a long value that comes back a million times is in memory once; and what the rows
would amount to is counted before they become Python values.
"""

from __future__ import annotations

import datetime
import decimal
from pathlib import Path
from typing import Any

from promptreg.errors import DataError
from promptreg.stages.load.table import MAX_FILE_BYTES, MAX_ROWS, Table
from promptreg.stages.load.text import check_file

__all__ = ["MAX_DECODED_BYTES", "MAX_VALUES", "read_parquet"]

MAX_DECODED_BYTES = 1024 * 1024 * 1024
MAX_VALUES = 40_000_000
_BATCH_ROWS = 8_192
_PREFIX_SHARING = "DELTA_BYTE_ARRAY"


def read_parquet(path: Path) -> Table:
    """Read a Parquet file.

    Raises:
        DataError: not Parquet, damaged, larger than the budget, or a column of a type that is no
            text, number, boolean, time, list or struct.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    check_file(path, MAX_FILE_BYTES)
    table = Table(path)
    try:
        with pq.ParquetFile(path) as file:
            texts = _look(path, file.metadata)
        with pq.ParquetFile(path, read_dictionary=texts) as file:
            for field in file.schema_arrow:
                if field.name in table.index:
                    raise DataError(f"{path}: the column {field.name!r} appears twice")
                table.add_column(field.name, str(path))
            _fill(table, file)
    except (pa.ArrowException, OSError, ValueError, OverflowError, KeyError, RecursionError) as e:
        raise DataError(f"{path}: no readable Parquet file: {e}") from e
    except MemoryError as e:
        raise DataError(f"{path}: decodes to more than fits in memory") from e
    # Dictionaries of unlike texts grow large, and pyarrow's pool keeps their pages to itself.
    pa.default_memory_pool().release_unused()
    return table


def _look(path: Path, footer: Any) -> list[str]:
    """Check what the footer announces; return the paths of text columns."""
    if footer.num_rows > MAX_ROWS:
        raise DataError(f"{path}: {footer.num_rows:,} rows; at most {MAX_ROWS:,} are read")
    size = values = 0
    texts: dict[str, None] = {}
    for g in range(footer.num_row_groups):
        group = footer.row_group(g)
        for c in range(group.num_columns):
            chunk = group.column(c)
            size += chunk.total_uncompressed_size
            values += chunk.num_values
            if chunk.physical_type == "BYTE_ARRAY":
                texts[chunk.path_in_schema] = None
                worst = chunk.num_values * chunk.total_uncompressed_size
                if _PREFIX_SHARING in chunk.encodings and worst > MAX_DECODED_BYTES:
                    raise DataError(
                        f"{path}: column {chunk.path_in_schema!r} is encoded as {_PREFIX_SHARING}, "
                        "whose decoded size cannot be bounded; write it plain or as a dictionary"
                    )
    if size > MAX_DECODED_BYTES:
        raise DataError(
            f"{path}: {size:,} bytes when decoded; at most {MAX_DECODED_BYTES:,} are read"
        )
    if values > MAX_VALUES:
        raise DataError(f"{path}: {values:,} values; at most {MAX_VALUES:,} are read")
    return list(texts)


def _fill(table: Table, file: Any) -> None:
    budget = MAX_DECODED_BYTES
    number = 0
    for batch in file.iter_batches(batch_size=_BATCH_ROWS):
        for column in batch.columns:
            budget -= _decoded_bytes(column)
        if budget < 0:
            raise DataError(f"{table.path}: more than {MAX_DECODED_BYTES:,} bytes when decoded")
        columns = [_values(table, name, batch.column(i)) for name, i in table.index.items()]
        for values in zip(*columns, strict=True):
            number += 1
            table.add_values(values, number)


def _decoded_bytes(array: Any) -> int:
    """Return about how many bytes the values are, a dictionary's counted each time it is used."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = array.type
    if pa.types.is_dictionary(kind):
        if not (pa.types.is_string(kind.value_type) or pa.types.is_large_string(kind.value_type)):
            return 16 * len(array)
        sizes = pc.binary_length(array.dictionary)
        return (pc.sum(pc.take(sizes, array.indices)).as_py() or 0) + 8 * len(array)
    if pa.types.is_struct(kind):
        return sum(_decoded_bytes(array.field(i)) for i in range(kind.num_fields))
    if pa.types.is_map(kind):
        return _decoded_bytes(array.keys) + _decoded_bytes(array.items)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _decoded_bytes(array.flatten()) + 8 * len(array)
    return int(array.nbytes) + 16 * len(array)


def _values(table: Table, name: str, array: Any) -> list[Any]:
    import pyarrow as pa

    kind = array.type
    if pa.types.is_dictionary(kind) and pa.types.is_string(kind.value_type):
        return _words(table, array)
    plain = _plain_type(table, name, kind)
    if plain != kind:
        array = array.cast(plain, safe=False)
    values: list[Any] = array.to_pylist(maps_as_pydicts="strict")
    if _is_simple(plain):
        return values
    return [_plain(v) for v in values]


def _words(table: Table, array: Any) -> list[str | None]:
    """Return a dictionary array's texts, equal ones shared.

    The dictionary of a batch may be that of all batches before: only what is used is looked up.
    """
    import pyarrow.compute as pc

    used = pc.unique(array.indices)
    texts = array.dictionary.take(used).to_pylist()
    shared = {
        i: None if text is None else table.share(text)
        for i, text in zip(used.to_pylist(), texts, strict=True)
    }
    return [shared[i] for i in array.indices.to_pylist()]


def _is_simple(kind: Any) -> bool:
    import pyarrow as pa

    t = pa.types
    return bool(t.is_integer(kind) or t.is_boolean(kind) or t.is_string(kind) or t.is_null(kind))


def _plain_type(table: Table, name: str, kind: Any) -> Any:
    """Return the type to convert to: no dictionaries, times in microseconds.

    Nanoseconds would come back as values of another library, which takes long to import.
    """
    import pyarrow as pa

    t = pa.types

    def inner(child: Any) -> Any:
        return _plain_type(table, name, child)

    if t.is_dictionary(kind):
        return inner(kind.value_type)
    if t.is_timestamp(kind):
        return pa.timestamp("us", kind.tz)
    if t.is_time(kind):
        return pa.time64("us")
    if t.is_duration(kind):
        return pa.duration("us")
    if t.is_struct(kind):
        return pa.struct([pa.field(f.name, inner(f.type)) for f in kind])
    if t.is_map(kind):
        return pa.map_(inner(kind.key_type), inner(kind.item_type))
    if t.is_list(kind) or t.is_large_list(kind) or t.is_fixed_size_list(kind):
        return pa.list_(inner(kind.value_type))
    if t.is_primitive(kind) or t.is_null(kind) or t.is_decimal(kind):
        return kind
    if t.is_string(kind) or t.is_large_string(kind):
        return pa.string()
    raise DataError(
        f"{table.path}: column {name!r} is of type {kind}; allowed: text, numbers, booleans, "
        "times, lists and structs of these (name images by path)"
    )


def _plain(value: Any) -> Any:
    """Return the value as JSON knows it: NaN is null, times are ISO 8601, durations seconds."""
    kind = type(value)
    if kind is str or kind is int or value is None or kind is bool:
        return value
    if kind is float:
        return None if value != value else value
    if kind is list:
        return [_plain(v) for v in value]
    if kind is dict:
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
