"""The five verdicts, the order of the rules, and two-sided bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from promptreg.stats.analysis import PairedScores, analyse, reconcile
from promptreg.stats.decision import decide

INF = float("inf")


@pytest.mark.parametrize(
    ("low", "high", "estimate", "p", "verdict"),
    [
        (-0.04, 0.04, 0.00, 1.000, "equivalent"),
        (-0.04, -0.01, -0.02, 0.001, "equivalent"),  # detectable, but below the margin
        (-0.12, -0.02, -0.07, 0.001, "regressed"),
        (0.02, 0.12, 0.07, 0.001, "improved"),
        (-0.04, 0.12, 0.04, 0.300, "no_worse"),
        (0.02, 0.12, 0.07, 0.200, "no_worse"),
        (-0.12, 0.04, -0.04, 0.300, "inconclusive"),  # not significant is no acquittal
        (-0.12, -0.02, -0.07, 0.200, "inconclusive"),
        (-0.05, 0.04, 0.00, 1.000, "inconclusive"),  # on the margin is not inside
        (-0.04, 0.05, 0.00, 1.000, "no_worse"),
        (-INF, INF, 0.00, 1.000, "inconclusive"),
        (-INF, INF, -0.5, 0.001, "regressed"),
        (-0.12, 0.12, 0.00, 0.001, "inconclusive"),
    ],
)
def test_rules(low: float, high: float, estimate: float, p: float, verdict: str) -> None:
    assert decide(low, high, estimate, 0.05, p, 0.05) == verdict


def test_rounding_does_not_pull_an_end_inside_the_margin() -> None:
    assert decide(-0.15 + 0.1, 0.01, 0, 0.05, 1, 0.05) == "inconclusive"  # -0.04999999999999999


def test_suspect_marks_what_multiplicity_hides(paired: Callable[..., PairedScores]) -> None:
    rng = np.random.default_rng(0)
    noise = [paired(rng.random(60), rng.random(60), name=f"n{i}") for i in range(12)]
    for shift in np.linspace(0.02, 0.2, 19):
        before = np.linspace(0.3, 0.7, 60)
        after = np.clip(before - shift + rng.normal(0, 0.3, 60), 0, 1)
        result = analyse([paired(before, after), *noise], seed=1, draws=999)[0]
        hidden = result.p_value <= 0.05 < (result.p_adjusted or 0)
        if hidden and result.verdict == "inconclusive":
            assert result.suspect
            return
    pytest.fail("no shift was hidden by multiplicity")


def test_reconcile_keeps_only_what_holds_either_way(paired: Callable[..., PairedScores]) -> None:
    rng = np.random.default_rng(1)
    before = np.clip(rng.normal(0.6, 0.05, 200), 0, 1)
    after = np.clip(before + rng.normal(0, 0.02, 200), 0, 1)
    against, for_ = after.copy(), after.copy()
    against[:60], for_[:60] = 0, 1
    worst = analyse([paired(before, against)], seed=1)[0]
    best = analyse([paired(before, for_)], seed=1)[0]
    both = reconcile(worst, best)
    assert (worst.verdict, best.verdict, both.verdict) == ("regressed", "improved", "inconclusive")
    assert (both.low, both.high) == (worst.low, best.high)
    assert "regressed or improved" in both.notes[-1]
    assert reconcile(worst, worst) is worst
    jointly = reconcile(worst, replace(worst, p_adjusted=1.0))  # others' gaps, not this one's
    assert (jointly.p_adjusted, jointly.notes) == (1.0, worst.notes)
    unlimited = reconcile(worst, replace(worst, low=None))
    assert unlimited.low is None
    assert unlimited.verdict == "regressed"
    with pytest.raises(ValueError, match="'score' with 'other'"):
        reconcile(worst, replace(best, name="other"))
