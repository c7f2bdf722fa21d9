"""`promptreg calibrate [REF]`."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated

import typer

from promptreg.cli import groups as g
from promptreg.cli import options as o
from promptreg.cli.spread import spread

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


@spread
def calibrate(
    ref: Ref = None,
    simulations: Simulations = 400,
    all_metrics: AllMetrics = False,
    *,
    config: o.Config = None,
    output: Output = None,
    asking: g.Calibrating,
    showing: g.Showing,
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
    options = asking.options()
    project = open_project(config)
    silent = showing.silent
    with ExitStack() as waiting, Steps("gates", quiet=silent) as steps:
        waiting.enter_context(progress(project.plugins, quiet=silent))

        def tick(done: int, total: int) -> None:
            waiting.close()  # all is asked; one display at a time
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
    if showing.as_json:
        print_json(report_json(report))
    else:
        from promptreg.cli.view_calibration import render_calibration

        render_calibration(report, quiet=showing.quiet, verbose=showing.verbose, reports=written)
    complain(project.plugins)
    return 0
