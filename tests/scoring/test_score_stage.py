"""What a trial contributes to each metric."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from promptreg import Cause, Completion, Failure, Scale, Scenario, Score, Scorer, Trial, Unscored
from promptreg.errors import PluginError, SuiteError
from promptreg.records import Outcome
from promptreg.stages.score import Scoring
from scoring_makers import GOOD, make, scenario, trial

POINTS = Scale("points", high=10)
TIMEOUT = Failure(Cause.TIMEOUT, "120 s")
LOST = Failure(Cause.NETWORK, "reset")


class Fake(Scorer):
    """Returns, or raises, what it is given."""

    def __init__(self, result: Any, *scales: Scale) -> None:
        self.scales = scales or (POINTS,)
        self.result = result
        self.seen: list[Trial] = []

    def score(self, trial: Trial) -> Any:
        self.seen.append(trial)
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result(trial) if callable(self.result) else self.result


def outcome(scorer: Any, of: Trial, name: str = "points") -> tuple[float, Outcome]:
    scoring = Scoring([("fake", scorer)])
    found = dict(zip([s.name for s in scoring.scales], scoring.apply(of), strict=True))
    return found[name]


def reason(of: Trial, name: str = "points") -> str:
    found = of.scores[name]
    assert isinstance(found, Unscored)
    return found.reason


def is_gap(found: tuple[float, Outcome]) -> bool:
    return math.isnan(found[0]) and found[1] is Outcome.GAP


def test_a_score_is_kept() -> None:
    one = trial(GOOD)
    assert outcome(Fake(POINTS.score(7, "why")), one) == (7.0, Outcome.SCORED)
    assert one.scores["points"] == Score(POINTS, 7.0, "why")
    assert one.scores["answered"] == Score(Scale("answered", "binary", margin=0.05), 1.0)


def test_metrics_are_listed_in_order_and_answered_is_always_there() -> None:
    scoring = Scoring([("a", make("risk_range")), ("b", Fake(None))])
    assert [s.name for s in scoring.scales] == ["in_range", "deviation", "points", "answered"]
    assert scoring.sources == {"in_range": "a", "deviation": "a", "points": "b",
                               "answered": "answered"}  # fmt: skip
    own = Scoring([("x", make("answered")), ("b", Fake(None))])
    assert [s.name for s in own.scales] == ["answered", "points"]


def test_failed_trials_count_as_the_worst_value_of_their_scenario() -> None:
    scoring = Scoring([("r", make("risk_range"))])
    found = scoring.apply(trial(failure=TIMEOUT, risk_range=[20, 55]))
    assert found == [(0.0, Outcome.FAILED), (45.0, Outcome.FAILED), (0.0, Outcome.FAILED)]
    other = trial(failure=TIMEOUT, risk_range=[60, 90])
    assert scoring.apply(other)[1] == (60.0, Outcome.FAILED)
    assert reason(other, "deviation") == "timeout: 120 s"


@pytest.mark.parametrize(
    "failure",
    [LOST, Failure(Cause.HTTP_STATUS, "busy", 503), Failure(Cause.MISSING, "no row")],
)
def test_infrastructure_failures_are_gaps(failure: Failure) -> None:
    scoring = Scoring([("r", make("risk_range"))], effective=True)
    found = scoring.apply(trial(failure=failure, risk_range=[20, 55], effective=GOOD))
    assert len(found) == 5
    assert all(is_gap(item) for item in found)


def test_client_errors_are_failures_of_the_prompt() -> None:
    failure = Failure(Cause.HTTP_STATUS, "too long", 400)
    assert outcome(Fake(None), trial(failure=failure)) == (0.0, Outcome.FAILED)


def test_not_applicable_is_told_from_every_other_outcome() -> None:
    scoring = Scoring([("r", make("risk_range"))])
    for one in (trial(GOOD), trial(failure=TIMEOUT), trial(failure=LOST)):
        found = scoring.apply(one)
        assert [o for _, o in found[:2]] == [Outcome.NOT_APPLICABLE] * 2
        assert all(math.isnan(v) for v, _ in found[:2])
        assert list(one.scores) == ["answered"]


def test_open_ended_metrics_of_failed_trials_are_gaps_but_never_not_applicable() -> None:
    bill = Completion("no json", prompt_tokens=10, completion_tokens=5)
    invalid = Failure(Cause.UNPARSEABLE, "no object")
    assert outcome(make("tokens"), trial(failure=invalid, given=bill), "tokens") == (
        15.0,
        Outcome.SCORED,
    )
    assert is_gap(outcome(make("tokens"), trial(failure=TIMEOUT), "tokens"))
    assert outcome(make("latency"), trial(failure=TIMEOUT), "latency") == (120.0, Outcome.FAILED)
    cap = make("latency", cap_s=60)
    assert outcome(cap, trial(failure=invalid, given=bill), "latency") == (60.0, Outcome.FAILED)


def test_an_answer_without_a_needed_field_counts_as_failed_for_that_scorer_only() -> None:
    scoring = Scoring([("r", make("risk_range")), ("k", make("key_points"))])
    one = trial({"reasoning": "dog"}, risk_range=[0, 20], key_points=["dog"])
    found = scoring.apply(one)
    assert found == [
        (0.0, Outcome.FAILED),
        (80.0, Outcome.FAILED),
        (1.0, Outcome.SCORED),
        (1.0, Outcome.SCORED),
    ]
    assert reason(one, "in_range") == "the answer has no field 'risk_score'"


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (TypeError("no\ngo"), "scorer fake raised TypeError: no go"),
        (SystemExit(3), "scorer fake raised SystemExit: 3"),
        (RecursionError("deep"), "scorer fake raised RecursionError: deep"),
        (None, "returned a NoneType; allowed: Score, Unscored"),
        (0.5, "returned a float"),
        ([], "returned 0 results for 1 scales"),
        ([POINTS.score(1), POINTS.score(2)], "returned 2 results for 1 scales"),
        (Scale("other").score(1), "scored 'other' where 'points' was due"),
        (Score(POINTS, math.nan), "scored nan; allowed: 0 to 10"),
        (Score(POINTS, math.inf), "scored inf; allowed: 0 to 10"),
        (Score(POINTS, 11.0), "scored 11; allowed: 0 to 10"),
        (Score(POINTS, "9x"), "gave a str for a number"),  # type: ignore[arg-type]
        (Score("points", 1.0), "where 'points' was due"),  # type: ignore[arg-type]
        ([None], "returned a NoneType"),
        (POINTS.unscored("too\n dark"), "too dark"),
        (Unscored(POINTS, "x" * 9999), "xxx..."),
    ],
)
def test_what_is_wrong_with_a_plug_in_is_a_reason_and_a_gap(result: Any, words: str) -> None:
    one = trial(GOOD)
    assert is_gap(outcome(Fake(result), one))
    assert words in reason(one)
    assert len(reason(one)) < 300


def test_interruptions_are_not_swallowed() -> None:
    with pytest.raises(KeyboardInterrupt):
        outcome(Fake(KeyboardInterrupt()), trial(GOOD))


def test_binary_scores_are_0_or_1() -> None:
    scale = Scale("ok", "binary")
    one = trial(GOOD)
    assert is_gap(outcome(Fake(Score(scale, 0.5), scale), one, "ok"))
    assert reason(one, "ok").endswith("scored 0.5; allowed: 0 or 1")


def test_numbers_of_other_kinds_become_floats() -> None:
    value, kind = outcome(Fake(Score(POINTS, 3)), trial(GOOD))
    assert (value, type(value), kind) == (3.0, float, Outcome.SCORED)
    equal = Scale("points", high=10)
    assert outcome(Fake(Score(equal, 3.0)), trial(GOOD))[0] == 3.0


def test_one_bad_score_of_two_spoils_only_itself() -> None:
    a, b = Scale("a"), Scale("b")
    scoring = Scoring([("fake", Fake([Score(a, 9.0), b.score(1)], a, b))])
    found = scoring.apply(trial(GOOD))
    assert is_gap(found[0])
    assert found[1] == (1.0, Outcome.SCORED)


def test_a_merely_matching_scorer_needs_no_more_than_scales_and_score() -> None:
    plain = SimpleNamespace(scales=[POINTS], score=lambda trial: POINTS.score(2))
    assert outcome(plain, trial(GOOD)) == (2.0, Outcome.SCORED)
    assert outcome(plain, trial(failure=TIMEOUT)) == (0.0, Outcome.FAILED)


class Troubled(Fake):
    def applies(self, scenario: Scenario, scale: Scale) -> bool:
        if scenario.id == "bad":
            raise KeyError("range")
        return True

    def worst(self, scenario: Scenario, scale: Scale) -> float | None:
        return {"s1": 99.0, "nan": math.nan}[scenario.id]


def test_a_worst_value_that_is_none_leaves_failed_trials_as_gaps() -> None:
    scorer = Troubled(POINTS.score(1))
    for name in ("s1", "nan", "unknown"):
        one = trial(failure=TIMEOUT)
        one.scenario = scenario(name)
        assert is_gap(outcome(scorer, one))
        one.failure = None
        one.answer = trial(GOOD).answer
        assert outcome(scorer, one) == (1.0, Outcome.SCORED)
    bad = trial(GOOD)
    bad.scenario = scenario("bad")
    assert is_gap(outcome(scorer, bad))
    assert "fake raised KeyError in applies()" in reason(bad)


def test_facts_of_a_scenario_are_asked_for_once() -> None:
    asked: list[str] = []

    class Counting(Fake):
        def worst(self, scenario: Scenario, scale: Scale) -> float | None:
            asked.append(scenario.id)
            return 1.0

    scoring = Scoring([("c", Counting(None))])
    one = trial(failure=TIMEOUT)
    for repeat in range(5):
        one.repeat = repeat
        assert scoring.apply(one)[0] == (1.0, Outcome.FAILED)
    assert asked == ["s1"]
    one.scenario = scenario(risk_range=[1, 2])  # the same id, another scenario
    scoring.apply(one)
    assert asked == ["s1", "s1"]


def _spoil(trial: Trial) -> Score:
    def attempt(holder: Any, key: Any, value: Any) -> None:
        with pytest.raises(TypeError):
            holder[key] = value

    assert trial.answer is not None
    assert trial.completion is not None
    attempt(trial.answer.fields, "risk_score", 0)
    attempt(trial.answer.fields["tags"], 0, "x")
    attempt(trial.answer.fields["more"], "a", "x")
    attempt(trial.scenario.ground_truth, "risk_range", [0, 100])
    attempt(trial.scenario.ground_truth["risk_range"], 0, 0)
    attempt(trial.scenario.variables, "place", "x")
    attempt(trial.completion.scores, "help", 4)
    trial.answer = None
    trial.scores["points"] = POINTS.score(10)
    trial.failure = TIMEOUT
    return POINTS.score(1)


def test_a_scorer_cannot_change_what_others_see() -> None:
    fields = {**GOOD, "tags": ["a"], "more": {"a": {}}}
    given = Completion(json.dumps(fields), scores={"help": 2.0})
    one = trial(fields, given=given, risk_range=[60, 70])
    second = Fake(Scale("second").score(1), Scale("second"))
    found = Scoring([("spoiler", Fake(_spoil)), ("second", second)]).apply(one)
    assert [o for _, o in found] == [Outcome.SCORED] * 3
    assert second.seen[0].answer is not None
    assert second.seen[0].answer.fields["tags"] == ("a",)
    assert second.seen[0].scores == {}
    assert one.answer is not None
    assert one.answer.fields == {**GOOD, "tags": ["a"], "more": {"a": {}}}
    assert one.failure is None
    assert one.scores["points"] == POINTS.score(1)


def test_effective_twins_score_what_production_shows() -> None:
    scorers: Sequence[tuple[str, Scorer]] = [("r", make("risk_range")), ("t", make("tokens"))]
    scoring = Scoring(scorers, effective=True)
    names = [s.name for s in scoring.scales]
    strict = ["in_range", "deviation", "tokens", "answered"]
    assert names == [*strict, "effective.in_range", "effective.deviation"]
    fallback = {"risk_score": 50, "risk_level": "medium", "summary": "", "reasoning": ""}
    one = trial(failure=TIMEOUT, effective=fallback, risk_range=[30, 55])
    found = dict(zip(names, scoring.apply(one), strict=True))
    assert found["in_range"] == (0.0, Outcome.FAILED)
    assert found["effective.in_range"] == (1.0, Outcome.SCORED)
    kept = one.scores["effective.deviation"]
    assert isinstance(kept, Score)
    assert kept.scale.name == "effective.deviation"
    assert kept.scale.direction == "lower_is_better"
    lost = trial(GOOD, risk_range=[30, 55])
    assert is_gap(scoring.apply(lost)[4])
    assert reason(lost, "effective.in_range") == "the trial has no effective answer"


def test_two_metrics_of_one_name_are_refused_with_the_way_out() -> None:
    with pytest.raises(SuiteError, match=r"^one and two both make the metric 'in_range'.*`name:`"):
        Scoring([("one", make("risk_range")), ("two", make("risk_range"))])
    Scoring([("one", make("risk_range")), ("two", make("risk_range", name="night"))])


@pytest.mark.parametrize("name", ["Upper", "two words", "", "1st", "a\n"])
def test_malformed_names_are_refused(name: str) -> None:
    with pytest.raises(SuiteError, match="malformed"):
        Scoring([("x", Fake(None, Scale(name)))])


@pytest.mark.parametrize("scales", [[], None, ["points"]])
def test_a_scorer_without_scales_is_refused(scales: Any) -> None:
    broken: Any = SimpleNamespace(scales=scales, score=lambda trial: None)
    with pytest.raises(PluginError, match="scales"):
        Scoring([("broken", broken)])


def test_aggregates_are_handed_on() -> None:
    scoring = Scoring([("d", make("level_distribution"))], effective=True)
    assert sorted(scoring.aggregates) == ["effective.level_distribution", "level_distribution"]
    with pytest.raises(PluginError, match="no method 'aggregate'"):
        Scoring([("x", Fake(None, Scale("x", statistic="aggregate")))])
