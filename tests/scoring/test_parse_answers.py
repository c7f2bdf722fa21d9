"""Which object is the answer, and what is said where there is none."""

from __future__ import annotations

import json

import pytest

from promptreg import Cause, Completion, Failure
from promptreg.errors import SuiteError
from scoring_makers import GOOD, answered, failed, reader, text_of, without

ANSWER = text_of()


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        (ANSWER, ()),
        (f"\n {ANSWER} \n", ()),
        (f"Here it is: {ANSWER}", ("text before the object",)),
        (f"{ANSWER} Hope that helps.", ("text after the object",)),
        (f"```json\n{ANSWER}\n```", ("code fence",)),
        (f"```\n{ANSWER}\n```\nDone", ("code fence", "text after the object")),
        (
            '{"risk_score": N, "risk_level": "low|medium"} ' + ANSWER,
            ("text before the object",),
        ),
        (text_of(risk_score=1) + ANSWER, ("text before the object", "2 objects")),
        (ANSWER + '{"note": 1}', ("text after the object", "2 objects")),
        (ANSWER + '{"risk_sc', ("text after the object", "a further object is never closed")),
        (f"Use {{braces}} and {{{{ {ANSWER}", ("text before the object",)),
        ('{"unclosed: 1} ' + ANSWER, ("text before the object",)),
        ("{'risk_score': 3} " + ANSWER, ("text before the object",)),
    ],
)
def test_the_last_complete_object_is_the_answer(text: str, findings: tuple[str, ...]) -> None:
    answer = answered(text)
    assert answer.fields == GOOD
    assert answer.findings == findings
    assert answer.rules == ()


def test_braces_quotes_and_depth_inside_the_object() -> None:
    fields = {**GOOD, "summary": 'a } { "b" \\', "more": {"a": [{"b": {"c": [1, {"d": "}"}]}}]}}
    assert answered("so: " + json.dumps(fields) + " }").fields == fields


def test_values_stay_as_the_model_gave_them() -> None:
    fields = answered(text_of(risk_score=85.0, extra=[1, None])).fields
    assert isinstance(fields["risk_score"], float)
    assert fields["extra"] == [1, None]


@pytest.mark.parametrize(
    ("text", "finish", "cause", "words"),
    [
        ("", "stop", Cause.EMPTY, "no text"),
        (" \n\t", "stop", Cause.EMPTY, "no text"),
        ("", "length", Cause.TRUNCATED, "token limit"),
        (ANSWER, "content_filter", Cause.REFUSED, "content_filter"),
        ("", "refusal", Cause.REFUSED, "refusal"),
        ("I can't help with that.", "stop", Cause.UNPARSEABLE, "I can't help"),
        (ANSWER[:-1], "stop", Cause.UNPARSEABLE, "character 1 is never closed"),
        (ANSWER[:-1], "length", Cause.TRUNCATED, "before the answer was complete"),
        ("Sure! " + ANSWER[:40], "unknown", Cause.UNPARSEABLE, "character 7 is never closed"),
        ("no braces at all", "length", Cause.TRUNCATED, "token limit"),
        ("{'risk_score': 3}", "stop", Cause.UNPARSEABLE, "no JSON object"),
        ('{"risk_score": 3,}', "stop", Cause.UNPARSEABLE, "no valid JSON object"),
        ('{"summary": "two\nlines"}', "stop", Cause.UNPARSEABLE, "control character"),
        ("[1, 2]", "stop", Cause.UNPARSEABLE, "no JSON object"),
        ("<think>x</think> ", "stop", Cause.UNPARSEABLE, "nothing follows the thinking"),
        ('{"a":' * 200 + "1" + "}" * 200, "stop", Cause.INVALID, "missing"),
        ('{"a":' * 201 + "1" + "}" * 201, "stop", Cause.UNPARSEABLE, "deeper than 200"),
        ('{"a":' * 99_999 + "1" + "}" * 99_999, "stop", Cause.UNPARSEABLE, "deeper than 200"),
        ('{"a":' * 99_999, "stop", Cause.UNPARSEABLE, "deeper than 200"),
        ('{"a":' + "[" * 99_999, "length", Cause.TRUNCATED, "token limit"),
    ],
)
def test_failures_have_a_cause_and_say_why(
    text: str, finish: str, cause: Cause, words: str
) -> None:
    failure = failed(text, finish)
    assert failure.cause is cause
    assert words.lower() in failure.detail.lower()
    assert len(failure.detail) < 400


def test_a_too_deep_object_does_not_hide_a_later_answer() -> None:
    deep = '{"a":' * 5_000 + "1" + "}" * 5_000
    assert answered(deep + ANSWER).fields == GOOD


def test_an_answer_wrapped_in_another_object_is_not_dug_out() -> None:
    failure = failed(json.dumps({"result": GOOD}))
    assert failure.cause is Cause.INVALID
    assert failure.detail == "missing: risk_score, risk_level, summary, reasoning"


def test_without_complete_object_the_fullest_decides_what_is_missing() -> None:
    text = without("summary") + '{"risk_score": 1}'
    assert failed(text).detail == "missing: summary"
    assert failed(without("reasoning") + without("summary")).detail == "missing: summary"


def test_without_required_fields_the_last_object_is_the_answer() -> None:
    assert answered('{"a": 1} {"b": 2}', require=()).fields == {"b": 2}


def test_hostile_text_before_the_answer_does_not_hide_it() -> None:
    for junk in ("{", '{"', '{"a":1 x}', '{"a":x}', "{}", '{"a":1}', "[", '"', "\\"):
        text = junk * 30_000 + "\n" + ANSWER
        assert answered(text).fields == GOOD, junk


def test_failures_keep_attempts_and_duration() -> None:
    failure = reader().read(Completion("no", attempts=3, latency_s=1.5))
    assert isinstance(failure, Failure)
    assert (failure.attempts, failure.duration_s, failure.infrastructure) == (3, 1.5, False)


@pytest.mark.parametrize("text", [ANSWER + "\x00" * 99, "\u202e" + ANSWER, "x" * 10**6 + ANSWER])
def test_odd_characters_and_long_lines(text: str) -> None:
    assert answered(text).fields == GOOD


def test_text_parser_gives_the_visible_text() -> None:
    answer = answered("<think>hm</think>\n Yes. \n", parser="text", require=())
    assert answer.fields == {"text": "Yes."}
    assert answer.thinking == "hm"
    cut = answered("half a sen", "length", parser="text", require=())
    assert cut.findings == ("cut off by the token limit",)
    assert failed("<think>hm", "length", parser="text").cause is Cause.TRUNCATED
    assert failed("<think>hm</think>", parser="text").cause is Cause.EMPTY
    assert failed("Analysis unavailable", parser="text").cause is Cause.FALLBACK


def test_a_stand_in_is_a_fallback_whatever_else_it_lacks() -> None:
    stand_in = "Analysis unavailable - LLM service error"
    assert failed(text_of(summary=stand_in)).cause is Cause.FALLBACK
    assert failed(json.dumps({"summary": stand_in})).cause is Cause.FALLBACK
    assert answered(text_of(summary=stand_in), fallback=()).fields["summary"] == stand_in
    assert failed(text_of(summary="n/a today"), fallback=("n/a",)).cause is Cause.FALLBACK


def test_an_empty_fallback_text_is_refused() -> None:
    with pytest.raises(SuiteError, match="empty text"):
        reader(fallback=("",))
