"""The sign-flip test and Hartigan's interval against brute force, and their agreement."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar

from promptreg.stats.analysis import PairedResult, PairedScores, analyse
from promptreg.stats.evidence import rank_for, unseen_share
from promptreg.stats.flips import Columns, Flips
from promptreg.stats.paired import hartigan, subset_means

Make = Callable[..., PairedScores]


def brute_force(d: list[list[int]], alpha: Fraction) -> tuple[Fraction, Fraction, Fraction]:
    """Return p, low, high from all sign flips of families, in exact arithmetic."""
    sums, sizes = [sum(f) for f in d], [len(f) for f in d]
    means, up, down, total = [], 0, 0, 0
    for flip in itertools.product((0, 1), repeat=len(d)):
        total += 1
        size = sum(n for n, f in zip(sizes, flip, strict=True) if f)
        theta = sum(s for s, f in zip(sums, flip, strict=True) if f)
        up += theta <= 0
        down += theta >= 0
        if size:
            means.append(Fraction(theta, size))
    means.sort()
    k = int(alpha / 2 * total)
    return min(Fraction(1), Fraction(2 * min(up, down), total)), means[k - 1], means[-k]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(-40, 40), min_size=1, max_size=4), min_size=8, max_size=9))
def test_equals_brute_force_in_exact_arithmetic(paired: Make, d: list[list[int]]) -> None:
    if sum(1 for f in d if sum(f)) < 8:
        return  # the sparse guard has its own test
    flat = np.array([x for f in d for x in f], dtype=float)
    families = np.repeat(np.arange(len(d)), [len(f) for f in d])
    metric = paired(50 - flat / 2, 50 + flat / 2, families, high=100.0, margin=3)
    result = analyse([metric], seed=0, exact=True)[0]
    p, low, high = brute_force(d, Fraction(1, 20))
    assert result.p_value == pytest.approx(float(p), abs=1e-12)
    assert result.low == pytest.approx(float(low), abs=1e-9)
    assert result.high == pytest.approx(float(high), abs=1e-9)


def test_hartigan_by_hand() -> None:
    # 1, 2, 6 have the subset means 1, 1.5, 2, 3, 3.5, 4, 6; each gap has probability 1/8.
    flips, columns = Flips(3, 199, 0), Columns(3)
    columns.add(np.array([1.0, 2.0, 6.0]))
    columns.add(np.ones(3))
    sums, counts = columns.flipped_sums(flips)
    means = subset_means(sums, counts)
    assert sorted(means) == [1, 1.5, 2, 3, 3.5, 4, 6]
    assert hartigan(means, counts, 0.25, limit=9) == (1, 6)
    assert hartigan(means, counts, 0.50, limit=9) == (1.5, 4)
    assert hartigan(means, counts, 0.10, limit=9) == (-9, 9)


def test_is_mcnemar_for_pass_fail(paired: Make) -> None:
    before, after = np.zeros(12), np.zeros(12)
    before[:7], after[7:9] = 1, 1
    result = analyse([paired(before, after)], seed=3)[0]
    assert "exact enumeration" in result.test
    expected = mcnemar([[0, 7], [2, 3]], exact=True).pvalue
    assert result.p_value == pytest.approx(expected, abs=1e-12)


def test_sampled_flips_approach_the_enumerated_ones(paired: Make) -> None:
    rng = np.random.default_rng(5)
    before, after = rng.random((13, 2)), rng.random((13, 2)) * 0.8
    exact = analyse([paired(before, after)], seed=1, draws=9999)[0]
    sampled = analyse([paired(before, after)], seed=1, draws=8000)[0]
    assert "exact" in exact.test
    assert "8000 draws" in sampled.test
    assert sampled.p_value == pytest.approx(exact.p_value, abs=4 * np.sqrt(0.25 / 8000))
    assert sampled.low == pytest.approx(exact.low, abs=0.03)
    assert sampled.high == pytest.approx(exact.high, abs=0.03)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(8, 60),
    st.integers(0, 2**32 - 1),
    st.sampled_from(["ordinal", "continuous", "rare"]),
    st.booleans(),
)
def test_p_value_and_interval_agree(
    paired: Make, n: int, seed: int, world: str, exact: bool
) -> None:
    rng = np.random.default_rng(seed)
    shift = rng.normal(0, 0.3)
    if world == "ordinal":
        d = np.clip(np.rint(rng.normal(shift, 1, n)), -3, 3) / 3
    elif world == "rare":
        d = np.where(rng.random(n) < 0.3, np.sign(rng.normal(shift, 1, n)), 0.0)
    else:
        d = np.clip(rng.normal(shift, 0.5, n), -1, 1)
    result = analyse([paired(0.5 - d / 2, 0.5 + d / 2)], seed=seed, draws=999, exact=exact)[0]
    assert result.low is not None
    assert result.high is not None
    assert result.low <= result.high
    if result.p_value <= 0.05:  # the closed interval at worst touches 0
        assert result.low >= 0 or result.high <= 0
    if exact and not result.notes:
        assert (result.p_value <= 0.05) == (result.low > 0 or result.high < 0)


def _all_statistics(
    paired: Make, rows: list[tuple[float, float, int]], order: list[int]
) -> list[PairedScores]:
    before = np.array([rows[i][0] for i in order])
    after = np.array([rows[i][1] for i in order])
    families = np.array([rows[i][2] for i in order])
    small = {"statistic": "ratio_of_totals", "higher_is_better": False}

    def spread(scores: np.ndarray) -> float:  # depends on the order of summation, a little
        return float(np.sqrt(np.mean(scores**2)))

    return [
        paired(before, after, families, name="mean"),
        paired(before > 0.5, after > 0.5, families, name="binary", kind="binary"),
        paired(before, after, families, name="ranks", statistic="signed_ranks"),
        paired(before, after, families, name="totals", **small),
        paired(before, after, families, name="rms", statistic="aggregate", aggregate=spread),
    ]


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_order_of_rows_changes_no_bit(paired: Make, data: st.DataObject) -> None:
    share = st.floats(0, 1, allow_subnormal=False)
    row = st.tuples(share, share, st.integers(0, 9))
    rows = data.draw(st.lists(row, min_size=2, max_size=30))
    order = data.draw(st.permutations(range(len(rows))))
    first = analyse(_all_statistics(paired, rows, list(range(len(rows)))), seed=7, draws=299)
    second = analyse(_all_statistics(paired, rows, order), seed=7, draws=299)
    assert first == second


def test_swapping_the_versions_mirrors_the_result(paired: Make) -> None:
    rng = np.random.default_rng(2)
    before, after, families = rng.random(30), rng.random(30), np.arange(30) // 3
    one = analyse([paired(before, after, families)], seed=1)[0]
    two = analyse([paired(after, before, families)], seed=1)[0]
    assert one.difference == -two.difference  # type: ignore[operator]
    assert one.low == pytest.approx(-two.high)  # type: ignore[operator]
    assert one.high == pytest.approx(-two.low)  # type: ignore[operator]
    assert one.p_value == two.p_value


def test_direction_turns_the_verdict_only(paired: Make) -> None:
    rng = np.random.default_rng(3)
    before = rng.random(60) * 0.5
    up = analyse([paired(before, before + 0.2)], seed=1)[0]
    down = analyse([paired(before, before + 0.2, higher_is_better=False)], seed=1)[0]
    assert (up.verdict, down.verdict) == ("improved", "regressed")
    assert (up.low, up.high, up.p_value) == (down.low, down.high, down.p_value)
    assert (up.confidence_worse_than_margin, down.confidence_worse_than_margin) == (0.0, 1.0)


def test_decimal_rounding_is_a_tie_not_a_change(paired: Make) -> None:
    result = analyse([paired(np.full(40, 0.1 + 0.2), np.full(40, 0.3))], seed=1)[0]
    assert result.difference == 0
    assert result.p_value == 1
    thirds = analyse([paired([0.1, 0.7, 0.3] * 10, [0.3, 0.3, 0.5] * 10)], seed=1)[0]
    whole = analyse([paired([1, 7, 3] * 10, [3, 3, 5] * 10, high=10.0, margin=0.5)], seed=1)[0]
    assert thirds.p_value == whole.p_value
    # Unequal sizes are rounded unequally, so that equal steps differ in the last bits.
    near = {"high": 100.0, "margin": 0.5}
    high = analyse([paired([63.4, 27.4, 5.0] * 10, [63.6, 27.0, 5.2] * 10, **near)], seed=1)[0]
    assert high.p_value == whole.p_value
    assert (high.low, high.high) == pytest.approx((whole.low / 10, whole.high / 10))  # type: ignore[operator]


def test_ties_count_half_from_ten_changes_on(paired: Make) -> None:
    def p(changes: int, *, exact: bool) -> float:
        before, after = np.zeros(60), np.zeros(60)
        before[: changes // 3], after[changes // 3 : changes] = 1, 1
        return analyse([paired(before, after)], seed=1, exact=exact)[0].p_value

    assert p(9, exact=False) == p(9, exact=True)
    assert p(12, exact=False) < p(12, exact=True)


def test_few_changes_widen_the_interval_but_never_against_the_p_value(paired: Make) -> None:
    same = analyse([paired(np.full(30, 0.5), np.full(30, 0.5))], seed=1)[0]
    assert same.high == pytest.approx(unseen_share(30, 0.05)) == pytest.approx(0.1157, abs=1e-3)
    assert same.verdict == "inconclusive"
    assert same.detectable_difference == pytest.approx(same.high)
    # 3 / n, the rule of three, for 97.5 % one-sided: -ln(.025) / n
    assert unseen_share(10_000, 0.05) == pytest.approx(3.689 / 10_000, rel=1e-3)
    after = np.full(30, 0.5)
    after[:7] = 0.4
    worse = analyse([paired(np.full(30, 0.5), after)], seed=1)[0]
    assert worse.p_value == pytest.approx(2 / 2**7, abs=0.005)
    assert worse.low == pytest.approx(-unseen_share(30, 0.05))
    assert worse.high is not None
    assert worse.high < 0
    assert worse.verdict == "regressed"
    better = analyse([paired(np.full(30, 0.5), 1 - after)], seed=1)[0]
    assert (better.low, better.high) == pytest.approx((-worse.high, unseen_share(30, 0.05)))
    assert better.verdict == "improved"


def test_wide_scores_cannot_be_equivalent_with_30_identical_results(paired: Make) -> None:
    thirty = analyse([paired(np.ones(30), np.ones(30))], seed=1)[0]
    hundred = analyse([paired(np.ones(100), np.ones(100))], seed=1)[0]
    assert (thirty.verdict, hundred.verdict) == ("inconclusive", "equivalent")
    assert thirty.scenarios_needed is not None
    grown = 30 + thirty.scenarios_needed
    assert analyse([paired(np.ones(grown), np.ones(grown))], seed=1)[0].verdict == "equivalent"


def test_repeats_are_averaged_and_split(paired: Make) -> None:
    rng = np.random.default_rng(8)
    truth = rng.normal(0, 0.10, 4000)
    before = 0.5 - truth[:, None] / 2 + rng.normal(0, 0.05, (4000, 3))
    after = 0.5 + truth[:, None] / 2 + rng.normal(0, 0.05, (4000, 3))
    result = analyse([paired(np.clip(before, 0, 1), np.clip(after, 0, 1))], seed=1)[0]
    assert result.repeats == 3
    assert result.var_scenario == pytest.approx(0.01, rel=0.1)
    assert result.var_repeat == pytest.approx(2 * 0.05**2, rel=0.1)
    assert result.rerun_se == pytest.approx(np.sqrt(0.005 / 3 / 4000), rel=0.1)
    assert result.se == pytest.approx(np.sqrt((0.01 + 0.005 / 3) / 4000), rel=0.1)


def test_order_statistic_survives_rounding_of_alpha() -> None:
    assert rank_for(0.05, 9999) == 250
    assert rank_for(0.05, 63) == 1
    assert rank_for(0.05, 31) == 0
    assert rank_for(0.1, 199) == 10


def test_flips_do_not_depend_on_block_size(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(Flips(70, 999, 5).blocks()))
    monkeypatch.setattr("promptreg.stats.flips._BLOCK_ELEMENTS", 1000)
    pieces = list(Flips(70, 999, 5).blocks())
    assert len(pieces) > 10
    assert np.array_equal(np.concatenate(pieces), whole)
    assert whole.shape == (999, 70)
    assert abs(whole.mean() - 0.5) < 0.01


def test_enumeration_holds_every_flip_but_the_identity() -> None:
    rows = np.concatenate(list(Flips(7, 199, 0).blocks()))
    assert rows.shape == (127, 7)
    assert len(np.unique(rows, axis=0)) == 127
    assert rows.any(axis=1).all()


def test_results_are_plain_values(paired: Make) -> None:
    result: PairedResult = analyse([paired([0.1, 0.2] * 5, [0.3, 0.1] * 5)], seed=1)[0]
    for field in PairedResult.__dataclass_fields__:
        assert not isinstance(getattr(result, field), np.generic), field
