"""Events reach every listener; what one raises is noted, and changes nothing."""

from __future__ import annotations

import pytest

from promptreg import Comparison, Trial, hookimpl
from promptreg.contracts import sample_comparison, sample_trials
from promptreg.discovery import EVENTS, load_plugins


class Listener:
    def __init__(self) -> None:
        self.heard: list[str] = []

    @hookimpl
    def promptreg_comparison_finished(self, comparison: Comparison) -> None:
        self.heard.append(comparison.gate.verdict)

    @hookimpl
    def promptreg_trial_finished(self, trial: Trial) -> None:
        self.heard.append(trial.scenario.id)


class Faulty:
    def __init__(self, error: BaseException) -> None:
        self._error = error

    @hookimpl
    def promptreg_trial_finished(self) -> None:
        raise self._error


def test_a_listener_hears_what_it_implements() -> None:
    listener = Listener()
    plugins = load_plugins([listener], entry_points=False)
    plugins.emit("promptreg_comparison_finished", comparison=sample_comparison())
    plugins.emit("promptreg_run_started", suite="s", planned=3)
    assert listener.heard == ["fail"]
    assert plugins.listens("promptreg_trial_finished")
    assert not plugins.listens("promptreg_run_started")
    assert plugins.complaints == []


@pytest.mark.parametrize("error", [ValueError("no\nfile"), SystemExit(3)])
def test_what_a_listener_raises_is_noted_once_and_the_others_hear(error: BaseException) -> None:
    listener = Listener()
    plugins = load_plugins([Faulty(error), listener], entry_points=False)
    for trial in sample_trials():
        plugins.emit("promptreg_trial_finished", trial=trial)
    assert len(listener.heard) == len(sample_trials())
    assert len(plugins.complaints) == 1
    assert plugins.complaints[0].startswith(
        f"plug-in Faulty raised in promptreg_trial_finished: {type(error).__name__}: "
    )
    assert "\n" not in plugins.complaints[0]


def test_ctrl_c_in_a_listener_still_interrupts() -> None:
    plugins = load_plugins([Faulty(KeyboardInterrupt())], entry_points=False)
    with pytest.raises(KeyboardInterrupt):
        plugins.emit("promptreg_trial_finished", trial=sample_trials()[0])


def test_each_event_is_a_hook() -> None:
    plugins = load_plugins(entry_points=False)
    assert all(not plugins.listens(event) for event in EVENTS)
    registering = {n for n in dir(plugins.manager.hook) if n.startswith("promptreg_register_")}
    hooks = {n for n in dir(plugins.manager.hook) if n.startswith("promptreg_")}
    assert hooks == registering | set(EVENTS)
