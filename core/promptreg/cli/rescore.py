"""`promptreg rescore RUN`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from promptreg.cli import options as o

__all__ = ["rescore"]


def rescore(
    runs: Annotated[list[str], typer.Argument(metavar="RUN", help="Run ids, with or without run:")],
    config: o.Config = None,
    no_cache: o.NoCache = False,
    budget: o.Budget = None,
    as_json: o.AsJson = False,
    quiet: o.Quiet = False,
    env_file: o.EnvFile = None,
) -> int:
    """Parse and score stored completions as the suite says now; nothing is generated.

    Scorers that ask a model (judges) ask it for what the store lacks.
    """
    from promptreg.cli.show import complain, print_json
    from promptreg.pipeline.project import open_project
    from promptreg.pipeline.rescore import rescore as rescore_run
    from promptreg.stages.call import Spent

    o.read_env_file(env_file)
    project = open_project(config)
    options = o.make_options(no_cache=no_cache, budget=budget)
    spent = Spent()  # one budget for all runs
    made = [rescore_run(project, run.removeprefix("run:"), options, spent) for run in runs]
    for warning in dict.fromkeys(w for *_, warnings in made for w in warnings):
        print(f"warning: {warning}", file=sys.stderr)
    if as_json:
        print_json([{"from": old, "run": run.id} for old, run, _ in made])
    elif not quiet:
        for old, run, _ in made:
            note = "unchanged" if old == run.id else f"from run:{old}"
            print(f"run:{run.id} ({note}), {len(run.columns)} metrics")
    complain(project.plugins)
    return 0
