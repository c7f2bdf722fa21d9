"""Known values of the scorers that any suite can use."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import pytest

from promptreg import Cause, Completion, Failure, Scale, Score, Scorer, Trial, Unscored
from promptreg.errors import SuiteError
from promptreg.records import Outcome
from promptreg.stages.score import Scoring
from scoring_makers import GOOD, catalog, make, scenario, trial

SETTINGS: dict[str, dict[str, Any]] = {
    "answer_schema": {"require": ["summary"]},
    "contains": {"value": "x"},
    "exact": {"value": "x"},
    "mentions_context": {"columns": ["place"]},
    "judge": {"provider": {"use": "scripted"}},
    "preference": {"provider": {"use": "scripted"}},
    "recorded": {"name": "help"},
    "regex": {"value": "x"},
    "threshold": {"field": "risk_score", "at_least": 1},
}


def value(scorer: Scorer, of: Trial) -> float:
    found = scorer.score(of)
    assert isinstance(found, Score), found
    return found.value


def reason(scorer: Scorer, of: Trial) -> str:
    found = scorer.score(of)
    assert isinstance(found, Unscored), found
    return found.reason


def said(text: str, **truth: Any) -> Trial:
    return trial({"text": text.strip()}, given=Completion(text), **truth)


@pytest.mark.parametrize("entry", list(catalog()), ids=lambda e: e.name)
def test_every_scorer_keeps_the_contract(entry: Any) -> None:
    scorer = make(entry.name, **SETTINGS.get(entry.name, {}))
    assert scorer.scales
    assert len({s.name for s in scorer.scales}) == len(scorer.scales)
    assert "Example" in (type(scorer).__doc__ or "")
    assert entry.summary
    scoring = Scoring([(entry.name, scorer)])
    rich = trial(
        {**GOOD, "x": None}, given=Completion("x"), risk_range=[0, 9], key_points=["uniform"]
    )
    for one in (rich, trial({}), trial(failure=Failure(Cause.TIMEOUT, "")), trial(GOOD)):
        found = scoring.apply(one)
        assert len(found) == len(scoring.scales)
        for (number, outcome), scale in zip(found, scoring.scales, strict=True):
            known = outcome in (Outcome.SCORED, Outcome.FAILED)
            assert known == math.isfinite(number)
            assert not known or scale.low <= number <= scale.high
    first = [scoring.apply(rich) for _ in range(2)]
    assert repr(first[0]) == repr(first[1])


def test_registering_imports_nothing_heavy() -> None:
    code = (
        "import sys, promptreg_scorers; from promptreg.registry import Catalog; "
        "promptreg_scorers.promptreg_register_scorers(Catalog('scorer')); "
        "print([m for m in ('numpy', 'pydantic', 're2', 'pandas', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("settings", "text", "expected"),
    [
        ({"value": "yes"}, " yes\n", 1),
        ({"value": "yes"}, "Yes", 0),
        ({"value": "yes", "case": False}, "YES", 1),
        ({"value": "yes", "negate": True}, "yes", 0),
        ({"value": "yes", "negate": True}, "no", 1),
        ({"value": "yes"}, "<think>no</think>yes", 1),
        ({"value": True}, "true", 1),
        ({"value": 30.0}, "30", 1),
        ({"value": {"ground_truth": "label"}}, "cat", 1),
        ({"value": {"ground_truth": "label"}}, "dog", 0),
    ],
)
def test_exact(settings: dict[str, Any], text: str, expected: float) -> None:
    assert value(make("exact", **settings), said(text, label="cat")) == expected


@pytest.mark.parametrize(
    ("settings", "text", "expected"),
    [
        ({"value": "as an AI"}, "Sorry, as an AI I", 1),
        ({"value": "as an ai"}, "Sorry, as an AI I", 0),
        ({"value": "as an ai", "case": False, "negate": True}, "Sorry, as an AI I", 0),
        ({"value": "secret"}, "<think>secret</think>no", 0),
        ({"value": {"ground_truth": "label"}}, "a cat!", 1),
    ],
)
def test_contains(settings: dict[str, Any], text: str, expected: float) -> None:
    assert value(make("contains", **settings), said(text, label="cat")) == expected


@pytest.mark.parametrize(
    ("settings", "text", "expected"),
    [
        ({"value": r"\bcat\b"}, "a cat.", 1),
        ({"value": r"\bcat\b"}, "a catalogue", 0),
        ({"value": "^CAT$", "case": False}, "cat", 1),
        ({"value": "cat", "negate": True}, "dog", 1),
        ({"value": "(a*)*b"}, "a" * 100_000, 0),
        ({"value": {"ground_truth": "label"}}, "cat", 1),
        ({"value": "é+"}, "caféé", 1),
    ],
)
def test_regex(settings: dict[str, Any], text: str, expected: float) -> None:
    assert value(make("regex", **settings), said(text, label="c.t")) == expected


@pytest.mark.parametrize("pattern", ["(", "a(?=b)", r"(a)\1", "x{9999}", "y" * 1001])
def test_regex_refuses_what_is_no_linear_expression(pattern: str) -> None:
    with pytest.raises(SuiteError, match="expression"):
        make("regex", value=pattern)


def test_a_bad_expression_in_the_ground_truth_leaves_it_unscored() -> None:
    one = said("text", label="(")
    found = Scoring([("regex", make("regex", value={"ground_truth": "label"}))]).apply(one)
    assert found[0][1] is Outcome.GAP
    kept = one.scores["regex"]
    assert isinstance(kept, Unscored)
    assert "no valid expression" in kept.reason


@pytest.mark.parametrize("use", ["exact", "contains", "regex"])
def test_matching_by_field_and_ground_truth(use: str) -> None:
    scorer = make(use, value={"ground_truth": "level"}, field="risk_level", name="level")
    assert scorer.scales[0].name == "level"
    assert scorer.reads_answer
    assert not make(use, value="x").reads_answer
    assert value(scorer, trial(GOOD, level="high")) == 1
    assert value(scorer, trial(GOOD, level="low")) == 0
    assert value(scorer, trial({"risk_level": None}, level="low")) == 0
    assert "level is (1,)" in reason(scorer, trial(GOOD, level=(1,)))
    assert not scorer.applies(scenario(), scorer.scales[0])
    assert scorer.worst(scenario(level="low"), scorer.scales[0]) == 0.0
    assert scorer.worst(scenario(level=[1]), scorer.scales[0]) is None
    with pytest.raises(SuiteError, match="value is empty"):
        make(use, value="")
    with pytest.raises(SuiteError, match="ground_truth: COLUMN"):
        make(use, value={"column": "x"})


@pytest.mark.parametrize(
    ("fields", "expected", "note"),
    [
        ({"summary": "short", "n": 1}, 1, ""),
        ({"n": 1}, 0, "summary is missing"),
        ({"summary": "much too long", "n": 1}, 0, 'summary is "much too long"'),
        ({"summary": "short", "n": 1.5}, 0, "n is 1.5; allowed: an integer"),
        ({"summary": "short", "other": 1}, 0, "'other' is not among the fields named"),
    ],
)
def test_answer_schema(fields: dict[str, Any], expected: float, note: str) -> None:
    rules = {"summary": {"type": "string", "max_length": 5}, "n": {"type": "integer"}}
    scorer = make("answer_schema", fields=rules, require=["summary"], only=True)
    found = scorer.score(trial(fields))
    assert isinstance(found, Score)
    assert found.value == expected
    assert note in found.note


def test_answer_schema_without_rules_of_its_own_keeps_to_the_suites() -> None:
    found = make("answer_schema").score(trial({"anything": 1}))
    assert isinstance(found, Score)
    assert found.value == 1.0


def test_answer_schema_refuses_bad_rules() -> None:
    with pytest.raises(SuiteError, match="'only' needs to know which fields"):
        make("answer_schema", only=True)
    with pytest.raises(SuiteError, match=r"fields\.a has no rule 'min'; allowed: .*minimum"):
        make("answer_schema", fields={"a": {"min": 1}})
    with pytest.raises(SuiteError, match="type"):
        make("answer_schema", fields={"a": {"type": "text"}})


def test_recorded() -> None:
    scorer = make("recorded", name="Help Rate", kind="ordinal", range=[1, 4], unit="points")
    assert scorer.scales[0] == Scale(
        "help_rate", "ordinal", "points", 1.0, 4.0, "higher_is_better", 0.25
    )
    one = trial(GOOD, given=Completion("x", scores={"Help Rate": 3.0}))
    assert value(scorer, one) == 3
    assert "empty" in reason(scorer, trial(GOOD))
    for cell in (None, math.nan):
        empty = trial(GOOD, given=Completion("x", scores={"Help Rate": cell}))
        assert "empty" in reason(scorer, empty)
    outside = trial(GOOD, given=Completion("x", scores={"Help Rate": 5.0}))
    assert Scoring([("r", scorer)]).apply(outside)[0][1] is Outcome.GAP
    failed = trial(
        failure=Failure(Cause.RECORDED, "x"), given=Completion("", scores={"Help Rate": 4.0})
    )
    assert Scoring([("r", scorer)]).apply(failed)[0] == (1.0, Outcome.FAILED)
    count = make("recorded", name="hits", kind="count", direction="lower_is_better")
    assert Scoring([("r", count)]).apply(failed)[0][1] is Outcome.GAP


@pytest.mark.parametrize(
    "settings",
    [
        {"range": [1]},
        {"range": [2, 1]},
        {"range": [0, math.inf]},
        {"range": [math.nan, 1]},
        {"range": [-math.inf, 1], "kind": "count"},
        {"range": [0, 2], "kind": "binary"},
        {"kind": "percent"},
        {"direction": "up"},
    ],
)
def test_recorded_refuses_what_is_no_scale(settings: dict[str, Any]) -> None:
    with pytest.raises(SuiteError, match=r"range|kind|direction"):
        make("recorded", name="x", **settings)


def test_latency_tokens_and_cost() -> None:
    given = Completion("x", latency_s=3.4, prompt_tokens=420, completion_tokens=130, cost=0.000188)
    one = trial(GOOD, given=given)
    assert value(make("latency"), one) == 3.4
    assert value(make("tokens"), one) == 550
    assert value(make("tokens", which="completion"), one) == 130
    assert value(make("tokens", which="prompt"), one) == 420
    assert make("tokens", which="prompt").scales[0].name == "prompt_tokens"
    assert value(make("cost"), one) == 0.000188
    silent = trial(GOOD, given=Completion("x", prompt_tokens=1))
    assert "does not say" in reason(make("latency"), silent)
    assert "does not count" in reason(make("tokens"), silent)
    assert value(make("tokens", which="prompt"), silent) == 1
    assert "no price" in reason(make("cost"), silent)
    with pytest.raises(SuiteError, match="cap_s"):
        make("latency", cap_s=0)
    with pytest.raises(SuiteError, match="which"):
        make("tokens", which="all")


def test_statistics_of_the_bill() -> None:
    assert make("latency").scales[0].statistic == "signed_ranks"
    assert make("tokens").scales[0].statistic == "ratio_of_totals"
    assert make("cost").scales[0].margin == 1.10


def test_answered() -> None:
    scorer = make("answered")
    assert value(scorer, trial(GOOD)) == 1
    assert value(scorer, trial(failure=Failure(Cause.REFUSED, ""))) == 0
