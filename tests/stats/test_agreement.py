"""Agreement of raters: known values, other programs, what is not defined, and coverage."""

from __future__ import annotations

import importlib.util
import math
import os

import numpy as np
import pytest
from numpy.typing import NDArray

from promptreg.stats.agreement import krippendorff_alpha, mean_difference, weighted_kappa
from promptreg.stats.ppi import corrected_mean

NAN = math.nan
TEXTBOOK = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
).T
"""Krippendorff 2011, section D: four observers, twelve units; ordinal alpha is 0.815."""


def alone(n: int) -> NDArray[np.intp]:
    return np.arange(n)


def test_the_textbooks_alpha() -> None:
    found = krippendorff_alpha(TEXTBOOK, alone(12))
    assert found.value == pytest.approx(0.815, abs=0.0005)
    assert found.units == 11
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.815 < found.high


@pytest.mark.heavy
@pytest.mark.parametrize("seed", range(20))
def test_the_same_as_the_package_krippendorff(seed: int) -> None:
    krippendorff = pytest.importorskip("krippendorff")
    rng = np.random.default_rng(seed)
    ratings = rng.integers(1, 5, (40, rng.integers(2, 5))).astype(float)
    ratings[rng.random(ratings.shape) < 0.2] = NAN
    ratings += rng.integers(0, 2) * 0.5 * (rng.random(ratings.shape) < 0.3)
    expected = krippendorff.alpha(ratings.T, level_of_measurement="ordinal")
    found = krippendorff_alpha(ratings, alone(40))
    assert found.value == pytest.approx(expected, abs=1e-9)


def test_perfect_and_no_agreement() -> None:
    same = np.repeat(np.arange(20)[:, None] % 4 + 1.0, 3, axis=1)
    assert krippendorff_alpha(same, alone(20)).value == pytest.approx(1.0)
    rng = np.random.default_rng(5)
    noise = rng.integers(1, 5, (4_000, 2)).astype(float)
    assert krippendorff_alpha(noise, alone(4_000), draws=10).value == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize(
    "ratings",
    [
        np.empty((0, 3)),
        np.full((5, 2), 3.0),
        np.full((5, 2), NAN),
        np.array([[1.0, NAN], [NAN, 2.0]]),
        np.array([[1.0], [2.0]]),
    ],
)
def test_what_is_not_defined_is_none(ratings: NDArray[np.float64]) -> None:
    found = krippendorff_alpha(ratings, alone(len(ratings)))
    assert (found.value, found.low, found.high) == (None, None, None)


def test_families_widen_the_interval() -> None:
    rng = np.random.default_rng(1)
    truth = np.repeat(rng.integers(1, 5, 12), 10).astype(float)
    good = np.repeat(rng.random(12) < 0.6, 10)
    other = np.where(good, truth, rng.integers(1, 5, 120))
    both = np.stack([truth, other], axis=1)
    free = krippendorff_alpha(both, alone(120))
    bound = krippendorff_alpha(both, np.repeat(np.arange(12), 10))
    assert free.value == bound.value
    assert None not in (free.low, free.high, bound.low, bound.high)
    assert bound.high - bound.low > 1.5 * (free.high - free.low)  # type: ignore[operator]


def test_one_family_has_no_interval() -> None:
    found = krippendorff_alpha(TEXTBOOK, np.zeros(12, dtype=np.intp))
    assert found.value is not None
    assert (found.low, found.high) == (None, None)


@pytest.mark.parametrize("seed", range(5))
def test_quadratic_kappa_is_that_of_statsmodels(seed: int) -> None:
    from statsmodels.stats.inter_rater import cohens_kappa

    rng = np.random.default_rng(seed)
    left = rng.integers(1, 5, 60)
    right = np.clip(left + rng.integers(-1, 2, 60), 1, 4)
    table = np.zeros((4, 4))
    np.add.at(table, (left - 1, right - 1), 1)
    expected = cohens_kappa(table, wt="quadratic").kappa
    found = weighted_kappa(left.astype(float), right.astype(float), alone(60))
    assert found.value == pytest.approx(expected, abs=1e-9)
    assert found.low is not None
    assert found.low < expected


def test_kappa_of_equal_ratings_is_not_defined() -> None:
    same = np.full(10, 3.3)
    assert weighted_kappa(same, same, alone(10)).value is None
    assert weighted_kappa(same, same + np.nan, alone(10)).units == 0


def test_the_mean_difference_knows_families() -> None:
    d = np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 2.0, 2.0, 2.0])
    found = mean_difference(d, np.repeat(np.arange(3), 3))
    assert found.value == 1
    assert found.low == pytest.approx(1 - 4.302653 * math.sqrt(18 * 1.5) / 9, rel=1e-5)
    assert mean_difference(d, np.zeros(9, dtype=np.intp)).low is None
    assert mean_difference(d * np.nan, alone(9)).value is None


def simulated(
    rng: np.random.Generator, n: int, total: int = 400
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return true and judged differences: truth -0.20, the judge flatters by +0.30."""
    truth = rng.normal(-0.20, 0.9, total)
    judge = truth + 0.30 + rng.normal(0, 0.65, total)
    rounded = np.round(truth * 2) / 2
    return rounded, np.round(judge * 2) / 2


def coverage(labels: int, draws: int, seed: int) -> tuple[float, float, float, float, float]:
    rng = np.random.default_rng(seed)
    hit = alone_hit = judge_hit = 0
    width = alone_width = 0.0
    for _ in range(draws):
        truth, judge = simulated(rng, labels)
        place = rng.permutation(len(truth))
        some, rest = place[:labels], place[labels:]
        found = corrected_mean(truth[some], judge[some], judge[rest], some, rest)
        hit += found.low <= -0.20 <= found.high
        width += found.high - found.low
        _, low, high = found.labels_alone
        alone_hit += low <= -0.20 <= high
        alone_width += high - low
        by_judge = mean_difference(judge, np.arange(len(judge)))
        assert by_judge.low is not None
        assert by_judge.high is not None
        judge_hit += by_judge.low <= -0.20 <= by_judge.high
    return hit / draws, width / draws, alone_hit / draws, alone_width / draws, judge_hit / draws


def test_labels_take_the_judges_bias_out() -> None:
    covered, width, alone_covered, alone_width, judge_covered = coverage(80, 300, seed=3)
    assert judge_covered < 0.05
    assert covered > 0.90
    assert alone_covered > 0.90
    assert width < 0.9 * alone_width


@pytest.mark.slow
@pytest.mark.parametrize("labels", [40, 80, 160])
def test_coverage_of_the_corrected_interval(labels: int) -> None:
    draws = 3_000
    covered, width, _, alone_width, judge_covered = coverage(labels, draws, seed=labels)
    error = 3 * math.sqrt(0.05 * 0.95 / draws)
    assert 0.95 - error - 0.01 <= covered <= 0.95 + error + 0.01
    assert judge_covered < 0.02
    assert width < 0.95 * alone_width


def in_families(
    labels: int, families: int, draws: int, seed: int, *, whole: bool, liking: float
) -> float:
    """Return the coverage with families of five; `whole`: all of a family is labelled or nothing.

    `liking` is the spread, between families, of what the judge adds to the truth.
    """
    rng = np.random.default_rng(seed)
    family = np.repeat(np.arange(families), 5)
    hit = 0
    for _ in range(draws):
        truth = -0.2 + rng.normal(0, 0.7, families)[family] + rng.normal(0, 0.6, len(family))
        judge = truth + 0.3 + rng.normal(0, liking, families)[family]
        judge += rng.normal(0, 0.5, len(family))
        if whole:
            chosen = np.isin(family, rng.choice(families, labels // 5, replace=False))
        else:
            chosen = np.isin(np.arange(len(family)), rng.permutation(len(family))[:labels])
        found = corrected_mean(
            truth[chosen], judge[chosen], judge[~chosen], family[chosen], family[~chosen]
        )
        hit += found.low <= -0.2 <= found.high
    return hit / draws


@pytest.mark.slow
@pytest.mark.parametrize("liking", [0.2, 0.5])
@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize(("labels", "families"), [(40, 80), (60, 80), (80, 80), (40, 24)])
def test_coverage_within_families(labels: int, families: int, whole: bool, liking: float) -> None:
    draws = 3_000
    covered = in_families(labels, families, draws, labels + families, whole=whole, liking=liking)
    error = 3 * math.sqrt(0.05 * 0.95 / draws)
    assert 0.95 - error <= covered <= 0.95 + error, covered


@pytest.mark.slow
def test_coverage_with_families_on_both_sides() -> None:
    draws = 3_000
    covered = in_families(120, 80, draws, 7, whole=False, liking=0.5)
    assert abs(covered - 0.95) <= 3 * math.sqrt(0.05 * 0.95 / draws)


def test_few_families_with_labels_widen_the_interval() -> None:
    """Units of one family are not independent: eight families say less than forty units."""
    rng = np.random.default_rng(5)
    family = np.repeat(np.arange(60), 5)
    truth = rng.normal(0, 1, 60)[family] + rng.normal(0, 0.3, 300)
    judge = truth + rng.normal(0, 0.8, 60)[family]
    some = family < 8
    names = np.arange(300)
    for families, least in ((family, 1.4), (names, 0.0)):
        found = corrected_mean(
            truth[some], judge[some], judge[~some], families[some], families[~some]
        )
        alone = corrected_mean(truth[some], judge[some], judge[~some], names[some], names[~some])
        assert found.value == pytest.approx(alone.value)
        assert found.high - found.low >= least * (alone.high - alone.low)
    one = corrected_mean(truth[some], judge[some], judge[~some], 0 * family[some], family[~some])
    assert math.isinf(one.high)


def test_a_chosen_subset_is_noticed() -> None:
    rng = np.random.default_rng(2)
    truth, judge = simulated(rng, 80)
    order = np.argsort(judge)
    some, rest = order[:80], order[80:]
    found = corrected_mean(truth[some], judge[some], judge[rest], some, rest)
    assert not found.representative
    place = rng.permutation(400)
    fair = corrected_mean(
        truth[place[:80]], judge[place[:80]], judge[place[80:]], place[:80], place[80:]
    )
    assert fair.representative


def test_a_judge_that_says_nothing_gets_no_weight() -> None:
    labels = np.array([0.0, 1.0, -1.0, 0.0] * 10)
    constant = np.ones(40)
    found = corrected_mean(labels, constant, np.ones(100), np.arange(40), np.arange(40, 140))
    assert found.weight == 0
    assert (found.value, found.low, found.high) == found.labels_alone


def test_the_heavy_packages_are_asked_for() -> None:
    """Where heavy tests are wanted, the package they compare with must not be missing unseen."""
    if os.environ.get("PROMPTREG_TEST_HEAVY"):
        assert importlib.util.find_spec("krippendorff") is not None
