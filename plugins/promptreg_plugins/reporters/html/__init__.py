"""HTML: one self-contained page, readable without JavaScript, safe to open with hostile data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from promptreg.stages.report import write_whole
from promptreg.verdicts import Comparison


class HtmlReporter:
    """Writes the comparison as one HTML file that loads nothing from anywhere."""

    extensions: ClassVar[Sequence[str]] = (".html", ".htm")

    def write(self, comparison: Comparison, path: Path) -> None:
        """Write the report to `path`, whole or not at all."""
        from promptreg_plugins.reporters.html.page import page

        write_whole(path, page(comparison).encode())
