"""Markdown for pull requests: verdict and table first, the rest folded, small enough to post."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from promptreg.stages.report import write_whole
from promptreg.verdicts import Comparison
from promptreg_plugins.markdown.escaping import escape
from promptreg_plugins.markdown.fitting import fit
from promptreg_plugins.markdown.sections import ending, headline, sections

__all__ = ["MAX_CHARACTERS", "MarkdownReporter", "escape", "markdown"]

MAX_CHARACTERS = 60_000
"""GitHub refuses comments above 65,536 characters."""


class MarkdownReporter:
    """Writes the comparison as GitHub-flavoured Markdown, at most 60,000 characters."""

    extensions: ClassVar[Sequence[str]] = (".md",)

    def write(self, comparison: Comparison, path: Path) -> None:
        """Write the report to `path`, whole or not at all."""
        write_whole(path, markdown(comparison).encode())


def markdown(comparison: Comparison) -> str:
    """Return the report; what does not fit is left out, and it says so."""
    pieces = [headline(comparison), *sections(comparison), ending(comparison)]
    return fit(pieces, MAX_CHARACTERS, "The HTML and JSON reports are whole.")
