"""`promptreg compare A B`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from promptreg.cli import options as o
from promptreg.cli.recording import Record

if TYPE_CHECKING:
    from promptreg.pipeline.project import Options
    from promptreg.verdicts import Comparison

__all__ = ["compare", "comparison_command"]

Baseline = Annotated[str, typer.Argument(metavar="BASELINE", help="The trusted version: v1, ...")]
Candidate = Annotated[str, typer.Argument(metavar="CANDIDATE", help="The version under test: v2.")]


def compare(
    baseline: Baseline,
    candidate: Candidate,
    config: o.Config = None,
    output: o.Output = None,
    concurrency: o.Concurrency = None,
    repeats: o.Repeats = None,
    limit: o.Limit = None,
    filter_: o.Filter = None,
    template: o.TemplateNames = None,
    seed: o.Seed = None,
    no_cache: o.NoCache = False,
    alpha: o.Alpha = None,
    margin: o.Margin = None,
    budget: o.Budget = None,
    allow_unmatched: o.AllowUnmatched = False,
    allow_mismatch: o.AllowMismatch = None,
    sequential: o.Sequential = None,
    looks: o.Looks = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Let the exit code say the verdict, as 'gate' does.")
    ] = False,
    record: Record = None,
    as_json: o.AsJson = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    env_file: o.EnvFile = None,
) -> int:
    """Run what is missing of both versions, compare them, and report.

    A reference is a label (v1), template@v1, template@git:HEAD~1, a file, or run:ID.
    Exits 0 whatever the verdict, unless --exit-code is given.
    """
    o.read_env_file(env_file)
    options = o.make_options(
        template=template,
        filters=filter_,
        limit=limit,
        repeats=repeats,
        seed=seed,
        concurrency=concurrency,
        no_cache=no_cache,
        budget=budget,
        alpha=alpha,
        margins=margin,
        allow_unmatched=allow_unmatched,
        allow_mismatch=allow_mismatch,
        sequential=sequential,
        looks=looks,
    )
    comparison = comparison_command(
        config, baseline, candidate, options, output or [], as_json, quiet, verbose, record
    )
    return int(comparison.gate.exit_code) if exit_code else 0


def comparison_command(
    config: str | None,
    baseline: str,
    candidate: str,
    options: Options,
    output: list[str],
    as_json: bool,
    quiet: bool,
    verbose: bool,
    record: bool | None = None,
    command: str = "compare",
) -> Comparison:
    """Compare, write the reports, show the result; `compare` and `gate` share this."""
    from promptreg.cli.progress import progress
    from promptreg.cli.recording import recording, remember
    from promptreg.cli.show import complain, show_comparison
    from promptreg.cli.telling import opened
    from promptreg.pipeline.compare import compare as compare_versions
    from promptreg.stages.report import plan_reports, write_reports

    with opened(config) as project:
        at_once = recording(project, record)
        planned = plan_reports(project.plugins.reporters, output)  # a wrong ending costs no call
        with progress(project.plugins, quiet=quiet or as_json):
            comparison = compare_versions(
                project, baseline, candidate, options, handle_signals=True
            )
        written = write_reports(comparison, planned)
        show_comparison(comparison, written, as_json=as_json, quiet=quiet, verbose=verbose)
    complain(project.plugins)
    remember(project, comparison, at_once=at_once, quiet=quiet, command=command, written=written)
    return comparison
