"""Shares of categories, against statsmodels and against enumeration."""

from __future__ import annotations

from itertools import product
from math import factorial, prod
from typing import Any

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import SquareTable

from promptreg.stats.categories import fit_p, homogeneity

EXPECTED = np.array([0.8, 0.15, 0.04, 0.01])


def one_hot(places: Any, width: int = 4) -> Any:
    return np.eye(width)[np.asarray(places)]


def test_homogeneity_is_stuart_maxwell() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        before = rng.integers(0, 4, 150)
        after = np.where(rng.random(150) < 0.6, before, rng.integers(0, 4, 150))
        table = np.zeros((4, 4))
        np.add.at(table, (before, after), 1)
        found = homogeneity(one_hot(before), one_hot(after), np.arange(150), draws=999, seed=1)
        peer = SquareTable(table, shift_zeros=False)
        stuart = peer.homogeneity("stuart_maxwell")
        assert found.statistic == pytest.approx(stuart.statistic)
        assert found.df == stuart.df
        assert found.p_flips == pytest.approx(stuart.pvalue, abs=0.06)


def test_homogeneity_of_two_categories_by_flips_is_mcnemar() -> None:
    before, after = np.repeat([0, 1, 0], [7, 1, 20]), np.repeat([1, 0, 0], [7, 1, 20])
    found = homogeneity(one_hot(before, 2), one_hot(after, 2), np.arange(28), draws=10**6, seed=1)
    assert found.statistic == pytest.approx((7 - 1) ** 2 / 8)
    assert found.p_flips == pytest.approx(2 * (1 + 8) / 2**8, abs=5e-4)  # binomial(8, 1/2)


def test_homogeneity_counts_families_and_not_scenarios() -> None:
    before, after = np.zeros(40, int), np.ones(40, int)
    alone = homogeneity(one_hot(before), one_hot(after), np.arange(40), draws=999, seed=1)
    told_alike = homogeneity(
        one_hot(before), one_hot(after), np.repeat(np.arange(4), 10), draws=999, seed=1
    )
    assert alone.p_flips == pytest.approx(0.001)
    assert told_alike.p_flips == pytest.approx(2 / 2**4)  # all sixteen flips are known


def test_homogeneity_where_nothing_moved() -> None:
    rows = one_hot([0, 1, 2])
    found = homogeneity(rows, rows, np.arange(3), draws=99, seed=1)
    assert (found.statistic, found.df, found.p_flips) == (0, 0, 1)
    none = homogeneity(np.zeros((0, 4)), np.zeros((0, 4)), np.zeros(0, np.intp), draws=99, seed=1)
    assert none.p_flips == 1


@pytest.mark.parametrize("counts", [(5, 0, 0, 1), (3, 3, 0, 0), (6, 0, 0, 0), (2, 2, 1, 1)])
def test_fit_is_the_exact_multinomial_test(counts: tuple[int, ...]) -> None:
    n = sum(counts)

    def distance(c: tuple[int, ...]) -> float:
        return float(np.abs(np.array(c) / n - EXPECTED).sum() / 2)

    exact = 0.0
    for c in product(range(n + 1), repeat=4):
        if sum(c) == n and distance(c) >= distance(counts) - 1e-12:
            ways = factorial(n) / prod(factorial(k) for k in c)
            exact += ways * float(np.prod(EXPECTED**c))
    table = np.array([counts], dtype=float)
    found = fit_p(table, np.ones(1), EXPECTED, seed=3, draws=40_000)
    assert found == pytest.approx(exact, abs=0.012)


def test_fit_of_one_rare_level_is_not_what_chi_squared_says() -> None:
    """2 critical of 60, where 0.6 are expected: chi-squared would trust its tail."""
    table = np.array([[48, 8, 2, 2]], dtype=float)
    assert fit_p(table, np.ones(1), EXPECTED, seed=3) > 0.3


def test_fit_weighs_strata() -> None:
    weights = np.array([0.9, 0.1])
    as_it_happens = np.array([[18, 2, 0, 0, 0], [0, 6, 8, 6, 0]], dtype=float)
    expected = np.array([0.81, 0.12, 0.04, 0.03, 0.0])
    assert fit_p(as_it_happens, weights, expected, seed=3) > 0.5
    assert fit_p(as_it_happens, np.array([0.5, 0.5]), expected, seed=3) < 0.001
    with pytest.raises(ValueError, match="no scenario"):
        fit_p(np.array([[1.0, 0], [0, 0]]), weights, np.array([0.5, 0.5]), seed=1)


@pytest.mark.slow
def test_fit_holds_its_level_with_strata() -> None:
    rng = np.random.default_rng(8)
    within = np.array([[0.9, 0.08, 0.02, 0.0], [0.1, 0.3, 0.4, 0.2]])
    weights = np.array([0.9, 0.1])
    expected = weights @ within
    found = [
        fit_p(
            np.stack([rng.multinomial(40, row) for row in within]).astype(float),
            weights, expected, seed=k, draws=199,
        )
        for k in range(400)
    ]  # fmt: skip
    assert np.mean(np.array(found) <= 0.05) < 0.08
    assert 0.4 < np.mean(np.array(found) <= 0.5) < 0.62
