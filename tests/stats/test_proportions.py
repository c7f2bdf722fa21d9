"""McNemar, Tango, Wilson and Clopper-Pearson against published and independent values."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from promptreg.stats.analysis import PairedScores, analyse
from promptreg.stats.proportions import clopper_pearson, mcnemar_p, tango, tango_z, wilson


def test_exact_mcnemar_equals_statsmodels() -> None:
    for b in range(0, 25, 3):
        for c in range(0, 25, 4):
            expected = mcnemar([[5, b], [c, 5]], exact=True).pvalue if b + c else 1.0
            assert mcnemar_p(b, c, mid_p=False) == pytest.approx(expected, abs=1e-12)


def test_mid_p_subtracts_the_observed_outcome() -> None:
    for b in range(30):
        for c in range(30):
            if b + c:
                k = min(b, c)
                expected = 2 * stats.binom.cdf(k, b + c, 0.5) - stats.binom.pmf(k, b + c, 0.5)
                assert mcnemar_p(b, c, mid_p=True) == pytest.approx(min(1, expected), abs=1e-12)


def test_published_example_of_airway_hyper_responsiveness() -> None:
    # Bentur et al. 2009, as analysed by Fagerland, Lydersen & Laake 2013 and 2014.
    assert mcnemar_p(1, 7, mid_p=False) == pytest.approx(0.0703, abs=5e-5)
    assert mcnemar_p(1, 7, mid_p=True) == pytest.approx(0.0391, abs=5e-5)
    low, high = tango(7, 1, 21)
    assert (low, high) == pytest.approx((-0.517, -0.026), abs=5e-4)


@pytest.mark.parametrize("n", [1, 5, 30, 100, 1000])
def test_tango_without_any_change_has_its_closed_form(n: int) -> None:
    z2 = stats.norm.ppf(0.975) ** 2
    low, high = tango(0, 0, n)
    assert high == pytest.approx(z2 / (n + z2), abs=1e-9)
    assert low == pytest.approx(-high, abs=1e-9)


@pytest.mark.parametrize(("b", "c", "n"), [(14, 7, 200), (1, 0, 30), (3, 25, 40), (0, 12, 60)])
def test_tango_ends_are_where_the_score_statistic_reaches_z(b: int, c: int, n: int) -> None:
    low, high = tango(b, c, n)
    z = stats.norm.ppf(0.975)
    assert tango_z(b, c, n, low) == pytest.approx(z, abs=1e-5)
    assert tango_z(b, c, n, high) == pytest.approx(-z, abs=1e-5)
    assert tango(c, b, n) == pytest.approx((-high, -low), abs=1e-9)


def test_score_statistic_uses_the_restricted_maximum_likelihood() -> None:
    # The variance must come from the q that maximises the trinomial likelihood at the shift.
    b, c, n, shift = 9, 4, 50, 0.07

    def negative_log_likelihood(q: float) -> float:
        return -(
            b * math.log(q) + c * math.log(q + shift) + (n - b - c) * math.log(1 - 2 * q - shift)
        )

    grid = np.linspace(1e-6, (1 - shift) / 2 - 1e-6, 200_001)
    q = grid[np.argmin([negative_log_likelihood(x) for x in grid])]
    expected = (c - b - n * shift) / math.sqrt(n * (2 * q + shift - shift**2))
    assert tango_z(b, c, n, shift) == pytest.approx(expected, abs=1e-4)


def test_everything_changed_ends_at_the_limit() -> None:
    assert tango(20, 0, 20)[0] == -1.0
    assert tango(0, 20, 20)[1] == 1.0
    assert -1 < tango(20, 0, 20)[1] < -0.6


def _contradictions(most: int) -> list[tuple[int, int, int]]:
    found = []
    for discordant in range(1, most + 1):
        for fewer in range(discordant // 2 + 1):
            p = mcnemar_p(discordant - fewer, fewer, mid_p=discordant >= 10)
            if p > 0.05:
                break
            for n in (discordant, 2 * discordant, 20 * discordant):
                low, high = tango(discordant - fewer, fewer, n)
                if low <= 0 <= high:
                    found.append((discordant, fewer, n))
    return found


def test_significance_never_meets_an_interval_with_zero() -> None:
    assert _contradictions(60) == []


@pytest.mark.slow
def test_significance_never_meets_an_interval_with_zero_up_to_400() -> None:
    assert _contradictions(400) == []


def test_wilson_and_clopper_pearson_equal_statsmodels() -> None:
    for n in (1, 7, 30, 250):
        for k in {0, 1, n // 2, n}:
            assert wilson(k, n) == pytest.approx(
                proportion_confint(k, n, method="wilson"), abs=1e-9
            )
            expected = np.nan_to_num(proportion_confint(k, n, method="beta"), nan=0.0)
            assert clopper_pearson(k, n) == pytest.approx(tuple(expected), abs=1e-9)


def test_unconditional_size_of_the_rule_stays_at_the_level() -> None:
    # All probabilities are summed, nothing is drawn. Were every scenario to change (no real
    # pair of versions), the size of mid-p would reach .065; up to 80 % it is .0504 at most.
    worst = 0.0
    for n in (20, 50, 100, 200):
        rejects = np.array(
            [
                [
                    mcnemar_p(m - k, k, mid_p=m >= 10) <= 0.05 if k <= m else False
                    for k in range(n + 1)
                ]
                for m in range(n + 1)
            ]
        )
        conditional = np.array(
            [stats.binom.pmf(np.arange(n + 1), m, 0.5) @ rejects[m] for m in range(n + 1)]
        )
        for discordance in np.linspace(0.02, 0.8, 40):
            worst = max(
                worst, float(stats.binom.pmf(np.arange(n + 1), n, discordance) @ conditional)
            )
    assert 0.045 < worst <= 0.0504


def test_pass_fail_result_joins_mcnemar_and_tango(paired: Callable[..., PairedScores]) -> None:
    before, after = np.ones(100), np.ones(100)
    after[:14], before[14:21] = 0, 0
    result = analyse([paired(before, after, kind="binary")], seed=1)[0]
    assert result.test == "McNemar mid-p"
    assert result.discordant == (14, 7)
    assert result.p_value == result.p_adjusted == mcnemar_p(14, 7, mid_p=True)
    assert (result.low, result.high) == tango(14, 7, 100)
    assert result.difference == pytest.approx(-0.07)
    assert result.effect_size[0] == "Cohen's g"
    assert result.effect_size[1] == pytest.approx(7 / 21 - 0.5)
    # One-sided score p-values at the margin, 5 points: confidence that it is exceeded.
    confidence = stats.norm.cdf(-tango_z(14, 7, 100, -0.05))
    assert result.confidence_worse_than_margin == pytest.approx(confidence)
    assert 0.6 < confidence < 0.7
    turned = paired(after, before, kind="binary", higher_is_better=False)
    mirrored = analyse([turned], seed=1)[0].confidence_worse_than_margin
    assert mirrored == pytest.approx(confidence)
    exact = analyse([paired(before, after, kind="binary")], seed=1, exact=True)[0]
    assert exact.test == "McNemar exact"
    assert exact.p_value == mcnemar_p(14, 7, mid_p=False)
