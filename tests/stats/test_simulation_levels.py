"""Seeded simulations: without a change, false alarms stay at 5 % and intervals cover 95 %.

Bounds are binomial: the claim plus or minus three standard errors of the simulation, never
looser. Known mistakes (rows of one family or repeats as independent, ranks for a mean) are run
beside the method and must be caught by the same bounds.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from promptreg.stats.analysis import PairedScores, analyse
from promptreg.stats.model import Floats

Make = Callable[..., PairedScores]
Sides = tuple[Floats, Floats]
World = Callable[[np.random.Generator, int, Floats], Sides]
DRAWS = 499
LEVEL = 0.05


def slack(claim: float, repetitions: int) -> float:
    """Return three standard errors of a simulated rate."""
    return float(3 * np.sqrt(claim * (1 - claim) / repetitions))


def ordinal(rng: np.random.Generator, n: int, effect: Floats) -> Sides:
    """Rubric scores 1 to 4 from a latent quality; effect shifts the candidate's."""
    quality = rng.normal(3, 0.8, n)
    before = np.clip(np.rint(quality + rng.normal(0, 0.6, n)), 1, 4)
    after = np.clip(np.rint(quality + effect + rng.normal(0, 0.6, n)), 1, 4)
    return before, after


def deviation(rng: np.random.Generator, n: int, effect: Floats) -> Sides:
    """Points outside the expected range: mostly 0, a long tail, lower is better."""
    middle = rng.normal(0, 4, n)
    before = np.clip(np.abs(middle + rng.normal(0, 6, n)) - 10, 0, 100)
    after = np.clip(np.abs(middle + 6 * effect + rng.normal(0, 6, n)) - 10, 0, 100)
    return before.astype(np.float64), after.astype(np.float64)


def pass_fail(rng: np.random.Generator, n: int, effect: Floats) -> Sides:
    """Pass rates around 85 %, about 10 % discordant."""
    ease = rng.normal(1.6, 1.2, n)
    before = (ease + rng.normal(0, 0.5, n) > 0) * 1.0
    after = (ease + effect + rng.normal(0, 0.5, n) > 0) * 1.0
    return before.astype(np.float64), after.astype(np.float64)


def latency(rng: np.random.Generator, n: int, effect: Floats) -> Sides:
    """Seconds with a heavy tail and 2 % time-outs at the cap of 60."""
    typical = rng.normal(1, 0.4, n)
    before = np.exp(typical + rng.normal(0, 0.3, n))
    after = np.exp(typical + effect + rng.normal(0, 0.3, n))
    before[rng.random(n) < 0.02] = after[rng.random(n) < 0.02] = 60.0
    return np.minimum(before, 60.0), np.minimum(after, 60.0)


KINDS: dict[str, tuple[World, dict[str, object]]] = {
    "ordinal": (ordinal, {"kind": "ordinal", "low": 1.0, "high": 4.0, "margin": 0.25}),
    "deviation": (deviation, {"high": 100.0, "margin": 3.0, "higher_is_better": False}),
    "binary": (pass_fail, {"kind": "binary"}),
    "latency": (latency, {"statistic": "signed_ranks", "higher_is_better": False}),
    "totals": (latency, {"statistic": "ratio_of_totals", "higher_is_better": False}),
}


def rates(paired: Make, kind: str, n: int, repetitions: int) -> tuple[float, float]:
    """Return (rate of p <= .05, rate of intervals that hold 0) without a change."""
    world, settings = KINDS[kind]
    rng = np.random.default_rng(1000 + n)
    alarms = covered = 0
    for seed in range(repetitions):
        before, after = world(rng, n, np.zeros(n))
        result = analyse([paired(before, after, **settings)], seed=seed, draws=DRAWS)[0]
        alarms += result.p_value <= LEVEL
        low = -np.inf if result.low is None else result.low
        high = np.inf if result.high is None else result.high
        covered += low <= 0 <= high
    return alarms / repetitions, covered / repetitions


@pytest.mark.parametrize("n", [30])  # more of them, and more closely, are below
@pytest.mark.parametrize("kind", KINDS)
def test_false_alarms_and_coverage(paired: Make, kind: str, n: int) -> None:
    repetitions = 600
    alarms, coverage = rates(paired, kind, n, repetitions)
    assert alarms <= LEVEL + slack(LEVEL, repetitions)
    assert coverage >= 0.95 - slack(LEVEL, repetitions)


@pytest.mark.slow
@pytest.mark.parametrize("n", [30, 100, 400])
@pytest.mark.parametrize("kind", KINDS)
def test_false_alarms_and_coverage_closely(paired: Make, kind: str, n: int) -> None:
    repetitions = 4000
    alarms, coverage = rates(paired, kind, n, repetitions)
    assert alarms <= LEVEL + slack(LEVEL, repetitions)
    assert coverage >= 0.95 - slack(LEVEL, repetitions)
    if n == 400:  # and it is not bought with timidity
        assert alarms >= 0.03


@pytest.mark.slow
def test_ranks_answer_another_question_than_the_mean(paired: Make) -> None:
    # 95 % gain one, 5 % lose nineteen: the mean is unchanged, and Wilcoxon calls it better.
    rng, repetitions = np.random.default_rng(2), 400
    mean_alarms = rank_alarms = 0
    for seed in range(repetitions):
        d = np.where(rng.random(400) < 0.05, -19.0, 1.0)
        before = np.full(400, 40.0)
        mean = paired(before, before + d, name="mean", high=100.0, margin=1.0)
        ranks = paired(before, before + d, name="ranks", statistic="signed_ranks")
        first, second = analyse([mean, ranks], seed=seed, draws=DRAWS)
        mean_alarms += first.p_value <= LEVEL
        rank_alarms += second.p_value <= LEVEL
    assert mean_alarms / repetitions <= 0.062 + slack(0.062, repetitions)
    assert rank_alarms / repetitions >= 0.99


UNEQUAL = np.repeat(np.arange(20), [20, 20, *[8] * 4, *[2] * 14])
DESIGNS = {
    "20 x 5": np.repeat(np.arange(20), 5),
    "20 unequal": UNEQUAL,
    "8 x 5": np.repeat(np.arange(8), 5),
}


@pytest.mark.parametrize(
    "kind",
    [
        *("ordinal", "deviation", "binary", "totals"),
        pytest.param("latency", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("design", DESIGNS)
def test_families_keep_the_level_and_ignoring_them_is_caught(
    paired: Make, kind: str, design: str
) -> None:
    world, settings = KINDS[kind]
    families, repetitions = DESIGNS[design], 400
    rng = np.random.default_rng(3)
    strength = 1.0 if kind == "ordinal" else 0.5
    aware = ignorant = 0
    for seed in range(repetitions):
        effect = rng.normal(0, strength, families.max() + 1)[families]
        before, after = world(rng, len(families), effect)
        # Labels are exchangeable within a family: that, not "mean 0", is the null.
        turn = (rng.random(families.max() + 1) < 0.5)[families]
        before, after = np.where(turn, after, before), np.where(turn, before, after)
        metric = paired(before, after, families, **settings)
        as_rows = paired(before, after, **settings)
        aware += analyse([metric], seed=seed, draws=DRAWS)[0].p_value <= LEVEL
        ignorant += analyse([as_rows], seed=seed, draws=DRAWS)[0].p_value <= LEVEL
    assert aware / repetitions <= LEVEL + slack(LEVEL, repetitions)
    if kind in ("ordinal", "latency"):
        assert ignorant / repetitions > LEVEL + slack(LEVEL, repetitions)


@pytest.mark.parametrize(("n", "repeats"), [(30, 3), (60, 10)])
def test_repeats_keep_the_level_and_counting_them_as_rows_is_caught(
    paired: Make, n: int, repeats: int
) -> None:
    rng, repetitions = np.random.default_rng(4), 400
    aware = ignorant = 0
    for seed in range(repetitions):
        # Each scenario truly differs, in either direction, by more than re-run noise.
        quality = rng.normal(3, 0.8, (n, 1))
        effect = rng.normal(0, 0.9, (n, 1))
        before = np.clip(np.rint(quality + rng.normal(0, 0.6, (n, repeats))), 1, 4)
        after = np.clip(np.rint(quality + effect + rng.normal(0, 0.6, (n, repeats))), 1, 4)
        turn = rng.random((n, 1)) < 0.5
        before, after = np.where(turn, after, before), np.where(turn, before, after)
        settings = KINDS["ordinal"][1]
        metric = paired(before, after, **settings)
        as_rows = paired(before.ravel(), after.ravel(), **settings)
        aware += analyse([metric], seed=seed, draws=DRAWS)[0].p_value <= LEVEL
        ignorant += analyse([as_rows], seed=seed, draws=DRAWS)[0].p_value <= LEVEL
    assert aware / repetitions <= LEVEL + slack(LEVEL, repetitions)
    assert ignorant / repetitions > LEVEL + slack(LEVEL, repetitions)
