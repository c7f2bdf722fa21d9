"""`promptreg templates rollback TEMPLATE`."""

from __future__ import annotations

from typing import Annotated

import typer

from promptreg.cli import options as o
from promptreg.cli.recording import Record

__all__ = ["rollback"]


def rollback(
    templates: Annotated[
        list[str], typer.Argument(metavar="TEMPLATE", help="Whose alias; all move, or none.")
    ],
    alias: Annotated[
        str, typer.Option("--alias", metavar="NAME", help="Which alias.")
    ] = "production",
    to: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="VERSION", help="Label or hash of a version it pointed to before."
        ),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; recorded.")] = "",
    record: Record = None,
    config: o.Config = None,
    as_json: o.AsJson = False,
    env_file: o.EnvFile = None,
) -> int:
    """Move an alias back to where it pointed before; no model is asked.

    Again and again it goes further back. --to takes any version the alias has pointed to; it also
    settles where an alias points that merged branches moved apart.
    """
    from promptreg.cli.recording import record_now, recording
    from promptreg.cli.show import print_json
    from promptreg.cli.templates.words import move_json, short, written_words
    from promptreg.pipeline.project import open_project
    from promptreg.pipeline.templates.rollback import rollback as roll_back

    o.read_env_file(env_file)
    project = open_project(config)
    at_once = recording(project, record)
    moves = roll_back(project, templates, alias=alias, to=to, reason=reason)
    if as_json:
        print_json([move_json(m) for m in moves])
    else:
        for m in moves:
            print(
                f"{m.template}@{m.alias} points to {m.label} ({short(m.to_sha256)}) again; it was "
                f"{short(m.from_sha256)}"
            )
        print("\n".join(written_words(project)))
    if at_once:
        record_now(project, quiet=as_json)
    return 0
