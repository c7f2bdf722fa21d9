"""Parquet: one row per template, metric and slice, typed, nulls where nothing is known."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from promptreg.stages.report import write_whole
from promptreg.verdicts import Comparison
from promptreg_plugins.reporters.rows import COLUMNS, flat_rows


class ParquetReporter:
    """Writes the differences as a Parquet table."""

    extensions: ClassVar[Sequence[str]] = (".parquet",)

    def write(self, comparison: Comparison, path: Path) -> None:
        """Write the report to `path`, whole or not at all."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        types = {
            "text": pa.string(),
            "real": pa.float64(),
            "whole": pa.int64(),
            "yes_no": pa.bool_(),
        }
        schema = pa.schema(
            [pa.field(name, types[kind]) for name, kind in COLUMNS.items()],
            metadata={"promptreg.schema_version": comparison.schema_version},
        )
        table = pa.Table.from_pylist(flat_rows(comparison), schema=schema)
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="zstd")
        write_whole(path, buffer.getvalue())
