"""Any text is read without raising, in time that grows with its length."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptreg import Answer, Cause, Completion, Failure
from scoring_makers import GOOD, reader, text_of

WORDS = '<think> </think> { } [ ] " \\ : , "a" 1 NaN - 1e9 "risk_score" \\ud800 ``` ```json null'
SIGNS = WORDS.split()
ODD = ["\ud800", "\x00", "\u202e", "\u2028", "\n", " ", "\u00e9", "text"]
OBJECTS = [text_of(), text_of(risk_score=5), '{"risk_score": 3}', '{"a":']
PIECES = st.sampled_from([*SIGNS, *ODD, *OBJECTS])
TEXTS = st.one_of(st.lists(PIECES, max_size=30).map("".join), st.text(max_size=200))
FINISHES = st.sampled_from(["stop", "length", "content_filter", "refusal", "unknown", "odd"])
READERS = {
    "json": reader(),
    "open": reader(require=()),
    "text": reader(parser="text", require=()),
}


@pytest.mark.parametrize("which", sorted(READERS))
@settings(deadline=None)
@given(text=TEXTS, finish=FINISHES)
def test_reading_never_raises(which: str, text: str, finish: str) -> None:
    chosen = READERS[which]
    found = chosen.read(Completion(text, finish))
    if isinstance(found, Failure):
        assert not found.infrastructure
        assert "\n" not in found.detail
        found.detail.encode()
    else:
        assert found.rules == ()
        if which == "json":
            assert set(GOOD) <= set(found.fields)
            assert 0 <= found.fields["risk_score"] <= 100
    shown = chosen.effective(Completion(text, finish), None if isinstance(found, Answer) else found)
    if which != "text":
        assert 0 <= shown.fields["risk_score"] <= 100
        assert shown.fields["risk_level"] in ("low", "medium", "high", "critical")


@settings(deadline=None)
@given(before=st.text(alphabet="abc {}\n:.,'", max_size=60), after=st.text(max_size=60))
def test_prose_around_the_answer_does_not_change_it(before: str, after: str) -> None:
    after = after.replace("think>", "").replace("{", "")
    found = READERS["json"].read(Completion(before + text_of() + after))
    assert isinstance(found, Answer)
    assert found.fields == GOOD


@settings(deadline=None)
@given(TEXTS)
def test_what_stands_inside_the_thinking_changes_nothing(text: str) -> None:
    inner = text.replace("think>", "")
    found = READERS["json"].read(Completion(f"<think>{inner}</think>{text_of()}"))
    assert isinstance(found, Answer)
    assert found.fields == GOOD


@settings(deadline=None)
@given(cut=st.integers(1, len(text_of()) - 1))
def test_every_cut_off_answer_is_truncated(cut: int) -> None:
    found = READERS["json"].read(Completion(text_of()[:cut], "length"))
    assert isinstance(found, Failure)
    assert found.cause is Cause.TRUNCATED
    again = READERS["json"].read(Completion(text_of()[:cut]))
    assert isinstance(again, Failure)
    assert again.cause is Cause.UNPARSEABLE


UNITS = (
    '<think> </think> { {" {"a": {"a":x} {} {"a":1} " {"a":"\\" [ {"a":[ {"a":{}, {"a":"} \\" ```'
)
MORE_UNITS = ["<think></think>", "{ ", '{"a":1 x}', '{"' + "k" * 50 + '":1 ', '{"a":' * 300 + "x"]


@pytest.mark.parametrize("unit", [*UNITS.split(), *MORE_UNITS])
def test_time_grows_with_length_only(unit: str) -> None:
    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        best = float("inf")
        for _ in range(3):
            started = time.process_time()
            READERS["json"].read(Completion(text))
            best = min(best, time.process_time() - started)
        return best

    # Four times the text: linear work takes 4 times as long, quadratic 16 times.
    small, large = seconds(50_000), seconds(200_000)
    assert large < 10 * small + 0.02
