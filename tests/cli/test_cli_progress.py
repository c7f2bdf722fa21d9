"""What is shown while one waits."""

from __future__ import annotations

import io
import threading
import time

import pytest

from promptreg.cli.progress import progress
from promptreg.contracts.samples import sample_trials
from promptreg.discovery import load_plugins


def clocks() -> list[threading.Timer]:
    """Return what would open a display."""
    return [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


class Terminal(io.StringIO):
    """Takes text as a terminal does."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_that_work_has_begun_before_the_first_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    plugins = load_plugins()
    with progress(plugins, quiet=False):
        plugins.emit("promptreg_run_started", suite="porch", planned=60)
        deadline = time.monotonic() + 30
        while "0/60" not in terminal.getvalue():
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_run_that_is_over_at_once_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    plugins = load_plugins()
    monkeypatch.setattr("promptreg.cli.progress._FIRST_S", 30.0)
    with progress(plugins, quiet=False):
        plugins.emit("promptreg_run_started", suite="porch", planned=60)
        (clock,) = clocks()
    clock.join(10)
    assert not clock.is_alive()  # it will never open the display
    assert terminal.getvalue() == ""


def test_no_terminal_no_display(capsys: pytest.CaptureFixture[str]) -> None:
    plugins = load_plugins()
    with progress(plugins, quiet=False):
        plugins.emit("promptreg_run_started", suite="porch", planned=60)
        assert clocks() == []
    assert capsys.readouterr().err == ""


def test_a_batch_that_ends_at_once_is_told_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("promptreg.cli.progress._PLAIN_S", 0.0)
    plugins = load_plugins()
    with progress(plugins, quiet=False):
        plugins.emit("promptreg_run_started", suite="porch", planned=60)
        for _ in range(32):
            plugins.emit("promptreg_trial_finished", trial=sample_trials()[0])
        deadline, told = time.monotonic() + 30, ""
        while not (told := told + capsys.readouterr().err):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert told.startswith("32 of 60 trials")
