"""Two arms that answered different scenarios: known values, agreement, and hard cases."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import optimize, stats

from promptreg.stats.model import PairedResult
from promptreg.stats.unpaired.analysis import ArmScores, analyse_unpaired
from promptreg.stats.unpaired.passfail import fisher_p, miettinen_nurminen, score_z
from promptreg.stats.unpaired.ranks import brunner_munzel, hodges_lehmann_shift
from promptreg.stats.unpaired.split import binomial_p
from unpaired_cases import assigned_of, make_arms

RNG = np.random.default_rng(20)


def one(arms: ArmScores, *, draws: int = 9999, exact: bool = False) -> PairedResult:
    return analyse_unpaired([arms], assigned_of(arms), draws=draws, seed=1, exact=exact)[0]


@pytest.mark.parametrize(
    ("counts", "interval"),
    [  # Newcombe 1998, Stat. Med. 17:873, table II, method 9, signs turned
        ((56, 70, 48, 80), (-0.3382, -0.0528)),
        ((9, 10, 3, 10), (-0.8406, -0.1700)),
        ((10, 10, 0, 20), (-1.0, -0.7156)),
        ((10, 10, 0, 10), (-1.0, -0.6636)),
    ],
)
def test_score_intervals_are_the_published_ones(
    counts: tuple[int, int, int, int], interval: tuple[float, float]
) -> None:
    assert miettinen_nurminen(*counts) == pytest.approx(interval, abs=1.5e-4)


@pytest.mark.parametrize("counts", [(7, 25, 18, 34), (0, 30, 5, 30), (56, 70, 48, 80)])
@pytest.mark.parametrize("shift", [-0.3, -0.05, 0.0, 0.2])
def test_score_statistic_uses_the_most_likely_rates(
    counts: tuple[int, int, int, int], shift: float
) -> None:
    x0, n0, x1, n1 = counts
    bounds = (max(0.0, -shift) + 1e-9, min(1.0, 1 - shift) - 1e-9)

    def unlikely(p: float) -> float:
        return -sum(
            x * math.log(r) + (n - x) * math.log1p(-r)
            for x, n, r in ((x0, n0, p), (x1, n1, p + shift))
        )

    p = optimize.minimize_scalar(
        unlikely, bounds=bounds, method="bounded", options={"xatol": 1e-12}
    ).x
    n = n0 + n1
    spread = (p * (1 - p) / n0 + (p + shift) * (1 - p - shift) / n1) * n / (n - 1)
    expected = (x1 / n1 - x0 / n0 - shift) / math.sqrt(spread)
    assert score_z(*counts, shift) == pytest.approx(expected, rel=1e-5)


def test_score_statistic_of_no_change_is_that_of_statsmodels() -> None:
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    found = proportion.test_proportions_2indep(
        48, 80, 56, 70, value=0.0, method="score", compare="diff", correction=True
    )
    assert score_z(56, 70, 48, 80, 0.0) == pytest.approx(found.statistic, rel=1e-9)


@pytest.mark.parametrize("counts", [(7, 25, 18, 34), (0, 30, 5, 30), (9, 10, 3, 10)])
def test_exact_p_doubles_the_hypergeometric_tail(counts: tuple[int, int, int, int]) -> None:
    x0, n0, x1, n1 = counts
    law = stats.hypergeom(n0 + n1, x0 + x1, n1)
    below, above, own = law.cdf(x1), law.sf(x1 - 1), law.pmf(x1)
    assert fisher_p(*counts, mid_p=False) == pytest.approx(min(1, 2 * min(below, above)))
    halves = 2 * min(below - own / 2, above - own / 2)
    assert fisher_p(*counts, mid_p=True) == pytest.approx(min(1, halves))


def test_interval_and_p_of_means_are_close_to_welch_in_large_samples() -> None:
    before, after = RNG.beta(2, 3, 300), RNG.beta(2, 2, 200)
    r = one(make_arms(before, after), draws=19_999)
    welch = stats.ttest_ind(after, before, equal_var=False)
    low, high = welch.confidence_interval()
    assert (r.low, r.high) == pytest.approx((low, high), abs=0.003)
    assert r.p_value < 1e-3
    assert welch.pvalue < 1e-3


def test_small_samples_are_enumerated_exactly() -> None:
    before, after = np.array([0.1, 0.2, 0.35, 0.5]), np.array([0.3, 0.55, 0.6, 0.9, 0.95])
    values = np.concatenate([before, after])

    def welch(mine: tuple[int, ...]) -> float:
        mask = np.isin(np.arange(9), mine)
        a, b = values[mask], values[~mask]
        se = math.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
        return float((a.mean() - b.mean()) / se)

    every = np.array([welch(c) for c in itertools.combinations(range(9), 5)])
    observed = welch((4, 5, 6, 7, 8))
    tail = min((every >= observed - 1e-9).sum(), (every <= observed + 1e-9).sum())
    r = one(make_arms(before, after), exact=True)
    assert "exact enumeration" in r.test
    assert r.p_value == pytest.approx(2 * tail / len(every))


def test_rank_statistic_is_brunner_and_munzel() -> None:
    before, after = RNG.lognormal(0, 1, 30), RNG.lognormal(0.3, 0.4, 45)
    values = np.concatenate([before, after])
    mine = np.arange(75) >= 30
    t, p = brunner_munzel(values, mine, np.arange(75))
    assert t == pytest.approx(stats.brunnermunzel(before, after).statistic)
    above = np.subtract.outer(after, before)
    assert p == pytest.approx((above > 0).mean() + (above == 0).mean() / 2)


def test_ties_in_ranks_count_half() -> None:
    before, after = np.array([1.0, 2, 2, 3, 4]), np.array([2.0, 3, 3, 5])
    t, _ = brunner_munzel(np.concatenate([before, after]), np.arange(9) >= 5, np.arange(9))
    assert t == pytest.approx(stats.brunnermunzel(before, after).statistic)


def test_shift_of_many_pairs_is_that_of_listing_them() -> None:
    before, after = RNG.normal(0, 1, 2_100), RNG.normal(0.2, 2, 2_050)
    exact = float(np.median(np.subtract.outer(after, before)))
    assert hodges_lehmann_shift(before, after) == pytest.approx(exact, abs=1e-5)


@pytest.mark.parametrize(
    ("count", "n", "share"),
    [(5, 20, 0.5), (16, 20, 0.5), (480, 1000, 0.5), (70, 1000, 0.1), (0, 30, 0.2), (30, 30, 0.9)],
)
def test_split_is_tested_as_by_scipy(count: int, n: int, share: float) -> None:
    assert binomial_p(count, n, share) == pytest.approx(stats.binomtest(count, n, share).pvalue)


def test_p_value_and_interval_do_not_contradict_each_other() -> None:
    rng = np.random.default_rng(3)
    for i in range(25):
        shift = rng.choice([0.0, 0.05, 0.1])
        before = rng.beta(2, 4, 30)
        kinds = [
            make_arms(before, np.clip(rng.beta(2, 4, 40) + shift, 0, 1)),
            make_arms(rng.random(40) < 0.5, rng.random(30) < 0.5 + 3 * shift, kind="binary"),
            make_arms(
                before + 1, (rng.beta(2, 4, 40) + 1) * (1 + shift), statistic="ratio_of_totals"
            ),
            make_arms(before + 1, (rng.beta(2, 4, 40) + 1) * (1 + shift), statistic="signed_ranks"),
        ]
        for arms in kinds:
            r = analyse_unpaired([arms], assigned_of(arms), draws=999, seed=i)[0]
            low, high = -math.inf if r.low is None else r.low, r.high or 0.0
            outside = low > 1e-12 or (r.high is not None and high < -1e-12)
            assert outside <= (r.p_value <= 0.05), (arms.statistic, r)
            if r.p_value > 0.05:
                assert low <= 1e-12 <= high + 2e-12


def test_metrics_are_corrected_together_on_shared_draws() -> None:
    rng = np.random.default_rng(8)
    before, after = rng.beta(2, 2, 60), np.clip(rng.beta(2, 2, 60) - 0.3, 0, 1)
    noise = [make_arms(rng.random(60), rng.random(60), name=f"n{i}") for i in range(5)]
    arms = [make_arms(before, after, name="worse"), *noise]
    alone = one(arms[0])
    together = analyse_unpaired(arms, assigned_of(*arms), seed=1)[0]
    assert together.p_value == alone.p_value
    assert together.p_adjusted is not None
    assert together.p_value <= together.p_adjusted <= 6 * together.p_value + 1e-3
    assert together.verdict == "regressed"


def test_a_metric_twice_costs_nothing() -> None:
    rng = np.random.default_rng(9)
    before, after = rng.beta(2, 2, 40), rng.beta(2, 3, 40)
    arms = [make_arms(before, after, name=name) for name in "ab"]
    both = analyse_unpaired(arms, assigned_of(*arms), seed=1, exact=True)
    assert both[0].p_adjusted == pytest.approx(both[0].p_value, abs=2e-3)


def test_whole_units_are_dealt_where_units_were_drawn() -> None:
    """Forty events of four cameras are four draws, and can accuse nobody."""
    units = np.repeat([0, 1], 20)
    arms = make_arms(np.zeros(40), np.ones(40), units, units + 2)
    r = one(arms)
    assert r.verdict != "improved"
    assert r.p_value > 0.3
    assert any("too few" in note for note in r.notes)
    assert one(make_arms(np.zeros(40), np.ones(40))).p_value < 1e-3


def test_thirty_alike_on_either_side_are_no_proof() -> None:
    r = one(make_arms(np.ones(30), np.ones(30)))
    assert (r.low, r.high) == pytest.approx((-0.1157, 0.1157), abs=1e-3)
    assert r.verdict == "inconclusive"
    assert r.scenarios_needed
    many = one(make_arms(np.ones(400), np.ones(300)))
    assert many.verdict == "equivalent"


@pytest.mark.parametrize("statistic", ["mean", "signed_ranks", "ratio_of_totals"])
def test_constant_values_that_differ_are_told_apart(statistic: str) -> None:
    r = one(make_arms(np.full(12, 1.0), np.full(14, 0.5), statistic=statistic))
    assert r.p_value < 0.01
    assert r.difference is not None
    assert r.difference < 0


@pytest.mark.parametrize(
    ("before", "after"), [([], [0.5]), ([0.1], []), ([0.1], [0.9]), ([0.1], [0.2, 0.3, 0.9])]
)
@pytest.mark.parametrize("statistic", ["mean", "signed_ranks", "ratio_of_totals"])
def test_almost_nothing_says_nothing(
    before: list[float], after: list[float], statistic: str
) -> None:
    arms = make_arms(before, after, statistic=statistic)
    assigned = np.arange(len(before) + len(after)) >= len(before)
    (r,) = analyse_unpaired([arms], assigned, seed=1)
    assert r.verdict == "inconclusive"
    assert r.p_value == 1.0


def test_a_zero_total_has_no_ratio() -> None:
    r = one(make_arms(np.zeros(20), np.ones(20), statistic="ratio_of_totals"))
    assert r.ratio is None
    assert r.verdict == "inconclusive"


def test_figures_of_all_rows_are_recomputed() -> None:
    rng = np.random.default_rng(4)

    def spread(rows: np.ndarray[Any, Any]) -> float:
        return float(rows.std())

    arms = make_arms(
        rng.normal(0.5, 0.05, 80),
        rng.normal(0.5, 0.15, 80),
        statistic="aggregate",
        aggregate=spread,
    )
    r = one(arms, draws=999)
    assert r.difference == pytest.approx(spread(arms.candidate) - spread(arms.baseline))
    assert r.p_value <= 0.005
    assert r.low is not None
    assert r.low > 0.05


def in_bins(rows: np.ndarray[Any, Any]) -> float:
    """Return the calibration error of codes 2 x bin + truth, in ten bins."""
    kind, right = np.divmod(np.rint(rows.ravel() * 100).astype(int), 2)
    total = np.maximum(np.bincount(kind, minlength=10), 1)
    share = np.bincount(kind, weights=right, minlength=10) / total
    return float(np.abs(share - (np.arange(10) + 0.5) / 10) @ total / total.sum())


def codes(rng: np.random.Generator, n: int, off: float = 0.0) -> np.ndarray[Any, Any]:
    kind = rng.integers(0, 10, n)
    right = rng.random(n) < np.clip((kind + 0.5) / 10 + off, 0, 1)
    return (2 * kind + right) / 100.0


@pytest.mark.parametrize(("small", "large"), [(100, 900), (60, 900)])
def test_a_figure_that_sizes_make_acquits_nobody(small: int, large: int) -> None:
    given: dict[str, Any] = {"statistic": "aggregate", "aggregate": in_bins, "margin": 0.03}
    for seed in range(3):
        rng = np.random.default_rng(seed)
        worse = make_arms(codes(rng, small), codes(rng, large, 0.06), **given)
        r = one(replace(worse, higher_is_better=False), draws=499)
        # The larger side's figure is the smaller by its size; still it is the worse one.
        assert r.verdict in ("inconclusive", "regressed")
        assert "how many scenarios" in " ".join(r.notes)
        alike = make_arms(codes(rng, large), codes(rng, small), **given)
        r = one(replace(alike, higher_is_better=False), draws=499)
        assert (r.low, r.high) == (-1.0, 1.0)


def test_both_at_the_end_of_the_range_are_no_proof() -> None:
    rng = np.random.default_rng(6)

    def best(rows: np.ndarray[Any, Any]) -> float:
        return 1.0 if rows.min() > 0.5 else 0.0

    sides = [rng.uniform(0.6, 1, 30) for _ in range(2)]
    r = one(make_arms(*sides, statistic="aggregate", aggregate=best, margin=0.03), draws=499)
    assert r.verdict == "inconclusive"
    assert (r.low, r.high) == pytest.approx((-0.1157, 0.1157), abs=1e-4)  # 1 - .025 ** (1 / 30)


def test_a_small_side_that_does_not_vary_is_no_proof() -> None:
    before, after = np.repeat([1.0, 0.0], [77, 13]), np.ones(10)
    r = one(make_arms(before, after))
    assert r.verdict == "inconclusive"
    assert r.low is not None
    assert r.low < -0.05
    assert "of a side" in " ".join(r.notes)


def test_the_order_of_rows_changes_nothing() -> None:
    rng = np.random.default_rng(5)
    before, after = rng.random(30), rng.random(40)
    first = make_arms(before, after)
    mixed, last = rng.permutation(30), rng.permutation(40)
    second = make_arms(before[mixed], after[last], mixed, last + 30)
    assert one(first) == one(second)


def test_a_unit_of_the_other_side_is_refused() -> None:
    arms = make_arms([0.1, 0.2], [0.3, 0.4])
    with pytest.raises(ValueError, match="drawn for the other version"):
        analyse_unpaired([arms], np.array([False, True, True, True]), seed=1)
