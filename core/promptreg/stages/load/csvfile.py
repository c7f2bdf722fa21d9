"""CSV: comma, double quotes, a header; every value is text and an empty cell is a missing value."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from promptreg.errors import DataError
from promptreg.stages.load.table import MAX_FILE_BYTES, Table
from promptreg.stages.load.text import numbered_lines

__all__ = ["read_csv"]

MAX_CELL = 4_000_000


def read_csv(path: Path) -> Table:
    """Read a CSV file.

    Raises:
        DataError: no header, a name twice, a row with another number of cells, an open quote.
    """
    table = Table(path, "line", typed=False)
    # The limit is a setting of the whole module; it is put back for whoever else uses it.
    before = csv.field_size_limit(MAX_CELL)
    try:
        _fill(table, path)
    finally:
        csv.field_size_limit(before)
    return table


def _fill(table: Table, path: Path) -> None:
    lines: Iterator[str] = (line for _, line in numbered_lines(path, MAX_FILE_BYTES))
    reader = csv.reader(lines, strict=True)
    try:
        header = next(reader, None)
        if not header:
            raise DataError(f"{path}: line 1: a header with the names of the columns is required")
        for name in header:
            if name in table.index:
                raise DataError(f"{path}: line 1: the column {name!r} appears twice")
            table.add_column(name, f"{path}: line 1")
        start = reader.line_num + 1
        for cells in reader:
            if cells:
                if len(cells) != len(header):
                    raise DataError(
                        f"{path}: line {start}: {len(cells)} cells, but the header has "
                        f"{len(header)}; a cell with a comma or a line break needs double quotes"
                    )
                share = table.share
                table.add_values(tuple([share(c) if c else None for c in cells]), start)
            start = reader.line_num + 1
    except csv.Error as e:
        raise DataError(f"{path}: line {reader.line_num}: no valid CSV: {e}") from e
