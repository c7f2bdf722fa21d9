"""promptreg in pytest: fixtures for scenarios and evaluations, and a mark that tests a suite.

A package of its own, because pytest imports it at the start of every session of an environment,
also of projects that have nothing to do with promptreg: it imports nothing but pytest until a
fixture, the mark or an option of promptreg is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_promptreg.evaluate import Evaluator
    from pytest_promptreg.trial import Evaluated, TrialFailedError

__all__ = ["Evaluated", "Evaluator", "TrialFailedError"]


def __getattr__(name: str) -> Any:
    if name == "Evaluator":
        from pytest_promptreg.evaluate import Evaluator

        return Evaluator
    if name in ("Evaluated", "TrialFailedError"):
        from pytest_promptreg import trial

        return getattr(trial, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
