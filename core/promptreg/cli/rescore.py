"""`promptreg rescore RUN`."""

from __future__ import annotations

from typing import Annotated

import typer

from promptreg.cli import options as o

__all__ = ["rescore"]


def rescore(
    runs: Annotated[list[str], typer.Argument(metavar="RUN", help="Run ids, with or without run:")],
    config: o.Config = None,
    as_json: o.AsJson = False,
    quiet: o.Quiet = False,
    env_file: o.EnvFile = None,
) -> int:
    """Parse and score stored completions as the suite says now; nothing is generated."""
    from promptreg.cli.show import complain, print_json
    from promptreg.pipeline.project import open_project
    from promptreg.pipeline.rescore import rescore as rescore_run

    o.read_env_file(env_file)
    project = open_project(config)
    made = [rescore_run(project, run.removeprefix("run:")) for run in runs]
    if as_json:
        print_json([{"from": old, "run": run.id} for old, run in made])
    elif not quiet:
        for old, run in made:
            note = "unchanged" if old == run.id else f"from run:{old}"
            print(f"run:{run.id} ({note}), {len(run.columns)} metrics")
    complain(project.plugins)
    return 0
