"""`promptreg templates`: versions, where aliases point, and how they move."""

from __future__ import annotations

import typer

from promptreg.cli.templates import diff, list_, promote, register, rollback, show

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="Versions and aliases: list, show, diff, register, promote, rollback.",
)
app.command(name="list")(list_.list_)
for _command in (show.show, diff.diff, register.register, promote.promote, rollback.rollback):
    app.command(name=_command.__name__)(_command)
