"""`promptreg export` and `promptreg import`: results out, and other tools' results in."""

from __future__ import annotations

from typing import Annotated

import typer

from promptreg.cli import options as o

__all__ = ["export", "import_"]


def export(
    runs: Annotated[list[str], typer.Argument(metavar="RUN", help="Run ids, with or without run:")],
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="FILE", help=".jsonl, .csv or .parquet")
    ],
    config: o.Config = None,
    env_file: o.EnvFile = None,
) -> int:
    """Write runs as recorded completions, which the provider 'recorded' reads back."""
    from promptreg.pipeline.project import open_project
    from promptreg.pipeline.transfer import export_runs

    o.read_env_file(env_file)
    project = open_project(config)
    rows = export_runs(project, [r.removeprefix("run:") for r in runs], output)
    print(f"wrote {rows:,} trials to {output}")
    return 0


def import_(
    source: Annotated[
        str,
        typer.Argument(metavar="FILE", help="promptfoo JSON, or a .jsonl, .csv or .parquet table."),
    ],
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="FILE", help="Recorded completions, .jsonl")
    ],
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="OURS=THEIRS",
            help="Which column of a table is which: scenario_id, version, text, ... Repeatable.",
        ),
    ] = None,
    scenario_variable: Annotated[
        str,
        typer.Option("--scenario", metavar="NAME", help="promptfoo: the variable with the id."),
    ] = "id",
) -> int:
    """Turn another tool's results into recorded completions."""
    from promptreg.pipeline.transfer import import_results

    rows, skipped = import_results(source, output, map_ or [], scenario_variable)
    print(f"wrote {rows:,} completions to {output}")
    for reason in skipped:
        print(f"skipped: {reason}")
    return 0
