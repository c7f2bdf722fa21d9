"""Known values of the scorers of risk answers."""

from __future__ import annotations

import math
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptreg import Cause, Failure, Score, Scorer, Trial, Unscored
from promptreg.errors import SuiteError
from scoring_makers import GOOD, make, scenario, trial

FAILED = Failure(Cause.EMPTY, "no text")


def value(scorer: Scorer, of: Trial) -> float:
    found = scorer.score(of)
    assert isinstance(found, Score), found
    return found.value


def reason(scorer: Scorer, of: Trial) -> str:
    found = scorer.score(of)
    found = found[0] if isinstance(found, tuple) else found
    assert isinstance(found, Unscored), found
    return found.reason


@pytest.mark.parametrize(
    ("score", "ends", "hit", "distance"),
    [
        (20, [20, 60], 1, 0),
        (60, [20, 60], 1, 0),
        (19, [20, 60], 0, 1),
        (65, [20, 60], 0, 5),
        (100, [0, 0], 0, 100),
        (0, [100, 100], 0, 100),
        (30.5, [0, 30], 0, 0.5),
        (50, (50, 50), 1, 0),
    ],
)
def test_risk_range(score: float, ends: Any, hit: float, distance: float) -> None:
    found = make("risk_range").score(trial({"risk_score": score}, risk_range=ends))
    assert isinstance(found, tuple)
    assert [s.value for s in found if isinstance(s, Score)] == [hit, distance]
    assert [s.scale.name for s in found] == ["in_range", "deviation"]


@settings(deadline=None)
@given(low=st.integers(0, 100), high=st.integers(0, 100))
def test_no_answer_is_farther_from_the_range_than_a_failure(low: int, high: int) -> None:
    low, high = sorted((low, high))
    scorer = make_range
    one = scenario(risk_range=[low, high])
    worst = scorer.worst(one, scorer.scales[1])
    farthest = 0.0
    for score in range(101):
        found = scorer.score(trial({"risk_score": score}, risk_range=[low, high]))
        assert isinstance(found, tuple)
        assert isinstance(found[1], Score)
        farthest = max(farthest, found[1].value)
    assert worst == farthest


make_range = make("risk_range")


@pytest.mark.parametrize(
    "ends", ["20-60", [20], [60, 20], [20, 160], [-1, 5], [True, 5], [1, None], {"low": 1}]
)
def test_a_range_that_is_none_leaves_it_unscored(ends: Any) -> None:
    one = trial(GOOD, risk_range=ends)
    assert "allowed: [low, high]" in reason(make("risk_range"), one)
    scorer = make("risk_range")
    assert [scorer.worst(one.scenario, s) for s in scorer.scales] == [None, None]


@pytest.mark.parametrize("score", ["65", None, True, math.nan, 101])
def test_a_score_that_is_none_counts_as_a_failed_trial(score: Any) -> None:
    one = trial({"risk_score": score}, risk_range=[0, 9])
    hit, far = cast(Any, make("risk_range").score(one))
    assert (hit.value, far.value) == (0, 91)
    assert "allowed: a number 0 to 100" in far.note


def test_risk_range_settings() -> None:
    scorer = make("risk_range", field="points", truth="night_range", name="night")
    assert [s.name for s in scorer.scales] == ["night.in_range", "night.deviation"]
    found = scorer.score(trial({"points": 9}, night_range=[0, 9]))
    assert isinstance(found, tuple)
    assert isinstance(found[0], Score)
    assert found[0].value == 1
    assert not scorer.applies(scenario(risk_range=[0, 9]), scorer.scales[0])
    assert not scorer.applies(scenario(night_range=math.nan), scorer.scales[0])


@pytest.mark.parametrize(
    ("score", "level", "expected"),
    [
        (0, "low", 1), (29, "low", 1), (29.9, "low", 1), (30, "low", 0), (30, "medium", 1),
        (59, "medium", 1), (60, "medium", 0), (60, "high", 1), (84, "high", 1), (85, "high", 0),
        (85, "critical", 1), (100, "critical", 1), (100, "CRITICAL", 0), (5, None, 0),
    ],
)  # fmt: skip
def test_risk_level(score: float, level: Any, expected: float) -> None:
    one = trial({"risk_score": score, "risk_level": level})
    assert value(make("risk_level"), one) == expected


def test_risk_level_settings() -> None:
    scorer = make("risk_level", bands={"ok": 0, "alarm": 50}, name="agrees")
    assert value(scorer, trial({"risk_score": 49, "risk_level": "ok"})) == 1
    assert value(scorer, trial({"risk_score": 50, "risk_level": "ok"})) == 0
    with pytest.raises(SuiteError, match="ascending"):
        make("risk_level", bands={"a": 50, "b": 0})
    assert value(scorer, trial({"risk_score": "5", "risk_level": "ok"})) == 0


@pytest.mark.parametrize(
    ("points", "reasoning", "summary", "expected"),
    [
        (["pizza box", "porch|front door"], "A courier at the Front \n Door", "", 0.5),
        (["dog"], "A DOG barks", "", 1.0),
        (["dog"], "", "a dog", 1.0),
        (["dog", "cat", "night"], "a dog at night", "", 2 / 3),
        (["a b"], "a", "b", 0.0),
        (["straße"], "STRASSE", "", 1.0),
        (["dog|"], "cat", "", 0.0),
        (["dog", "dog"], "dog", "", 1.0),
    ],
)
def test_key_points(points: list[str], reasoning: str, summary: str, expected: float) -> None:
    one = trial({"reasoning": reasoning, "summary": summary}, key_points=points)
    assert value(make("key_points"), one) == pytest.approx(expected)


def test_key_points_without_points_do_not_apply() -> None:
    scorer = make("key_points")
    truths: list[dict[str, Any]] = [{}, {"key_points": None}, {"key_points": []}]
    for truth in [*truths, {"key_points": math.nan}]:
        assert not scorer.applies(scenario(**truth), scorer.scales[0])
    assert scorer.applies(scenario(key_points=["x"]), scorer.scales[0])


@pytest.mark.parametrize("points", ["dog, cat", [1], ["dog", " "], ["|"], {"a": 1}])
def test_key_points_that_are_none_leave_it_unscored(points: Any) -> None:
    scorer = make("key_points")
    one = trial({"reasoning": "dog"}, key_points=points)
    assert "key_points" in reason(scorer, one)
    assert scorer.worst(one.scenario, scorer.scales[0]) is None


def test_key_points_settings() -> None:
    one = trial({"reasoning": "dog", "note": "cat"}, points=["cat"])
    assert value(make("key_points", field="note", truth="points"), one) == 1
    assert value(make("key_points", field=["reasoning"], truth="points"), one) == 0
    note = make("key_points", truth="points").score(one)
    assert isinstance(note, Score)
    assert note.note == "missing: cat"
    assert value(make("key_points", truth="points"), trial({"other": 1}, points=["cat"])) == 0
    with pytest.raises(SuiteError, match="field is empty"):
        make("key_points", field=[])


@pytest.mark.parametrize(
    ("bound", "score", "truth", "expected"),
    [
        ({"at_least": 30}, 30, {}, 1),
        ({"at_least": 30}, 29, {}, 0),
        ({"at_most": 30}, 30, {}, 1),
        ({"at_most": 30}, 30.5, {}, 0),
        ({"at_least": {"ground_truth": "due"}}, 40, {"due": 40}, 1),
        ({"at_most": {"ground_truth": "due"}}, 41, {"due": 40}, 0),
    ],
)
def test_threshold(bound: Any, score: float, truth: Any, expected: float) -> None:
    scorer = make("threshold", field="risk_score", **bound)
    assert value(scorer, trial({"risk_score": score}, **truth)) == expected


@pytest.mark.parametrize(
    ("where", "truth", "selected"),
    [
        ({}, {}, True),
        ({"label": "benign"}, {}, True),
        ({"label": ["threat", "benign"]}, {}, True),
        ({"label": "threat"}, {}, False),
        ({"should_trigger_alert": True}, {"should_trigger_alert": True}, True),
        ({"should_trigger_alert": True}, {"should_trigger_alert": "True"}, True),
        ({"should_trigger_alert": True}, {"should_trigger_alert": "true"}, True),
        ({"should_trigger_alert": "true"}, {"should_trigger_alert": True}, True),
        ({"should_trigger_alert": True}, {"should_trigger_alert": False}, False),
        ({"should_trigger_alert": False}, {}, False),
        ({"should_trigger_alert": True}, {"should_trigger_alert": None}, False),
        ({"people": 2}, {"people": 2.0}, True),
        ({"place": "porch"}, {}, True),
        ({"label": "benign", "place": "garden"}, {}, False),
    ],
)
def test_threshold_where(where: Any, truth: Any, selected: bool) -> None:
    scorer = make("threshold", field="risk_score", at_least=1, where=where)
    assert scorer.applies(scenario(**truth), scorer.scales[0]) is selected


@pytest.mark.parametrize(
    ("direction", "failed", "expected"),
    [
        ("higher_is_better", "worst", 0.0),
        ("lower_is_better", "worst", 1.0),
        ("higher_is_better", "not_met", 0.0),
        ("lower_is_better", "not_met", 0.0),
    ],
)
def test_threshold_failed(direction: str, failed: str, expected: float) -> None:
    scorer = make("threshold", field="x", at_least=1, direction=direction, failed=failed)
    assert scorer.worst(scenario(), scorer.scales[0]) == expected
    assert scorer.scales[0].direction == direction


def test_threshold_names_and_refusals() -> None:
    def name(**given: Any) -> str:
        return make("threshold", field="risk_score", **given).scales[0].name

    assert name(at_least=30) == "risk_score_at_least_30"
    assert name(at_most=2.5) == "risk_score_at_most_2.5"
    assert name(at_least={"ground_truth": "Due"}) == "risk_score_at_least_due"
    assert name(at_least=30, name="alarm") == "alarm"
    for bounds in ({}, {"at_least": 1, "at_most": 2}):
        with pytest.raises(SuiteError, match="exactly one"):
            name(**bounds)
    with pytest.raises(SuiteError, match="ground_truth: COLUMN"):
        name(at_least={"column": "due"})
    with pytest.raises(SuiteError, match="allowed: a number"):
        name(at_least=math.nan)
    with pytest.raises(SuiteError, match="direction"):
        name(at_least=1, direction="up")
    with pytest.raises(SuiteError, match=r"where\.label is empty"):
        name(at_least=1, where={"label": []})
    with pytest.raises(SuiteError, match=r"takes no setting 'atleast'.*did you mean 'at_least'"):
        name(atleast=1)


def test_threshold_unscored() -> None:
    scorer = make("threshold", field="risk_score", at_least={"ground_truth": "due"})
    assert "due is 'x'" in reason(scorer, trial(GOOD, due="x"))
    assert value(scorer, trial({"risk_score": "x"}, due=1)) == scorer.worst(
        scenario(due=1), scorer.scales[0]
    )
    assert not scorer.applies(scenario(), scorer.scales[0])
