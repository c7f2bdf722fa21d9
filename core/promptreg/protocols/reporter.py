"""What a reporter must be able to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

from promptreg.verdicts import Comparison

__all__ = ["Reporter"]


@runtime_checkable
class Reporter(Protocol):
    """Writes a comparison for somebody."""

    extensions: ClassVar[Sequence[str]]
    """File-name endings it serves, such as `.html`; the longest match wins."""

    def write(self, comparison: Comparison, path: Path) -> None:
        """Write the report to `path`, whole or not at all."""
        ...
