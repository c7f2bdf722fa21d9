"""The mean of one version and its interval."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.regression.linear_model import OLS

from promptreg.stats.means import target_mean


def test_independent_scenarios_give_students_interval() -> None:
    values = np.random.default_rng(1).normal(50, 10, 40)
    found = target_mean(values[:, None], np.arange(40), low=0, high=100)
    expected = stats.t.interval(0.95, 39, values.mean(), stats.sem(values))
    assert (found.low, found.high) == pytest.approx(expected)
    assert found.share == pytest.approx(values.mean())


def test_families_give_the_cluster_robust_interval() -> None:
    rng = np.random.default_rng(2)
    families = np.repeat(np.arange(12), [1, 2, 3, 4, 5, 6, 6, 5, 4, 3, 2, 1])
    values = rng.normal(0, 1, 12)[families] + rng.normal(0, 0.3, len(families)) + 10
    found = target_mean(values[:, None], families, low=0, high=100)
    model = OLS(values, np.ones(len(values))).fit(
        cov_type="cluster", cov_kwds={"groups": families, "use_correction": False}
    )
    # statsmodels without its correction, times G/(G-1), with t on G-1 degrees of freedom
    half = stats.t.ppf(0.975, 11) * float(model.bse[0]) * math.sqrt(12 / 11)
    assert found.high - found.low == pytest.approx(2 * half)


def test_repeats_are_averaged_first() -> None:
    values = np.array([[1.0, 3.0], [2.0, 2.0], [0.0, 4.0]])
    found = target_mean(values, np.arange(3), low=0, high=10)
    assert found.share == 2.0
    assert found.low < 2.0 < found.high  # all means agree: not certain all the same


def test_few_that_differ_do_not_make_a_mean_sure() -> None:
    rng, above = np.random.default_rng(4), 0
    for _ in range(400):
        values = np.where(rng.random(30) < 0.01, 0.0, 1.0) - 1e-3 * (rng.random(30) < 0.1)
        found = target_mean(np.clip(values, 0, 1)[:, None], np.arange(30), low=0, high=1)
        above += found.low > 0.99
    assert above <= 400 * 0.025
    one = target_mean(np.array([[0.99], *[[1.0]] * 49]), np.arange(50), low=0, high=1)
    assert one.low == pytest.approx(0.025 ** (1 / 50))  # as if all were 1
    assert one.high == 1


def test_one_family_says_nothing_and_no_scenario_less() -> None:
    one = target_mean(np.array([[5.0], [6.0]]), np.zeros(2, int), low=0, high=10)
    assert (one.low, one.high) == (0, 10)
    none = target_mean(np.empty((0, 1)), np.empty(0, int), low=0, high=10)
    assert none.share is None


def test_coverage_with_families() -> None:
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(600):
        families = np.repeat(np.arange(20), 4)
        values = rng.normal(0, 1, 20)[families] + rng.normal(0, 1, 80) + 50
        found = target_mean(values[:, None], families, low=0, high=100)
        hits += found.low <= 50 <= found.high
    assert hits / 600 >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 600)
    assert hits / 600 <= 0.99
