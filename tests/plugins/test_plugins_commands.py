"""Plug-ins that add commands: found for help and for unknown words, and for nothing else."""

from __future__ import annotations

from typing import Any

import pytest
import typer

from promptreg import hookimpl
from promptreg.cli import added
from promptreg.cli.app import app, run
from promptreg.discovery import load_plugins
from promptreg.errors import PluginError


class Greeter:
    """A plug-in with one command."""

    def __init__(self, name: str = "greet") -> None:
        self.name = name

    @hookimpl
    def promptreg_register_commands(self, app: typer.Typer) -> None:
        """Add it."""
        app.command(name=self.name)(self.greet)

    @staticmethod
    def greet(who: str) -> int:
        """Greet somebody."""
        print(f"hello {who}")
        return 3


class Raising:
    """A plug-in that fails."""

    @hookimpl
    def promptreg_register_commands(self, app: typer.Typer) -> None:
        """Fail."""
        raise RuntimeError("no")


def test_a_command_of_a_plug_in_runs_alone(capsys: pytest.CaptureFixture[str]) -> None:
    whole = added.add_commands(app, load_plugins([Greeter()], entry_points=False))
    parser = added.alone(whole, "greet")
    assert parser(args=["greet", "you"], standalone_mode=False) == 3
    assert capsys.readouterr().out == "hello you\n"
    assert added.alone(app, "greet") is None, "promptreg's own commands stay as they are"


def test_two_who_claim_one_command_are_both_named() -> None:
    with pytest.raises(PluginError, match="the command 'gate': promptreg and Greeter"):
        added.add_commands(app, load_plugins([Greeter("gate")], entry_points=False))


def test_one_that_raises_is_named_and_fails_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    plugins = load_plugins([Raising()], entry_points=False)
    added.add_commands(app, plugins)
    assert "RuntimeError: no" in capsys.readouterr().err
    assert [broken.name for broken in plugins.broken] == ["Raising"]


def test_plug_ins_are_not_loaded_for_own_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []

    def load(**_: Any) -> Any:
        loaded.append("")
        return load_plugins(entry_points=False)

    monkeypatch.setattr("promptreg.discovery.load_plugins", load)
    assert run(["gate", "--help"]) == 0
    assert run(["--version"]) == 0
    assert loaded == []
    assert run(["nonsense"]) == 2
    assert run(["--help"]) == 0
    assert len(loaded) == 2
