"""What several commands print: comparisons, tables, complaints."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptreg.cli.streams import document_stream

if TYPE_CHECKING:
    from rich.console import Console

    from promptreg.discovery import Plugins
    from promptreg.verdicts import Comparison

__all__ = ["complain", "console", "print_json", "print_table", "show_comparison"]

_COPIED = frozenset({"comparison", "id", "run", "scenario"})
"""Heads of columns that name what other commands take."""
_UNBOUNDED = 10_000


def console() -> Console:
    """Return a console for stdout that never reads markup or emoji codes into untrusted text."""
    from rich.console import Console

    return Console(markup=False, highlight=False, emoji=False, soft_wrap=False)


def print_json(value: Any) -> None:
    """Print one JSON document on stdout."""
    text = json.dumps(value, indent=2, ensure_ascii=True, allow_nan=False)
    # The same value; no command to the runner of a CI job.
    print(text.replace("##[", "#\\u0023["), file=document_stream())


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]], right: set[int]) -> None:
    """Print a plain table of any text, made harmless; columns in `right` are right-aligned.

    What is to be copied into the next command is never broken over lines; and a pipe or a file
    has no width that anything would have to be broken at, unless `COLUMNS` gives it one.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from promptreg.stages.report.text import clean

    shown = console()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for i, head in enumerate(heads):
        table.add_column(
            head,
            justify="right" if i in right else "left",
            overflow="fold",
            # A cell that cannot be wrapped is cut where it is too long: half the width never is.
            no_wrap=head in _COPIED and all(len(row[i]) <= shown.width // 2 for row in rows),
        )
    for row in rows:
        table.add_row(*(Text(clean(cell)) for cell in row))
    if not shown.is_terminal and "COLUMNS" not in os.environ:
        shown.width = shown.measure(table, options=shown.options.update_width(_UNBOUNDED)).maximum
    shown.print(table)


def show_comparison(
    comparison: Comparison,
    written: Sequence[Path],
    *,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Show a comparison on stdout: JSON, one line, or the whole view."""
    if as_json:
        from promptreg.stages.report import comparison_json

        print_json(comparison_json(comparison))  # ASCII: a pipe's encoding is anybody's guess
        return
    if quiet:
        gate = comparison.gate
        print(f"{gate.verdict.value.upper()}: {'; '.join(gate.reasons)}")
        return
    from promptreg.cli.view import render_comparison

    render_comparison(comparison, console(), verbose=verbose, reports=written)


def complain(plugins: Plugins) -> None:
    """Say on stderr which plug-ins are broken or raised in an event; neither changes a verdict."""
    from promptreg.stages.report.text import clean

    lines = [
        f"plug-in {broken.name} of {broken.owner} could not be loaded: {broken.reason}"
        for broken in plugins.broken
    ]
    for line in (*lines, *plugins.complaints):
        print(f"promptreg: {clean(line)}", file=sys.stderr)
