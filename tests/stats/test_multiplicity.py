"""Adjusted p-values against statsmodels, by hand, and under joint nulls."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from promptreg.stats.analysis import PairedScores, analyse
from promptreg.stats.evidence import Swing
from promptreg.stats.multiplicity import (
    benjamini_hochberg,
    holm,
    step_down_max_t,
    step_down_min_p,
)

Make = Callable[..., PairedScores]
p_values = st.lists(st.floats(0, 1), min_size=1, max_size=20)


@settings(max_examples=30, deadline=None)
@given(p_values)
def test_equal_statsmodels(p: list[float]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gc.collect", lambda: 0)  # half a second each time, if all tests are loaded
        known = {way: list(multipletests(p, method=way)[1]) for way in ("holm", "fdr_bh")}
    assert holm(p) == pytest.approx(known["holm"])
    assert benjamini_hochberg(p) == pytest.approx(known["fdr_bh"])


def test_hints_are_those_of_the_step_up_rule() -> None:
    p = [0.001, 0.30, 0.045, 0.02, 0.9, 0.06]
    for q in (0.01, 0.05, 0.10, 0.35):
        found = [adjusted <= q for adjusted in benjamini_hochberg(p)]
        assert found == list(multipletests(p, q, method="fdr_bh")[0])


def test_nothing_and_nonsense() -> None:
    assert benjamini_hochberg([]) == holm([]) == step_down_max_t([]) == []
    with pytest.raises(ValueError, match="0 to 1"):
        holm([0.2, float("nan")])


def test_step_down_by_hand() -> None:
    # T = 3 and 2; the largest of both exceeds 3 in one of 9 draws, the second alone 2 in two.
    first = Swing(3.0, np.array([0.1, 3.5, 1, 0, 1, 0, 1, 0, 1]), mid_p=False)
    second = Swing(-2.0, np.array([2.5, -2.2, 1, 0, 1, 0, 1, 0, 1]), mid_p=False)
    assert step_down_max_t([first, second]) == pytest.approx([2 / 10, 3 / 10])
    assert step_down_max_t([second, first]) == pytest.approx([3 / 10, 2 / 10])
    # The order is kept: a smaller |T| never has the smaller p.
    third = Swing(1.9, np.zeros(9), mid_p=False)
    assert step_down_max_t([first, second, third])[2] == pytest.approx(3 / 10)


def heavy_tailed(rng: np.random.Generator, tails: list[float], shift: float = 0.0) -> list[Swing]:
    """Return metrics whose statistics have Student tails; the first is moved by `shift`."""
    found = []
    for j, tail in enumerate(tails):
        drawn = rng.standard_t(tail, 1000)
        found.append(Swing(drawn[0] + (shift if j == 0 else 0.0), drawn[1:], mid_p=False))
    return found


def test_a_metric_of_few_units_hides_no_other_one() -> None:
    swings = heavy_tailed(np.random.default_rng(3), [100, 1, 1, 1, 1], shift=6.0)
    alone = step_down_max_t(swings[:1])[0]
    assert alone == pytest.approx(0.001)
    assert step_down_max_t(swings)[0] > 0.2
    assert step_down_min_p(swings)[0] == pytest.approx(5 * alone, abs=0.003)


def test_places_count_for_one_metric_as_its_statistic_does() -> None:
    rng = np.random.default_rng(4)
    for _ in range(20):
        draws = rng.integers(-4, 5, 199).astype(float)
        draws[:3] = np.inf  # undefined draws are as large as can be
        for mid_p in (False, True):
            one = Swing(float(rng.integers(-4, 5)), draws, mid_p)
            assert step_down_min_p([one]) == pytest.approx(step_down_max_t([one]))


def test_places_err_as_seldom_as_they_say_where_nothing_changed() -> None:
    rng = np.random.default_rng(5)
    accused = [min(step_down_min_p(heavy_tailed(rng, [100, 1, 2, 30, 1]))) for _ in range(1000)]
    rate = np.mean(np.array(accused) <= 0.05)
    assert 0.029 < rate < 0.071  # .05 within three standard errors


def test_equal_metrics_cost_nothing_and_independent_ones_do(paired: Make) -> None:
    rng = np.random.default_rng(1)
    before, after = rng.random(80), np.clip(rng.random(80) - 0.08, 0, 1)
    twins = [paired(before, after, name=str(i)) for i in range(5)]
    for result in analyse(twins, seed=1):
        assert result.p_adjusted == pytest.approx(result.p_value, abs=0.01)
    others = [paired(before, rng.permutation(after), name=f"x{i}") for i in range(4)]
    first = analyse([twins[0], *others], seed=1)[0]
    assert first.p_adjusted is not None
    assert first.p_adjusted > 1.5 * first.p_value


def test_only_gating_metrics_pay_and_are_paid_for(paired: Make) -> None:
    rng = np.random.default_rng(2)
    make = [paired(rng.random(50), rng.random(50), name=str(i), gating=i < 2) for i in range(6)]
    with_others, alone = analyse(make, seed=1), analyse(make[:2], seed=1)
    assert [r.p_adjusted for r in with_others[:2]] == [r.p_adjusted for r in alone]
    assert all(r.p_adjusted is None for r in with_others[2:])


def test_metrics_may_cover_different_families(paired: Make) -> None:
    rng = np.random.default_rng(3)
    whole = paired(rng.random(40), rng.random(40), name="all")
    part = paired(np.ones(20), np.zeros(20), np.arange(20, 40), name="part", kind="binary")
    none = paired(np.zeros(0), np.zeros(0), name="none")
    results = analyse([whole, part, none], seed=1)
    assert [r.n_scenarios for r in results] == [40, 20, 0]
    assert results[1].verdict == "regressed"
    assert results[1].p_adjusted is not None
    assert results[1].p_adjusted < 0.001
