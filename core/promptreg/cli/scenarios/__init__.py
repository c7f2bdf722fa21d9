"""`promptreg scenarios`: look into the suite's scenarios."""

from __future__ import annotations

import typer

from promptreg.cli.scenarios.ablate import ablate
from promptreg.cli.scenarios.list_ import list_
from promptreg.cli.scenarios.map_ import map_
from promptreg.cli.scenarios.search import search
from promptreg.cli.scenarios.show import show

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Look into the suite's scenarios.")
app.command()(ablate)
app.command("list")(list_)
app.command("map")(map_)
app.command()(search)
app.command()(ablate)
app.command()(show)
