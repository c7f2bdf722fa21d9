"""Absolute limits: intervals of one share and what they show."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from promptreg.stats.targets import Target, met, target_share


def test_independent_scenarios_get_wilsons_interval() -> None:
    values = np.arange(60) < 51
    target = target_share(values)
    assert target.share == pytest.approx(0.85)
    expected = proportion_confint(51, 60, method="wilson")
    assert (target.low, target.high) == pytest.approx(expected)
    assert target == target_share(values, np.arange(60)[::-1])


def test_none_or_all_get_the_exact_interval() -> None:
    assert target_share(np.ones(30, bool)).low == pytest.approx(0.025 ** (1 / 30))
    assert target_share(np.zeros(30, bool)).high == pytest.approx(1 - 0.025 ** (1 / 30))
    families = np.arange(30) // 3
    assert target_share(np.ones(30, bool), families).low == pytest.approx(0.025 ** (1 / 10))


def test_families_widen_the_interval() -> None:
    rng = np.random.default_rng(1)
    families = np.repeat(np.arange(20), 10)
    values = rng.random(20)[families] < 0.6  # a family passes or fails as a whole
    alone, clustered = target_share(values), target_share(values, families)
    assert clustered.high - clustered.low > 2.5 * (alone.high - alone.low)
    spread = np.tile([True, True, False, True, False, True, False, True, True, False], 20)
    even = target_share(spread, families)
    assert even.high - even.low >= target_share(spread).high - target_share(spread).low


def test_repeats_do_not_count_as_scenarios() -> None:
    rng = np.random.default_rng(2)
    once = rng.random((80, 1)) < 0.7
    ten = np.repeat(once, 10, axis=1)
    one, many = target_share(once), target_share(ten)
    assert many.high - many.low >= one.high - one.low


def test_a_first_failure_does_not_make_a_share_surer() -> None:
    once = np.ones((60, 3), bool)
    lows = [target_share(once).low]
    for scenario in range(7):
        once[scenario, 0] = False
        lows.append(target_share(once).low)
    assert lows == sorted(lows, reverse=True)


def test_coverage_with_families() -> None:
    rng = np.random.default_rng(3)
    families, hits = np.repeat(np.arange(25), 8), 0
    for _ in range(1000):
        share = rng.beta(4, 2, 25)  # mean 2/3
        target = target_share(rng.random(200) < share[families], families)
        hits += target.low <= 2 / 3 <= target.high
    assert hits / 1000 >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / 1000)


def test_what_is_shown() -> None:
    target = Target(0.9, 0.85, 0.94, 200, 200)
    assert met(target, at_least=0.85) == "met"
    assert met(target, at_least=0.90) == "not_shown"
    assert met(target, at_least=0.95) == "not_met"
    assert met(target, at_most=0.94) == "met"
    assert met(target, at_most=0.90) == "not_shown"
    assert met(target, at_most=0.80) == "not_met"
    points = Target(16.7, 12.1, 21.3, 200, 200)  # a mean in points knows no 1
    assert met(points, at_least=10) == "met"
    assert met(points, at_least=30) == "not_met"
    assert met(points, at_most=30) == "met"
    assert met(points, at_most=10) == "not_met"
    with pytest.raises(ValueError, match="either"):
        met(target)
    with pytest.raises(ValueError, match="either"):
        met(target, 0.1, 0.2)


def test_degenerate_shares() -> None:
    nothing = target_share(np.zeros(0, bool))
    assert (nothing.share, nothing.low, nothing.high) == (None, 0.0, 1.0)
    assert met(nothing, at_least=0.5) == "not_shown"
    one_family = target_share(np.array([True, False, True]), np.zeros(3, int))
    assert (one_family.low, one_family.high) == (0.0, 1.0)
    assert target_share(np.array([True])).low == pytest.approx(0.025)
    with pytest.raises(ValueError, match="booleans"):
        target_share(np.array([1.0, 0.0]))
    with pytest.raises(ValueError, match="one index"):
        target_share(np.array([True]), np.zeros(2, int))
