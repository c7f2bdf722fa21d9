"""How often the search errs, with the true statistics on simulated answers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from promptreg.stages.bisect import Finding, Kind, Outcome, Parts, most_tests, search
from promptreg.stats.analysis import PairedResult, PairedScores, analyse

SCENARIOS = 100
ALPHA = 0.05
ACQUITTED = ("no_worse", "equivalent", "improved")
Loss = Callable[[frozenset[int]], float]


def searched(units: int, loss: Loss, margin: float, rng: np.random.Generator) -> Finding | None:
    """Simulate one bisection of pass/fail answers; None where BAD is not accused at all.

    Half of the scenarios are hard; every asking has noise of its own, GOOD is asked once.
    """
    ease = np.where(np.arange(SCENARIOS) % 2, 0.97, 0.75)
    level = ALPHA / max(1, most_tests(units))

    def asked(subset: frozenset[int]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return (rng.random(SCENARIOS) < ease - loss(subset)).astype(float)

    good = asked(frozenset())

    def compared(subset: frozenset[int]) -> PairedResult:
        scores = PairedScores(
            name="in_range",
            kind="binary",
            baseline=good,
            candidate=asked(subset),
            families=np.arange(SCENARIOS),
            low=0.0,
            high=1.0,
            higher_is_better=True,
            margin=margin,
        )
        return analyse([scores], alpha=ALPHA, draws=1999, seed=1)[0]

    def judge(subset: frozenset[int]) -> Outcome:
        r = compared(subset)
        if r.verdict == "regressed" and r.p_value <= level:
            return Outcome.REGRESSED
        return Outcome.HARMLESS if r.verdict in ACQUITTED else Outcome.UNCLEAR

    if compared(frozenset(range(units))).verdict != "regressed":
        return None
    each = range(units)
    parts = Parts(tuple(frozenset((u + 1,)) for u in each), tuple(frozenset((u,)) for u in each))
    return search(parts, judge)


def only(*culprits: int, effect: float) -> Loss:
    return lambda subset: effect * len(subset & set(culprits))


def together(*culprits: int, effect: float) -> Loss:
    return lambda subset: effect if set(culprits) <= subset else 0.0


CASES = {
    "nothing": (5, lambda _: 0.0, 0.05, None),
    "single of four": (4, only(1, effect=0.3), 0.15, [{1}]),
    "single of twelve": (12, only(7, effect=0.3), 0.15, [{7}]),
    "weak": (5, only(2, effect=0.12), 0.05, [{2}]),
    "two": (5, only(0, 3, effect=0.25), 0.15, [{0}, {3}]),
    "together": (4, together(1, 2, effect=0.35), 0.15, [{1, 2}]),
    "at the margin": (5, only(2, effect=0.15), 0.15, [{2}]),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_wrong_culprit_is_named_in_at_most_alpha_of_searches(case: str) -> None:
    units, loss, margin, truth = CASES[case]
    rng = np.random.default_rng(20)
    wrong = right = 0
    times = 300
    for _ in range(times):
        found = searched(units, loss, margin, rng)
        if found is None or not found.named:
            continue
        named = [set(c) for c in found.culprits]
        harmless = truth is None or any(c not in truth for c in named)
        incomplete = (
            found.kind is not Kind.UNPROVEN and truth is not None and len(named) < len(truth)
        )
        wrong += harmless or incomplete
        right += not (harmless or incomplete)
    # Three standard errors above alpha of what 300 searches would show.
    assert wrong / times <= ALPHA + 3 * (ALPHA * (1 - ALPHA) / times) ** 0.5, (wrong, right)
    if case in ("single of four", "single of twelve", "together"):
        assert right / times > 0.5, (wrong, right)
