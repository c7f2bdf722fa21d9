"""`promptreg history`: what was measured before, and how it went on."""

from __future__ import annotations

import typer

from promptreg.cli.history import export, gc, list_, show, sync, trend

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="Runs and comparisons of the past: list, show, trend, export, sync, gc.",
)
app.command(name="list")(list_.list_)
for _command in (show.show, trend.trend, export.export, sync.sync, gc.gc):
    app.command(name=_command.__name__)(_command)
