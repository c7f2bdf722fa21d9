"""Known values of the distribution of levels: distance, prevalence, fit and shift."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptreg import Scale, Score, Unscored
from promptreg.errors import SuiteError
from promptreg.records import Outcome, ScoreColumn
from scoring_makers import make, scenario, trial

LEVELS = ("low", "medium", "high", "critical", "none")
PREVALENCE = {"scenario_type": {"normal": 0.9, "threat": 0.1}}


def codes(scorer: Any, levels: Sequence[str], types: Sequence[str] = ()) -> Any:
    made = []
    for i, level in enumerate(levels):
        truth: dict[str, Any] = {"scenario_type": types[i]} if types else {}
        found = scorer.score(trial({"risk_level": level}, **truth))
        assert isinstance(found, Score), found
        made.append(found.value)
    return np.array(made)


def distance(levels: Sequence[str], types: Sequence[str] = (), **given: Any) -> float:
    scorer: Any = make("level_distribution", **given)
    return float(scorer.aggregate(codes(scorer, levels, types)))


def column(scale: Scale, values: Any) -> ScoreColumn:
    values = np.asarray(values, dtype=float).reshape(len(values), -1)
    return ScoreColumn(scale, values, np.full(values.shape, Outcome.SCORED, np.uint8))


def test_level_distribution_by_hand() -> None:
    assert distance(["low"] * 4) == pytest.approx(0.2)
    assert distance(["low"] * 3 + ["none"]) == pytest.approx(0.25)
    assert distance(["critical"]) == pytest.approx(0.99)
    as_expected = ["low"] * 80 + ["medium"] * 15 + ["high"] * 4 + ["critical"]
    assert distance(as_expected) == pytest.approx(0, abs=1e-12)
    assert distance(["a", "b"], expected={"a": 0.5, "b": 0.5}) == 0


def test_kinds_of_scenarios_count_as_often_as_they_happen() -> None:
    levels = ["low"] * 9 + ["medium"] + ["high"] * 10
    types = ["normal"] * 10 + ["threat"] * 10
    assert distance(levels) == pytest.approx(0.46)
    assert distance(levels, types, prevalence=PREVALENCE) == pytest.approx(0.07)
    # More threats of the same sort change nothing; without weights they would.
    more = levels + ["high"] * 50, types + ["threat"] * 50
    assert distance(*more, prevalence=PREVALENCE) == pytest.approx(0.07)


def test_a_kind_that_happens_and_is_not_in_the_suite_leaves_the_distance_undefined() -> None:
    assert math.isnan(distance(["low"], ["normal"], prevalence=PREVALENCE))
    never = {"scenario_type": {"normal": 1.0, "threat": 0.0}}
    assert distance(["low"], ["normal"], prevalence=never) == pytest.approx(0.2)


def test_a_kind_without_a_share_is_not_guessed() -> None:
    scorer = make("level_distribution", prevalence=PREVALENCE)
    odd: list[dict[str, Any]] = [{"scenario_type": "odd"}, {}]
    for truth in odd:
        found = scorer.score(trial({"risk_level": "low"}, **truth))
        assert isinstance(found, Unscored)
        assert "prevalence has: normal, threat" in found.reason
        assert scorer.worst(scenario(**truth), scorer.scales[0]) is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"expected": {"a": 1.0}}, "add up to 1"),
        ({"expected": {"a": 0.5, "b": 0.4}}, "add up to 1"),
        ({"expected": {"a": 1.5, "b": -0.5}}, "add up to 1"),
        ({"prevalence": {"scenario_type": {"a": 0.5, "b": 0.4}}}, "add up to 1"),
        ({"prevalence": {"a": {"x": 1.0}, "b": {"y": 1.0}}}, "one property"),
    ],
)
def test_level_distribution_refuses_shares_that_are_none(given: Any, said: str) -> None:
    with pytest.raises(SuiteError, match=said):
        make("level_distribution", **given)


def test_level_distribution_counts_failures_as_no_level() -> None:
    scorer: Any = make("level_distribution")
    lost = scorer.worst(scenario(), scorer.scales[0])
    low = codes(scorer, ["low"])[0]
    with_gaps = np.array([[low, low], [np.nan, low], [low, lost]])
    assert scorer.aggregate(with_gaps) == pytest.approx(0.2)  # 4 of 5 low, 1 of 5 without
    assert math.isnan(scorer.aggregate(np.array([np.nan])))


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.integers(0, 59))
def test_a_failure_never_brings_the_distribution_closer(places: list[int], which: int) -> None:
    scorer: Any = make_levels
    levels = [LEVELS[p] for p in places]
    before = scorer.aggregate(codes(scorer, levels))
    expected = [0.80, 0.15, 0.04, 0.01, 0.0]
    shares = [places.count(k) / len(places) for k in range(5)]
    by_hand = 1 - sum(min(a, b) for a, b in zip(shares, expected, strict=True))
    assert before == pytest.approx(by_hand)
    levels[which % len(levels)] = "none"
    assert scorer.aggregate(codes(scorer, levels)) >= before - 1e-12


make_levels = make("level_distribution")


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=12), st.integers(1, 3))
def test_a_gap_in_favour_counts_as_the_best_level_it_could_have_had(
    places: list[int], gaps: int
) -> None:
    scorer: Any = make_levels
    levels = [LEVELS[p] for p in places]
    favoured = np.concatenate([codes(scorer, levels), np.full(gaps, scorer.scales[0].best)])
    best = scorer.aggregate(favoured)
    for filled in LEVELS[:4]:
        assert best <= scorer.aggregate(codes(scorer, [*levels, *[filled] * gaps])) + 1e-9


def test_remarks_say_how_well_it_fits_and_whether_levels_moved() -> None:
    scorer: Any = make("level_distribution")
    scale = scorer.scales[0]
    fits = codes(scorer, ["low"] * 80 + ["medium"] * 15 + ["high"] * 4 + ["critical"])
    shifted = codes(scorer, ["low"] * 50 + ["medium"] * 45 + ["high"] * 4 + ["critical"])
    families = [str(i) for i in range(100)]
    fit, moved = scorer.remarks(scale, column(scale, fits), column(scale, shifted), families)
    assert fit.startswith("fits the expected shares: baseline p 1.0, candidate p <.001")
    assert moved.startswith("levels moved: p <.001 (Stuart-Maxwell 30.0, df 1")
    same = scorer.remarks(scale, column(scale, fits), column(scale, fits), families)
    assert "levels moved: p 1.0" in same[1]
    gaps = column(scale, np.full(100, np.nan))
    assert scorer.remarks(scale, gaps, gaps, families) == []


def test_it_accuses_nobody_by_itself() -> None:
    assert make("level_distribution").gates is False
