"""Signed ranks, Hodges-Lehmann ratios and totals against scipy and brute force."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata, wilcoxon

from promptreg.stats.analysis import PairedScores, analyse
from promptreg.stats.ranks import hodges_lehmann, rank_sum, signed_ranks, walsh

Make = Callable[..., PairedScores]
LATENCY = {"statistic": "signed_ranks", "kind": "count", "higher_is_better": False}
COST = {"statistic": "ratio_of_totals", "kind": "count", "higher_is_better": False}

integers = st.lists(st.integers(-9, 9), min_size=1, max_size=25)


@given(integers)
def test_signed_ranks_are_pratts(d: list[int]) -> None:
    x = np.array(d, dtype=np.int64)
    assert np.array_equal(signed_ranks(x), np.sign(x) * rankdata(np.abs(x)))


@given(integers, st.integers(-12, 12))
def test_counting_pairs_equals_the_rank_sum(d: list[int], shift: int) -> None:
    x = np.array(d, dtype=np.int64)
    expected = signed_ranks(x - shift).sum()
    assert rank_sum(np.sort(x), 2.0 * shift) == expected


@given(integers)
def test_counting_bisection_finds_every_walsh_average(d: list[int]) -> None:
    sums = sorted(a + b for i, a in enumerate(d) for b in d[i:])
    ordered = np.sort(np.array(d, dtype=np.int64))
    assert [walsh(ordered, k + 1) for k in range(len(sums))] == sums
    assert hodges_lehmann(ordered) == pytest.approx(float(np.median(sums)) / 2)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(6, 12))
def test_equals_scipys_exact_wilcoxon(paired: Make, seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    before, after = rng.lognormal(size=n), rng.lognormal(size=n)
    result = analyse([paired(before, after, **LATENCY)], seed=1, exact=True)[0]
    expected = wilcoxon(np.log(after / before), method="exact").pvalue
    assert result.p_value == pytest.approx(expected, abs=1e-12)


def test_zeros_are_treated_as_pratt_did(paired: Make) -> None:
    rng = np.random.default_rng(4)
    before = rng.lognormal(size=400)
    after = before * np.exp(rng.normal(0.02, 0.3, 400))
    after[:80] = before[:80]
    result = analyse([paired(before, after, **LATENCY)], seed=1)[0]
    expected = wilcoxon(np.log(after / before), zero_method="pratt", method="asymptotic").pvalue
    assert result.p_value == pytest.approx(expected, abs=4 * math.sqrt(0.25 / 9999))


def test_interval_has_the_textbook_order_statistics(paired: Make) -> None:
    # n = 10: the critical value of the signed-rank table is 8, so the interval runs from the
    # 9th smallest to the 9th largest of the 55 Walsh averages (Hollander & Wolfe, table A.4).
    rng = np.random.default_rng(6)
    logs = rng.normal(0.3, 1, 10)
    result = analyse([paired(np.ones(10), np.exp(logs), **LATENCY)], seed=1, exact=True)[0]
    averages = sorted((a + b) / 2 for i, a in enumerate(logs) for b in logs[i:])
    assert result.ratio is not None
    assert np.log(result.ratio) == pytest.approx(
        [np.median(averages), averages[8], averages[46]], abs=1e-9
    )


def test_latency_is_reported_in_seconds_too(paired: Make) -> None:
    rng = np.random.default_rng(7)
    before = rng.lognormal(1, 0.5, 300)
    result = analyse([paired(before, before * 1.3 * rng.lognormal(0, 0.1, 300), **LATENCY)], seed=1)
    first = result[0]
    assert first.verdict == "regressed"
    assert first.ratio is not None
    assert first.baseline == pytest.approx(np.median(before))
    assert first.ratio[0] == pytest.approx(1.3, abs=0.03)
    assert first.difference == pytest.approx((first.ratio[0] - 1) * np.median(before))
    assert first.low == pytest.approx((first.ratio[1] - 1) * np.median(before))
    assert first.confidence_worse_than_margin == pytest.approx(1, abs=1e-3)


def test_families_are_flipped_as_wholes(paired: Make) -> None:
    before = np.ones(40)
    after = np.repeat([1.2, 1.3, 1.4, 1.25, 1.35, 1.5, 1.6, 0.9], 5)
    whole = analyse([paired(before, after, np.repeat(np.arange(8), 5), **LATENCY)], seed=1)[0]
    rows = analyse([paired(before, after, **LATENCY)], seed=1)[0]
    assert whole.p_value > 0.01 > rows.p_value
    assert whole.n_clusters == 8


def test_the_interval_of_families_inverts_their_test(paired: Make) -> None:
    rng = np.random.default_rng(5)
    families = np.repeat(np.arange(9), [1, 1, 2, 2, 3, 4, 8, 8, 8])
    d = rng.normal(0, 0.4, 9)[families] + rng.normal(0, 0.1, len(families))
    metric = paired(np.ones(len(d)), np.exp(d), families, **LATENCY)
    found = analyse([metric], seed=1)[0].ratio
    assert found is not None
    flips = np.array(list(itertools.product((0, 1), repeat=9)))

    def p_value(shift: float) -> float:
        ranks = np.sign(d - shift) * rankdata(np.abs(d - shift))
        sums = flips @ np.bincount(families, weights=ranks)
        return float(2 * min((sums <= 0).mean(), (sums >= 0).mean()))

    low, high = (math.log(end) for end in found[1:])
    assert p_value(low + 1e-3) > 0.05 >= p_value(low - 1e-3)
    assert p_value(high - 1e-3) > 0.05 >= p_value(high + 1e-3)


def test_a_duration_of_zero_is_named_not_refused(paired: Make) -> None:
    before, after = np.full(20, 2.0), np.full(20, 2.5)
    after[3] = 0
    result = analyse([paired(before, after, **LATENCY)], seed=1)[0]
    assert any("scores of 0" in note for note in result.notes)


def test_ratio_of_totals_equals_brute_force(paired: Make) -> None:
    rng = np.random.default_rng(9)
    before, after = rng.integers(100, 900, 9), rng.integers(100, 900, 9)
    result = analyse([paired(before, after, **COST)], seed=1, exact=True)[0]
    ratios, up, down = [], 1, 1
    for flip in itertools.product((False, True), repeat=9):
        if any(flip):
            a, b = after[list(flip)].sum(), before[list(flip)].sum()
            ratios.append(a / b)
            up, down = up + (a <= b), down + (a >= b)
    ratios.sort()
    assert result.p_value == pytest.approx(2 * min(up, down) / 512)
    assert result.ratio == pytest.approx((after.sum() / before.sum(), ratios[11], ratios[-12]))
    assert result.difference == pytest.approx(after.mean() - before.mean())


def test_ratio_interval_is_near_fiellers_for_many_scenarios(paired: Make) -> None:
    rng = np.random.default_rng(10)
    before = rng.poisson(400, 2000) * 1.0
    after = before * 1.05 + rng.normal(0, 40, 2000)
    result = analyse([paired(before, after, **COST)], seed=1)[0]
    assert result.ratio is not None
    ratio = after.sum() / before.sum()
    se = np.sqrt(np.sum((after - ratio * before) ** 2)) / before.sum()
    assert result.ratio[1] == pytest.approx(ratio - 1.96 * se, abs=0.2 * se)
    assert result.ratio[2] == pytest.approx(ratio + 1.96 * se, abs=0.2 * se)
    assert result.verdict == "equivalent"


def test_identical_totals_need_enough_scenarios(paired: Make) -> None:
    tokens = np.tile([300.0, 500.0, 700.0], 100)
    few = analyse([paired(tokens[:15], tokens[:15], **COST)], seed=1)[0]
    many = analyse([paired(tokens, tokens, **COST)], seed=1)[0]
    assert (few.verdict, many.verdict) == ("inconclusive", "equivalent")
