"""`promptreg compare A B`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from promptreg.cli import groups as g
from promptreg.cli import options as o
from promptreg.cli.recording import Record
from promptreg.cli.spread import spread
from promptreg.errors import PromptregError

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptreg.pipeline.project import Options, Project
    from promptreg.verdicts import Comparison

__all__ = ["compare", "comparison_command"]

Baseline = Annotated[str, typer.Argument(metavar="BASELINE", help="The trusted version: v1, ...")]
Candidate = Annotated[str, typer.Argument(metavar="CANDIDATE", help="The version under test: v2.")]


@spread
def compare(
    baseline: Baseline,
    candidate: Candidate,
    *,
    config: o.Config = None,
    output: o.Output = None,
    asking: g.Looking,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Let the exit code say the verdict, as 'gate' does.")
    ] = False,
    record: Record = None,
    showing: g.Showing,
    env_file: o.EnvFile = None,
) -> int:
    """Run what is missing of both versions, compare them, and report.

    A reference is a label (v1), template@v1, template@git:HEAD~1, a file, or run:ID.
    Exits 0 whatever the verdict, unless --exit-code is given.
    """
    o.read_env_file(env_file)
    options = asking.options()
    comparison = comparison_command(
        config,
        lambda project: _compared(project, baseline, candidate, options),
        output or [],
        showing,
        record,
        "compare",
    )
    return int(comparison.gate.exit_code) if exit_code else 0


def _compared(project: Project, baseline: str, candidate: str, options: Options) -> Comparison:
    from promptreg.pipeline.compare import compare as compare_versions

    return compare_versions(project, baseline, candidate, options, handle_signals=True)


def comparison_command(
    config: str | None,
    compared: Callable[[Project], Comparison],
    output: list[str],
    showing: g.Showing,
    record: bool | None,
    command: str,
) -> Comparison:
    """Compare, write the reports, show the result; `compare` and `gate` share this.

    Args:
        config: the suite file.
        compared: compares, in the opened suite.
        output: reports to write.
        showing: how much is said.
        record: whether the history is to be told at once.
        command: what the history says made the comparison.
    """
    from promptreg.cli.progress import progress
    from promptreg.cli.recording import recording, remember
    from promptreg.cli.show import complain, show_comparison
    from promptreg.cli.telling import opened
    from promptreg.stages.report import plan_reports, write_reports

    with opened(config) as project:
        at_once = recording(project, record)
        planned = plan_reports(project.plugins.reporters, output)  # a wrong ending costs no call
        try:
            with progress(project.plugins, quiet=showing.silent):
                comparison = compared(project)
        except PromptregError:
            if older := [str(p.path) for p in planned if p.path.exists()]:
                told = f"{', '.join(older)}: of an earlier run; this one comes to no report"
                print(f"promptreg: {told}", file=sys.stderr)
            raise
        written = write_reports(comparison, planned)
        show_comparison(
            comparison,
            written,
            as_json=showing.as_json,
            quiet=showing.quiet,
            verbose=showing.verbose,
        )
    complain(project.plugins)
    remember(
        project,
        comparison,
        at_once=at_once,
        quiet=showing.quiet,
        command=command,
        written=written,
    )
    return comparison
