"""CSV: one row per template, metric and slice, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from promptreg.stages.report import write_whole
from promptreg.verdicts import Comparison
from promptreg_plugins.reporters.rows import COLUMNS, flat_rows

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""First characters by which spreadsheets know a formula; the wide ones count as well."""


class CsvReporter:
    """Writes the differences as CSV (UTF-8, CRLF); what could be a formula is made a text."""

    extensions: ClassVar[Sequence[str]] = (".csv",)

    def write(self, comparison: Comparison, path: Path) -> None:
        """Write the report to `path`, whole or not at all."""
        buffer = io.StringIO()
        writer = csv.writer(buffer)
        writer.writerow(COLUMNS)
        for row in flat_rows(comparison):
            writer.writerow([_cell(row.get(name)) for name in COLUMNS])
        write_whole(path, buffer.getvalue().encode())


def _cell(value: Any) -> Any:
    """Return what is written: numbers as they are, booleans in words, texts never a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return repr(value)
    flat = " ".join(value.split("\n"))
    return f"'{flat}" if flat.lstrip(" ").startswith(_FORMULA) else flat
