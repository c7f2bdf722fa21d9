"""Thinking is told from visible text."""

from __future__ import annotations

import pytest

from promptreg import Cause
from promptreg.stages.parse import split_thinking
from scoring_makers import GOOD, answered, failed, text_of

DRAFT = text_of(risk_score=1)
ANSWER = text_of()


@pytest.mark.parametrize(
    ("text", "visible", "thinking"),
    [
        ("plain", "plain", ""),
        ("<think>a</think>b", "b", "a"),
        ("x<think>a</think>b", "xb", "a"),
        ("<think>a</think>b<think>c</think>d", "bd", "a\nc"),
        ("a</think>b", "b", "a"),
        ("<think>a", "", "a"),
        ("x<think>a", "x", "a"),
        ("<think>a<think>b</think>c</think>d", "d", "a\nb\nc"),
        ("<think>a<think>b</think>d", "d", "a\nb"),
        ("x<think>a<think>b</think>c</think>d", "xd", "a\nb\nc"),
        ("<think>I end with </think> tags</think>d", "d", "I end with\ntags"),
        ("<think>a</think>b</think>", "b", "a"),
        ("<think>a</think>b</think>\n</think> ", "b\n ", "a"),
        ("only</think>", "", "only"),
        ("<think></think>b", "b", ""),
        ("<Think>b", "<Think>b", ""),
        ("", "", ""),
    ],
)
def test_split(text: str, visible: str, thinking: str) -> None:
    parts = split_thinking(text)
    assert (parts.visible, parts.thinking) == (visible, thinking)


def test_flags_tell_unclosed_and_stray() -> None:
    assert split_thinking("a<think>b").unclosed
    assert split_thinking("<think>a</think>b</think>").stray
    whole = split_thinking("<think>a</think>b")
    assert not whole.unclosed
    assert not whole.stray


@pytest.mark.parametrize(
    "before",
    [
        f"<think>draft {DRAFT}</think>",
        f"draft {DRAFT}</think>",
        f"<think>a<think>b {DRAFT}</think>{DRAFT}</think>",
        "<think>" * 30_000 + "</think>",
        "</think>" * 30_000,
    ],
)
def test_the_answer_follows_the_thinking(before: str) -> None:
    answer = answered(before + ANSWER)
    assert answer.fields == GOOD
    assert ("draft" in before) == ("draft" in answer.thinking)


@pytest.mark.parametrize(
    "text",
    [f"<think>{DRAFT}</think>", f"{DRAFT}</think>", f"<think>{DRAFT}", f"<think>a<think>{DRAFT}"],
)
def test_an_object_inside_the_thinking_is_no_answer(text: str) -> None:
    assert failed(text).cause is Cause.UNPARSEABLE


def test_an_answer_before_thinking_that_never_ends_counts() -> None:
    answer = answered(ANSWER + "<think>was that right? {")
    assert answer.fields == GOOD
    assert answer.findings == ("thinking is never closed",)


def test_cut_off_while_thinking() -> None:
    failure = failed("<think>" * 30_000, "length")
    assert failure.cause is Cause.TRUNCATED
    assert "while thinking" in failure.detail
