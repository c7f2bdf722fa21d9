"""What production would have shown."""

from __future__ import annotations

import json
from typing import Any

import pytest

from promptreg import Cause, Completion, Failure
from promptreg.stages.parse.effective import FALLBACK
from scoring_makers import GOOD, reader, text_of, without

STANDARD = reader()


def shown(text: str, failure: Failure | None = None) -> tuple[dict[str, Any], tuple[str, ...]]:
    answer = STANDARD.effective(Completion(text), failure)
    return dict(answer.fields), answer.rules


def test_a_sound_answer_is_shown_as_it_is() -> None:
    assert shown(text_of()) == (GOOD, ())


@pytest.mark.parametrize(
    ("given", "score", "level", "rules"),
    [
        ({"risk_score": 150}, 100, "high", ("clamped",)),
        ({"risk_score": -5}, 0, "high", ("clamped",)),
        ({"risk_score": 85.9}, 85, "high", ("coerced",)),
        ({"risk_score": "85"}, 85, "high", ("coerced",)),
        ({"risk_score": True}, 1, "high", ("coerced",)),
        ({"risk_level": "HIGH"}, 65, "high", ("coerced",)),
        ({"risk_score": 29, "risk_level": "none"}, 29, "low", ("inferred_level",)),
        ({"risk_score": 30, "risk_level": None}, 30, "medium", ("inferred_level",)),
        ({"risk_score": 59, "risk_level": 3}, 59, "medium", ("inferred_level",)),
        ({"risk_score": 60, "risk_level": ""}, 60, "high", ("inferred_level",)),
        ({"risk_score": 84, "risk_level": "x"}, 84, "high", ("inferred_level",)),
        ({"risk_score": "200", "risk_level": "x"}, 100, "critical",
         ("coerced", "clamped", "inferred_level")),
    ],
)  # fmt: skip
def test_production_rules(
    given: dict[str, Any], score: int, level: str, rules: tuple[str, ...]
) -> None:
    fields, applied = shown(text_of(**given))
    assert (fields["risk_score"], fields["risk_level"], applied) == (score, level, rules)


def test_missing_fields_get_the_defaults() -> None:
    fields, rules = shown("{}")
    assert fields == {
        "risk_score": 50,
        "risk_level": "medium",
        "summary": "Risk analysis completed",
        "reasoning": "No detailed reasoning provided",
    }
    assert rules == ("defaulted", "inferred_level")
    assert shown(without("summary"))[1] == ("defaulted",)


@pytest.mark.parametrize("score", ["null", '"85/100"', "NaN", "1e999", "[1]", "9" * 5000])
def test_a_score_that_int_refuses_gives_the_fallback(score: str) -> None:
    text = text_of(risk_score=7).replace(": 7,", f": {score},")
    assert shown(text) == (FALLBACK, ("fallback",))


@pytest.mark.parametrize("text", ["", "sorry", text_of()[:-1], f"<think>{text_of()}"])
def test_no_object_gives_the_fallback(text: str) -> None:
    failure = Failure(Cause.UNPARSEABLE, "no object")
    assert shown(text, failure) == (FALLBACK, ("fallback",))


def test_no_completion_gives_the_fallback() -> None:
    answer = STANDARD.effective(None, Failure(Cause.TIMEOUT, "120 s"))
    assert answer.fields == FALLBACK
    assert answer.fields["risk_score"] == 50


def test_the_fallback_cannot_be_spoilt_by_a_reader() -> None:
    first = STANDARD.effective(None, None)
    assert isinstance(first.fields, dict)
    first.fields["risk_score"] = 0
    assert STANDARD.effective(None, None).fields["risk_score"] == 50


def test_the_same_object_is_picked_as_by_the_strict_reader() -> None:
    text = text_of(risk_score=1) + text_of(risk_score=140)
    assert shown(text)[0]["risk_score"] == 100
    assert shown(json.dumps({"result": GOOD}))[0]["risk_score"] == 50


def test_text_parser() -> None:
    plain = reader(parser="text", require=())
    assert plain.effective(Completion(" hi "), None).fields == {"text": "hi"}
    lost = plain.effective(None, Failure(Cause.TIMEOUT, "120 s"))
    assert lost.rules == ("fallback",)
    assert "unavailable" in lost.fields["text"]
