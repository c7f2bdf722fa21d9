"""`promptreg calibrate [REF]`."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated

import typer

from promptreg.cli import options as o

__all__ = ["calibrate"]

Ref = Annotated[
    str | None,
    typer.Argument(metavar="REF", help="The version to ask; default: the suite's first label."),
]
Output = Annotated[
    list[str] | None,
    typer.Option(
        "-o", "--output", metavar="FILE", help="Write a report; repeatable: .json or .md."
    ),
]
Simulations = Annotated[
    int,
    typer.Option("--simulations", min=20, max=100_000, help="Simulated gates for each rate."),
]
AllMetrics = Annotated[
    bool,
    typer.Option(
        "--all-metrics",
        help="Worsen every gating metric in turn, not only those under 'prove' and the guards.",
    ),
]


def calibrate(
    ref: Ref = None,
    simulations: Simulations = 400,
    all_metrics: AllMetrics = False,
    config: o.Config = None,
    output: Output = None,
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
    as_json: o.AsJson = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    env_file: o.EnvFile = None,
) -> int:
    """Measure this gate's own error rates on this suite: false alarms, and power at the margin.

    Asks one version twice as often as one side of a gate (--repeats is of one side), then draws
    gates from the answers: how many accuse a version of being worse than itself, and how many let
    a worsening of known size pass. The result is kept; 'compare' and 'gate' show it until
    something changes.
    """
    from promptreg.cli.calibration_files import plan_files, write_files
    from promptreg.cli.progress import progress
    from promptreg.cli.progress_steps import Steps
    from promptreg.cli.show import complain, print_json
    from promptreg.pipeline.calibrate.report import report_json
    from promptreg.pipeline.calibrate.run import calibrate as run_calibration
    from promptreg.pipeline.project import open_project

    files = plan_files(output or [])  # a wrong ending costs no call
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
    )
    project = open_project(config)
    silent = quiet or as_json
    with ExitStack() as asking, Steps("gates", quiet=silent) as steps:
        asking.enter_context(progress(project.plugins, quiet=silent))

        def tick(done: int, total: int) -> None:
            asking.close()  # all is asked; one display at a time
            steps.show(done, total)

        report = run_calibration(
            project,
            ref,
            options,
            simulations=simulations,
            every_metric=all_metrics,
            tick=tick,
            handle_signals=True,
        )
    written = write_files(report, files)
    if as_json:
        print_json(report_json(report))
    else:
        from promptreg.cli.view_calibration import render_calibration

        render_calibration(report, quiet=quiet, verbose=verbose, reports=written)
    complain(project.plugins)
    return 0
