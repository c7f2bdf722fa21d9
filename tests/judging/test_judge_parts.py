"""Rubrics, prompts and verdicts of the scorer `judge`, each for itself."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge_server import DIMENSIONS, verdict
from promptreg import Answer, Completion, Failure, Scenario, Score, Scorer, Trial, Unscored
from promptreg.errors import SuiteError
from promptreg.records import Cause
from promptreg.testing import FakeServices, ScorerContract, sample_trials
from promptreg_scorers.judge.prompting import Examiner, schema_for
from promptreg_scorers.judge.rubrics import choose, read_rubrics
from promptreg_scorers.judge.untrusted import MARK, boundary_for, defused, fenced
from promptreg_scorers.judge.verdict import read_verdict
from scoring_makers import make, trial

EVERY = read_rubrics()
FAKE = {"use": "llama_cpp", "url": "http://127.0.0.1:1"}


def judge(**settings: Any) -> Any:
    return make("judge", **{"provider": FAKE, **settings})


async def scored(one: Any, texts: list[str | Failure], *trials: Trial) -> Any:
    services = FakeServices(texts)
    return await one.score_batch(trials or (sample_trials()[0],), services), services


class TestJudge(ScorerContract):
    def make(self) -> Scorer:
        return judge()  # type: ignore[no-any-return]


class TestPanel(ScorerContract):
    def make(self) -> Scorer:
        settings = {"judges": [FAKE, {**FAKE, "model": "b"}], "repeats": 2, "calls": "apart"}
        return judge(provider=None, **settings)  # type: ignore[no-any-return]


def test_the_six_dimensions_are_ordinal_with_a_quarter_point_margin() -> None:
    scales = judge().scales
    assert tuple(s.name for s in scales) == DIMENSIONS
    assert {(s.kind, s.low, s.high, s.margin, s.higher_is_better) for s in scales} == {
        ("ordinal", 1, 4, 0.25, True)
    }


def test_rubrics_may_be_mappings_or_lists_and_have_their_own_scale() -> None:
    own = {"tone": {"question": "Is it calm?", "scale": [0, 2], "anchors": {0: "no", 2: "yes"}}}
    as_list = {"rubrics": [{"name": "tone", **own["tone"]}]}
    assert read_rubrics(own) == read_rubrics(as_list)
    scale = judge(rubrics=own).scales[0]
    assert (scale.name, scale.low, scale.high) == ("tone", 0, 2)
    assert scale.margin == pytest.approx(1 / 6)


@pytest.mark.parametrize(
    ("rubrics", "problem"),
    [
        ({}, "rubrics: found {}"),
        ({"Tone": {"question": "?"}}, "rubrics.Tone: the name is malformed"),
        ({"tone": "calm"}, "rubrics.tone: found 'calm'; allowed: question"),
        ({"tone": {"question": ""}}, "rubrics.tone.question: found ''"),
        ({"tone": {"question": "?", "anchor": {}}}, "did you mean 'anchors'"),
        ({"tone": {"question": "?", "scale": [4, 1]}}, r"scale: found [4, 1]"),
        ({"tone": {"question": "?", "scale": [1, 40]}}, "at most 11 grades"),
        ({"tone": {"question": "?", "anchors": {5: "x"}}}, "found the grade 5; allowed: 1 to 4"),
        ({"tone": {"question": "?", "anchors": {2: "x"}}}, "both ends of the scale"),
        ([{"question": "?"}], "a mapping with 'name'"),
        ([{"name": "a", "question": "?"}] * 2, "stands twice"),
    ],
)
def test_a_wrong_rubric_is_named_with_its_place(rubrics: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        read_rubrics(rubrics)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"provider": None}, "exactly one of 'provider' and 'judges'"),
        ({"judges": [FAKE]}, "exactly one of 'provider' and 'judges'"),
        ({"provider": None, "judges": []}, "judges: found none"),
        ({"dimensions": ["relevanc"]}, "did you mean 'relevance'"),
        ({"dimensions": []}, "one or more, each once"),
        ({"repeats": 0}, "repeats: found 0; allowed: 1 to 20"),
        ({"attempts": 99}, "attempts: found 99"),
        ({"calls": "maybe"}, "calls"),
        ({"rubrics": "x.yaml"}, "no suite to look for the file beside"),
    ],
)
def test_wrong_settings_are_refused_with_what_is_allowed(
    settings: dict[str, Any], problem: str
) -> None:
    with pytest.raises(SuiteError) as caught:
        judge(**settings)
    assert problem in str(caught.value)


def read(text: str, finish: str = "stop") -> Any:
    return read_verdict(Completion(text, finish), EVERY)


def test_a_verdict_is_read_also_after_thinking_and_around_text() -> None:
    whole = read(json.dumps(verdict(relevance=4)))
    assert whole.grades == verdict(relevance=4)
    assert not whole.missing
    assert read(f"<think>{{'relevance': 1}}</think>Here: {json.dumps(verdict())}.").grades
    assert read(json.dumps(verdict(relevance=3.0))).grades["relevance"] == 3


@pytest.mark.parametrize(
    "value", [0, 5, -1, 3.5, "3", True, None, [3], {"score": 3}, 1e308, float("nan"), 10**400]
)
def test_a_grade_that_is_none_is_missing_and_never_clamped(value: Any) -> None:
    found = read(json.dumps(verdict(relevance=value)))
    assert "relevance" not in found.grades
    assert "relevance is" in found.missing["relevance"]
    assert len(found.grades) == 5


@pytest.mark.parametrize(
    ("text", "finish", "reason"),
    [
        ("", "stop", "no JSON object"),
        ("I cannot judge this.", "stop", "no JSON object"),
        ('{"relevance": 3', "stop", "no JSON object"),
        ('{"relevance": 3', "length", "cut off by the token limit"),
        (json.dumps(verdict()), "refusal", "the judge refused"),
        (json.dumps(verdict()) * 2, "stop", "2 JSON objects, not one"),
        ("[" * 100_000, "stop", "no JSON object"),
        ("<think>" * 30_000, "stop", "never closed"),
        ('{"a":' * 50_000, "stop", "no JSON object"),
    ],
)
def test_what_is_no_verdict_says_why(text: str, finish: str, reason: str) -> None:
    found = read(text, finish)
    assert not found.grades
    assert set(found.missing) == set(DIMENSIONS)
    assert reason in found.missing["relevance"]


def test_a_grade_that_stands_twice_counts_only_if_both_agree() -> None:
    text = json.dumps(verdict())
    assert read(text[:-1] + ', "relevance": 3}').grades["relevance"] == 3
    assert "twice" in read(text[:-1] + ', "relevance": 4}').missing["relevance"]


async def test_an_unreadable_verdict_is_asked_for_again_and_then_a_gap() -> None:
    good, bad = json.dumps(verdict()), "no"
    (found,), services = await scored(judge(), [bad, good])
    assert [s.value for s in found] == [3.0] * 6
    (found,), services = await scored(judge(), [bad])
    assert all(isinstance(s, Unscored) and "no JSON object" in s.reason for s in found)
    (model,) = services.models.values()
    assert [repeat for _, repeat in model.asked] == [0, 1, 2]
    assert len({prompt for prompt, _ in model.asked}) == 1


async def test_only_what_is_missing_is_taken_from_the_next_ask() -> None:
    first = json.dumps(verdict(relevance=9, actionability=1))
    (found,), _ = await scored(judge(), [first, json.dumps(verdict(relevance=2, actionability=4))])
    by_name = {s.scale.name: s.value for s in found}
    assert by_name["relevance"] == 2
    assert by_name["actionability"] == 1


async def test_a_call_that_failed_is_not_made_again_here() -> None:
    lost = Failure(Cause.TIMEOUT, "no answer within 5 s", attempts=4)
    (found,), services = await scored(judge(), [lost])
    assert all("timeout: no answer within 5 s" in s.reason for s in found)
    (model,) = services.models.values()
    assert len(model.asked) == 1


async def test_repeats_are_averaged_and_kept() -> None:
    texts: list[str | Failure] = [json.dumps(verdict(relevance=g)) for g in (2, 3, 4)]
    (found,), services = await scored(judge(repeats=3, dimensions=["relevance"]), texts)
    assert found[0].value == 3
    assert found[0].votes == ((2.0, 3.0, 4.0),)
    (model,) = services.models.values()
    assert [repeat for _, repeat in model.asked] == [0, 3, 6]


async def test_half_of_the_repeats_is_not_enough() -> None:
    (found,), _ = await scored(
        judge(repeats=2, attempts=1, dimensions=["relevance"]), [json.dumps(verdict()), "no"]
    )
    assert isinstance(found[0], Unscored)


async def test_a_panel_gives_the_mean_of_its_judges_or_nothing() -> None:
    from promptreg_scorers.judge.panel import Opinion, combined

    scale = judge().scales[0]
    found = combined(scale, [[Opinion(4), Opinion(2)], [Opinion(1), Opinion(1)]])
    assert isinstance(found, Score)
    assert found.value == 2
    assert found.votes == ((4.0, 2.0), (1.0, 1.0))
    lost = combined(scale, [[Opinion(4)], [Opinion(None, "no JSON object")]])
    assert isinstance(lost, Unscored)
    assert lost.reason == "judge 2 of 2: no JSON object"


async def test_dimensions_may_be_asked_for_one_by_one() -> None:
    one = judge(calls="apart", dimensions=["relevance", "actionability"])
    assert one.calls_per_trial == 2
    (found,), services = await scored(one, ['{"relevance": 2}'])
    assert found[0].value == 2
    assert isinstance(found[1], Unscored)  # its judge said something about relevance only
    prompts = [prompt for m in services.models.values() for prompt, _ in m.asked]
    assert len(set(prompts)) == 2


def examiner(**changes: Any) -> Examiner:
    settings: dict[str, Any] = {"fields": (), "columns": None, "truth": True, "explain": False}
    return Examiner(EVERY, **{**settings, "most": 12_000, **changes})


def test_the_prompt_is_blind_to_the_version() -> None:
    base = trial({"summary": "A cat."}, risk_range=[0, 15])
    from dataclasses import replace

    from promptreg import Prompt, Template

    other = replace(
        base, template=Template("t", "secret-v2", "raw", "x"), prompt=Prompt("secret-prompt")
    )
    assert examiner().prompt(base) == examiner().prompt(other)
    assert "secret" not in examiner().prompt(other)
    assert "risk_range: [0; 15]" in examiner().prompt(base)
    assert "risk_range" not in examiner(truth=False).prompt(base)


def test_what_is_cut_says_so() -> None:
    shown = examiner(most=100).prompt(trial({"summary": "x" * 500}))
    assert "[cut here: 409 more characters are not shown]" in shown


def test_the_schema_bounds_everything() -> None:
    schema = schema_for(choose(EVERY, ["relevance"]), explain=True)
    assert schema["properties"]["why"]["maxLength"] == 240
    assert schema["properties"]["relevance"]["enum"] == [1, 2, 3, 4]
    assert schema["additionalProperties"] is False


@given(st.text(max_size=300))
def test_material_cannot_leave_its_fence(text: str) -> None:
    safe = defused(text)
    word = boundary_for(safe)
    block = fenced("ANSWER", safe, word)
    lines = block.splitlines()
    assert lines[0] == f"BEGIN {word} ANSWER"
    assert lines[-1] == f"END {word} ANSWER"
    assert all(line.startswith(MARK) for line in lines[1:-1])
    assert word not in safe
    assert "<|" not in safe


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=50), max_size=4))
def test_any_answer_keeps_the_structure(fields: dict[str, str]) -> None:
    scenario = Scenario("s", {"place": "porch"}, {})
    one = Trial(trial({}).template, scenario, 0, trial({}).prompt, answer=Answer(fields))
    shown = examiner(truth=False).prompt(one)
    assert shown.count("<|im_start|>") == 3
    assert shown.count("<|im_end|>") == 2
