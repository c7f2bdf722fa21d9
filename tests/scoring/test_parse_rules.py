"""Rules of fields: strict, and every complaint names field, value and what is allowed."""

from __future__ import annotations

from typing import Any

import pytest

from promptreg import Cause
from scoring_makers import answered, failed, text_of


@pytest.mark.parametrize("score", ["0", "100", "85.0", "1e1", "-0"])
def test_scores_that_are_integers(score: str) -> None:
    text = text_of(risk_score=7).replace(": 7,", f": {score},")
    assert answered(text).fields["risk_score"] == float(score)


@pytest.mark.parametrize(
    ("score", "shown"),
    [
        ("101", "risk_score is 101;"),
        ("-1", "risk_score is -1;"),
        ("85.5", "risk_score is 85.5;"),
        ('"85"', 'risk_score is "85";'),
        ('"85/100"', 'risk_score is "85/100";'),
        ("true", "risk_score is true;"),
        ("null", "risk_score is null;"),
        ("[85]", "risk_score is [85];"),
        ("NaN", "risk_score is nan, which is no number"),
        ("-Infinity", "risk_score is -inf, which is no number"),
        ("1e999", "risk_score is inf, which is no number"),
        ("9" * 5000, "risk_score is a number of 5,000 characters"),
        ("9" * 100, "risk_score is 99999"),
    ],
)
def test_scores_that_are_none(score: str, shown: str) -> None:
    failure = failed(text_of(risk_score=7).replace(": 7,", f": {score},"))
    assert failure.cause is Cause.INVALID
    assert shown in failure.detail
    if shown.endswith(";"):
        assert "allowed: an integer from 0 to 100" in failure.detail


@pytest.mark.parametrize("level", ["LOW", "low ", "severe", 1, None])
def test_levels_are_exact(level: Any) -> None:
    failure = failed(text_of(risk_level=level))
    assert failure.cause is Cause.INVALID
    assert "allowed: low, medium, high, critical" in failure.detail


def test_level_and_score_may_contradict_each_other() -> None:
    assert answered(text_of(risk_score=99, risk_level="low")).findings == ()


@pytest.mark.parametrize("name", ["summary", "reasoning"])
@pytest.mark.parametrize("value", [None, 3, ["a"], {"a": 1}])
def test_texts_are_texts(name: str, value: Any) -> None:
    assert f"{name} is " in failed(text_of(**{name: value})).detail


def test_fields_without_rule_may_be_anything_sound() -> None:
    assert answered(text_of(extra={"a": [1.5, None, True, "x"]})).rules == ()
    failure = failed(text_of().replace("{", '{"extra": {"a": [1, NaN]}, ', 1))
    assert failure.detail == "extra is nan, which is no number"


def test_rules_of_the_suite_override() -> None:
    fields = {"risk_score": {"type": "number", "maximum": 10}}
    assert answered(text_of(risk_score=9.5), fields=fields).rules == ()
    assert "a number of at most 10" in failed(text_of(risk_score=11), fields=fields).detail
    any_level = {"risk_level": {"type": "any"}}
    assert answered(text_of(risk_level=None), fields=any_level).rules == ()


@pytest.mark.parametrize(
    ("rule", "good", "bad", "allowed"),
    [
        ({"type": "boolean"}, [True, False], [0, 1, "true"], "true or false"),
        ({"type": "integer", "minimum": 3}, [3, 4.0], [2, 3.5, True], "an integer of at least 3"),
        ({"type": "array", "max_length": 2}, [[], [1, 2]], [[1, 2, 3], "ab"], "at most 2 items"),
        ({"type": "object"}, [{}], [[]], "an object"),
        ({"type": "string", "max_length": 3}, ["abc"], ["abcd"], "at most 3 characters"),
        ({"enum": [1, "a", True]}, [1, 1.0, "a", True], [2, False, "1", None, []], "1, a, True"),
        ({"enum": [1]}, [1], [True], "1"),
        ({"minimum": 5}, [5, "text", None], [4], "any value of at least 5"),
    ],
)
def test_every_kind_of_rule(
    rule: dict[str, Any], good: list[Any], bad: list[Any], allowed: str
) -> None:
    for value in good:
        assert answered(text_of(x=value), fields={"x": rule}).fields["x"] == value
    for value in bad:
        failure = failed(text_of(x=value), fields={"x": rule})
        assert failure.cause is Cause.INVALID
        assert "x is " in failure.detail
        assert allowed in failure.detail


def test_a_rule_does_not_make_a_field_required() -> None:
    assert answered(text_of(), fields={"x": {"type": "integer"}}).rules == ()


def test_duplicate_keys() -> None:
    same = text_of().replace("{", '{"risk_score": 65, ', 1)
    assert answered(same).findings == ("duplicate key 'risk_score'",)
    conflict = text_of().replace("{", '{"risk_score": 12, ', 1)
    failure = failed(conflict)
    assert failure.cause is Cause.INVALID
    assert failure.detail == "risk_score stands twice with different values"
    aside = answered(text_of().replace("{", '{"note": 1, "note": 2, ', 1))
    assert aside.fields["note"] == 2
    assert aside.findings == ("duplicate key 'note'",)
    inside = answered(text_of().replace("{", '{"m": [{"k": 1, "k": 2}], ', 1))
    assert inside.findings == ("duplicate key 'k'",)
    kinds = failed(text_of(risk_score=1).replace("{", '{"risk_score": true, ', 1))
    assert "stands twice" in kinds.detail


def test_half_a_surrogate_pair_is_no_text() -> None:
    failure = failed(text_of().replace("Late", "\\ud800 late"))
    assert failure.cause is Cause.INVALID
    assert failure.detail.startswith("reasoning holds half a surrogate pair")
    failure.detail.encode()
    key = failed(text_of().replace("{", '{"\\udc00": 1, ', 1))
    assert key.cause is Cause.INVALID
    key.detail.encode()
    whole = answered(text_of().replace("Late", "\\ud83d\\ude00"))
    assert whole.fields["reasoning"].startswith("\U0001f600")


def test_many_complaints_are_counted() -> None:
    failure = failed('{"risk_score": 101, "risk_level": 1, "summary": 2, "reasoning": 3}')
    assert failure.detail.endswith("and 1 more")
