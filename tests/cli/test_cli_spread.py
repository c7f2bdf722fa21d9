"""Groups of options: what Typer sees, and what a command is given."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from promptreg.cli import app as application
from promptreg.cli.groups import Looking
from promptreg.cli.spread import spread


@dataclass(frozen=True)
class Size:
    """A group of two options."""

    width: Annotated[int, typer.Option("--width", min=1)] = 1
    names: Annotated[list[str] | None, typer.Option("--name")] = None


@spread
def draw(
    what: Annotated[str, typer.Argument()],
    *,
    first: Annotated[bool, typer.Option("--first")] = False,
    size: Size,
    last: Annotated[bool, typer.Option("--last")] = False,
) -> int:
    """Draw something."""
    print(what, first, size, last)
    return 7


def test_fields_stand_where_their_group_stood() -> None:
    assert list(inspect.signature(draw).parameters) == ["what", "first", "width", "names", "last"]


def test_a_command_gets_its_group() -> None:
    app = typer.Typer()
    app.command()(draw)
    said = CliRunner().invoke(app, ["it", "--width", "3", "--name", "a", "--name", "b", "--last"])
    assert said.output.strip() == f"it False {Size(3, ['a', 'b'])} True"
    refused = CliRunner().invoke(app, ["it", "--width", "0"])
    assert refused.exit_code == 2


@pytest.mark.parametrize("name", ["compare", "gate"])
def test_commands_that_compare_take_the_same_options(name: str) -> None:
    (command,) = [c for c in application.app.registered_commands if c.name == name]
    assert command.callback is not None
    taken = inspect.signature(command.callback).parameters
    assert set(Looking.__dataclass_fields__) <= set(taken)
