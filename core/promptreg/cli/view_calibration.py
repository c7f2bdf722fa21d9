"""A calibration in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from promptreg.cli.calibration_tables import headline, sections, spent
from promptreg.cli.show import console, print_table
from promptreg.pipeline.calibrate.report import CalibrationReport
from promptreg.stages.report.text import one_line

__all__ = ["render_calibration"]


def render_calibration(
    report: CalibrationReport,
    *,
    quiet: bool = False,
    verbose: bool = False,
    reports: Sequence[Path] = (),
) -> None:
    """Print a calibration for people.

    Args:
        report: what to print.
        quiet: the first line and warnings only.
        verbose: the noise of every metric, how to read it.
        reports: files that were written, named at the end.
    """
    out = console()

    def line(text: str, style: str = "") -> None:
        out.print(Text(one_line(text, 1_000)), style=style)

    line(headline(report), "bold")
    for warning in report.warnings:
        line(f"warning: {warning}", "yellow")
    if quiet:
        return
    for section in sections(report, verbose=verbose):
        out.print()
        line(section.title, "bold")
        if section.rows:
            print_table(section.heads, section.rows, set(section.right))
        for remark in section.remarks:
            line(remark)
    out.print()
    for note in report.notes if verbose or report.deterministic else ():
        line(note, "dim")
    line(spent(report), "dim")
    line(f"provider {report.provider}", "dim")
    for path in reports:
        line(f"report: {path}")
