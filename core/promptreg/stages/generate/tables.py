"""Rows as a Parquet file whose bytes follow from the rows alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from promptreg.errors import DataError

__all__ = ["parquet_bytes"]

_GROUP_ROWS = 10_000


def parquet_bytes(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Return the rows as Parquet, columns in the order in which they first appear.

    Format version, compression and its level, size of row groups and pages are fixed, and no time
    is written. What remains is the version of the Arrow library, which stands in every footer: the
    same rows give the same bytes as long as that is the same.

    Raises:
        DataError: a column holds values of types that do not go together.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = dict.fromkeys(name for row in rows for name in row)
    columns: dict[str, Any] = {}
    for name in names:
        try:
            columns[name] = pa.array([row.get(name) for row in rows])
        except (pa.ArrowException, OverflowError) as e:
            kinds = sorted({type(row[name]).__name__ for row in rows if row.get(name) is not None})
            raise DataError(
                f"the column {name!r} cannot be written: values of {', '.join(kinds)} do not go "
                f"together ({e})"
            ) from e
    sink = pa.BufferOutputStream()
    pq.write_table(
        pa.table(columns),
        sink,
        version="2.6",
        data_page_version="1.0",
        compression="zstd",
        compression_level=19,
        row_group_size=_GROUP_ROWS,
        use_dictionary=True,
        write_statistics=False,
        store_schema=False,
        write_page_checksum=True,
    )
    return bytes(sink.getvalue())
