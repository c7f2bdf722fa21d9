"""`promptreg scenarios ablate`."""

from __future__ import annotations

from typing import Annotated

import typer

from promptreg.cli import options as o

__all__ = ["ablate"]


def ablate(
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="FILE", help="The new file, .jsonl.")
    ],
    drop: Annotated[
        list[str],
        typer.Option("--drop", metavar="COLUMN", help="A column to take away; repeatable."),
    ],
    instead: Annotated[
        str, typer.Option("--with", metavar="TEXT", help="What stands there instead.")
    ] = "Not available.",
    config: o.Config = None,
    as_json: o.AsJson = False,
    env_file: o.EnvFile = None,
) -> int:
    """Write the suite's scenarios without some columns, to see whether answers need them.

    Ids and ground truth stay, so a run on them can be compared with a run on the whole ones:
    `compare run:WHOLE run:WITHOUT --allow-mismatch scenarios`.
    """
    from promptreg.cli.show import print_json
    from promptreg.pipeline.ablate import ablate as write
    from promptreg.pipeline.project import open_project
    from promptreg.stages.report.text import clean

    o.read_env_file(env_file)
    found = write(open_project(config), drop, instead, output)
    if as_json:
        print_json(
            {"output": output, "scenarios": found.scenarios, "replaced": dict(found.replaced)}
        )
        return 0
    replaced = ", ".join(f"{clean(name)} in {n}" for name, n in found.replaced.items())
    print(f"{output}: {found.scenarios} scenarios; replaced {replaced}")
    return 0
