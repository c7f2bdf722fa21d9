"""False alarms and coverage of unpaired comparisons, where the truth is known.

Bands hold the nominal 5 % with three standard errors of the number of logs. With 600 logs of each
kind the misses were 0 to 6 %, and 7.3 % for totals of few, skewed values with another spread.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from promptreg.stats.unpaired.analysis import analyse_unpaired
from unpaired_cases import assigned_of, clustered, make_arms, rates, single

Rng = np.random.Generator
Floats = NDArray[np.float64]


def flips(rng: Rng, n: int, p: float) -> Floats:
    return (rng.random(n) < p).astype(np.float64)


def spread(rng: Rng, n: int, half: float) -> Floats:
    return 0.5 + half * (2 * rng.random(n) - 1)


def camera(sd: tuple[float, float]) -> Callable[[Rng, int, int], Floats]:
    """Return events around a mean of their own camera, which varies by `sd` on either side."""

    def value(rng: Rng, arm: int, size: int) -> Floats:
        return np.clip(rng.normal(rng.normal(0.5, sd[arm]), 0.1, size), 0, 1)

    return value


MEANS: dict[str, tuple[Callable[[Rng], Any], float, dict[str, Any]]] = {
    "equal": (lambda r: single(r.beta(2, 2, 40), r.beta(2, 2, 60)), 0.0, {}),
    "few and wide": (lambda r: single(spread(r, 15, 0.45), spread(r, 60, 0.1)), 0.0, {}),
    "skewed": (lambda r: single(r.beta(0.5, 5, 120), r.beta(0.5, 5, 20)), 0.0, {}),
    "shifted": (
        lambda r: single(0.8 * r.beta(2, 2, 40), 0.1 + 0.8 * r.beta(2, 2, 60)),
        0.1,
        {},
    ),
    "pass or fail": (
        lambda r: single(flips(r, 60, 0.7), flips(r, 90, 0.5)),
        -0.2,
        {"kind": "binary"},
    ),
    "rare": (lambda r: single(flips(r, 50, 0.05), flips(r, 50, 0.05)), 0.0, {"kind": "binary"}),
    "cameras": (lambda r: clustered(r, (15, 15), camera((0.1, 0.1))), 0.0, {}),
    "few, wide cameras": (lambda r: clustered(r, (8, 24), camera((0.12, 0.03))), 0.0, {}),
    "tokens": (
        lambda r: single(r.gamma(4, 100, 50), 1.2 * r.gamma(4, 100, 50)),
        1.2,
        {"statistic": "ratio_of_totals"},
    ),
    "latency": (
        lambda r: single(np.exp(r.normal(0, 0.5, 30)), 1.3 * np.exp(r.normal(0, 0.5, 40))),
        1.3,
        {"statistic": "signed_ranks"},
    ),
    "latency, other spread": (
        lambda r: single(np.exp(r.normal(0, 1.5, 15)), np.exp(r.normal(0, 0.3, 45))),
        1.0,
        {"statistic": "signed_ranks"},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", MEANS)
def test_intervals_miss_the_truth_as_often_as_they_say(case: str) -> None:
    make, truth, settings = MEANS[case]
    times = 200
    found = rates(make, truth, times, seed=7, **settings)
    band = 3 * math.sqrt(0.05 * 0.95 / times)
    assert found.misses <= 0.05 + band
    if truth in (0.0, 1.0) and "ratio" not in str(settings):
        assert found.alarms <= 0.05 + band


def test_events_of_a_camera_are_not_independent() -> None:
    """What ignores the unit of the draw alarms often; what knows it does not."""
    rng = np.random.default_rng(5)
    ignoring = knowing = 0
    for i in range(60):
        before, after, units, others = clustered(rng, (10, 10), camera((0.15, 0.15)))
        for units_of in ((None, None), (units, others)):
            arms = make_arms(before, after, *units_of)
            (r,) = analyse_unpaired([arms], assigned_of(arms), draws=399, seed=i)
            if units_of[0] is None:
                ignoring += r.p_value <= 0.05
            else:
                knowing += r.p_value <= 0.05
    assert ignoring >= 15
    assert knowing <= 9


@pytest.mark.slow
def test_many_metrics_accuse_together_as_seldom_as_one() -> None:
    """Eight correlated metrics without any change: some accusation in 5 % of the logs."""
    rng = np.random.default_rng(6)
    times, accused = 200, 0
    for i in range(times):
        both = rng.normal(0, 1, (100, 1)) + rng.normal(0, 1, (100, 8))
        values = 1 / (1 + np.exp(-both))
        arms = [make_arms(values[:45, j], values[45:, j], name=f"m{j}") for j in range(8)]
        found = analyse_unpaired(arms, assigned_of(*arms), draws=399, seed=i)
        accused += any(r.p_adjusted is not None and r.p_adjusted <= 0.05 for r in found)
    assert accused / times <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / times)


def test_a_worsening_by_twice_the_margin_is_found() -> None:
    rng = np.random.default_rng(11)
    found = 0
    for i in range(30):
        arms = make_arms(flips(rng, 400, 0.8), flips(rng, 400, 0.68), kind="binary")
        (r,) = analyse_unpaired([arms], assigned_of(arms), draws=399, seed=i)
        found += r.verdict == "regressed"
    assert found >= 26
