"""Asks one scorer about one trial, or says why it is not asked."""

from __future__ import annotations

import math
from collections.abc import Sequence

from promptreg.records import Answer, Score, Trial, Unscored
from promptreg.stages.score.facts import Plan
from promptreg.stages.score.results import checked, one_line

__all__ = ["ask", "refusal"]


def refusal(trial: Trial, plan: Plan, answer: Answer | None) -> tuple[str, bool]:
    """Return why the scorer is not asked (empty: it is), and whether the worst value counts."""
    failure = trial.failure
    if failure is not None and (failure.infrastructure or not plan.effective):
        return f"{failure.cause}: {failure.detail}", not failure.infrastructure
    if answer is None:
        kind = "effective answer" if plan.effective else "answer"
        return f"the trial has no {kind}", False
    for name in plan.needs:
        if name not in answer.fields:
            return f"the answer has no field {name!r}", not plan.effective
    return "", False


def ask(plan: Plan, view: Trial) -> Sequence[Score | Unscored] | str:
    """Return what a scorer says of a trial, a value for each scale, or why it says nothing."""
    try:
        result = plan.scorer.score(view)
        if type(result) is Score and result.scale is plan.simple and _sound(result):
            return (result,)
        return checked(f"scorer {plan.who}", result, plan.own, plan.shown)
    except (Exception, SystemExit) as e:  # noqa: BLE001 - a stranger's code may raise anything
        return one_line(f"scorer {plan.who} raised {type(e).__name__}: {e}")


def _sound(score: Score) -> bool:
    """Return whether a score needs no closer look: nearly all do not."""
    value, scale = score.value, score.scale
    if scale.payload:
        return False  # its payload is looked at
    if type(value) is not float or not scale.low <= value <= scale.high or value == math.inf:
        return False
    return scale.kind != "binary" or value == 1.0 or value == 0.0
