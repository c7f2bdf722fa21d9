"""The swap test of figures that are no average."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from promptreg.stats.analysis import PairedScores, analyse
from promptreg.stats.model import Floats

Make = Callable[..., PairedScores]


def mean(rows: Floats) -> float:
    return float(rows.mean())


def calibration_error(rows: Floats) -> float:
    """Return the expected calibration error of (confidence, correct) rows in ten bins."""
    confidence, correct = rows[:, 0], rows[:, 1]
    bins = np.minimum((confidence * 10).astype(int), 9)
    total = np.bincount(bins, minlength=10)
    gap = np.bincount(bins, weights=confidence - correct, minlength=10)
    return float(np.abs(gap).sum() / total.sum())


def test_swapping_a_mean_is_the_sign_flip_test(paired: Make) -> None:
    rng = np.random.default_rng(1)
    before, after, families = rng.random(60), rng.random(60), np.arange(60) // 2
    swapped = paired(before, after, families, name="a", statistic="aggregate", aggregate=mean)
    flipped = paired(before, after, families, name="b")
    one, two = analyse([swapped, flipped], seed=1, draws=1999, exact=True)
    assert one.p_value == two.p_value
    assert one.difference == pytest.approx(two.difference)
    assert one.low == pytest.approx(two.low, abs=0.03)
    assert one.high == pytest.approx(two.high, abs=0.03)
    assert any("approximate" in note for note in one.notes)


def test_calibration_error_of_rows_with_two_columns(paired: Make) -> None:
    rng = np.random.default_rng(2)
    truth = rng.random(300)
    correct = (rng.random(300) < truth) * 1.0
    before = np.column_stack([truth, correct])
    after = np.column_stack([np.clip(truth + 0.3, 0, 1), correct])
    metric = paired(
        before,
        after,
        statistic="aggregate",
        aggregate=calibration_error,
        higher_is_better=False,
        margin=0.03,
    )
    result = analyse([metric], seed=1, draws=499)[0]
    assert result.verdict == "regressed"
    assert result.baseline == pytest.approx(calibration_error(before))
    assert result.p_value == pytest.approx(2 / 500)
    same = paired(before, before, statistic="aggregate", aggregate=calibration_error, margin=0.03)
    assert analyse([same], seed=1, draws=499)[0].p_value == 1


def test_both_at_the_end_of_the_range_are_no_proof(paired: Make) -> None:
    rng = np.random.default_rng(7)
    due = np.arange(10) < 5

    def area(rows: Floats) -> float:
        right = rows[rows[:, 1] > 0, 0][:, None] > rows[rows[:, 1] == 0, 0]
        return float(right.mean()) if right.size else float("nan")

    sides = [
        np.column_stack([np.where(due, rng.uniform(0.8, 0.9, 10), rng.uniform(0.2, 0.3, 10)), due])
        for _ in range(2)
    ]
    metric = paired(*sides, statistic="aggregate", aggregate=area, margin=0.03)
    (r,) = analyse([metric], seed=1, draws=499)
    assert (r.baseline, r.candidate, r.difference) == (1, 1, 0)
    assert r.verdict == "inconclusive"  # up to 31 % of other scenarios may be otherwise
    assert (r.low, r.high) == pytest.approx((-0.3085, 0.3085), abs=1e-4)


def test_an_aggregate_that_is_undefined_for_some_swaps_stays_conservative(paired: Make) -> None:
    def fragile(rows: Floats) -> float:
        return float(rows.mean()) if rows.min() > 0.05 else float("nan")

    rng = np.random.default_rng(3)
    before, after = rng.uniform(0.06, 0.5, 30), rng.uniform(0.5, 1, 30)
    metric = paired(before, after, statistic="aggregate", aggregate=fragile)
    assert analyse([metric], seed=1, draws=299)[0].verdict == "improved"

    # Undefined in every swap: nothing can be accused, in either direction.
    def only_as_observed(rows: Floats) -> float:
        ours = np.array_equal(rows, before[:, None]) or np.array_equal(rows, after[:, None])
        return float(rows.mean()) if ours else float("nan")

    before, after = np.sort(before), np.sort(after)
    for one, two in ((before, after), (after, before)):
        metric = paired(one, two, statistic="aggregate", aggregate=only_as_observed)
        result = analyse([metric], seed=1, draws=299)[0]
        assert (result.p_value, result.verdict) == (1.0, "inconclusive")

    def impossible(rows: Floats) -> float:
        return float("inf")

    with pytest.raises(ValueError, match=r"score.*finite"):
        analyse([paired(before, after, statistic="aggregate", aggregate=impossible)], seed=1)


def test_an_aggregate_that_is_not_defined_is_inconclusive_and_accuses_nobody(paired: Make) -> None:
    def undefined(rows: Floats) -> float:
        return float("nan")

    before, after = np.full(30, 0.9), np.full(30, 0.1)
    first = paired(before, after, name="a", statistic="aggregate", aggregate=undefined)
    second = paired(before, after, name="b")
    result, other = analyse([first, second], seed=1, draws=499)
    assert (result.verdict, result.baseline, result.low) == ("inconclusive", None, None)
    assert (result.p_adjusted, result.n_scenarios) == (1.0, 30)
    assert result.notes == ("not defined on these scenarios",)
    assert other.verdict == "regressed"
