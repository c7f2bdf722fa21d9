"""Untrusted text made fit for people."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comparison_factory import BIDI, ESCAPES, LONG, SURROGATE
from promptreg.stages.report.text import clean, clip, one_line

ANY = st.text(st.characters(codec=None, exclude_categories=()), max_size=300)


@given(ANY)
def test_cleaned_text_can_be_encoded_and_commands_nothing(text: str) -> None:
    done = clean(text)
    done.encode("utf-8")
    assert all(ch in "\n\t" or unicodedata.category(ch) not in ("Cc", "Cs") for ch in done)
    assert not set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f") & set(done)
    assert clean(done) == done


@given(ANY, st.integers(1, 80))
def test_one_line_is_one_bounded_line(text: str, limit: int) -> None:
    done = one_line(text, limit)
    assert len(done) <= limit + 1
    assert len(done.splitlines()) <= 1
    assert done == done.strip()


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=200))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (ESCAPES[:4], "␛[2J"),
        ("a\r\nb\rc", "a\nb\nc"),
        (BIDI[:4], "⟨U+202E⟩gnp"),
        (SURROGATE, "half \ufffd pair \ufffd"),
        ("x\u2028y", "x\ny"),
        ("\U000e0041", "\ufffd"),
        ("naïve 夜 🦝", "naïve 夜 🦝"),
    ],
)
def test_what_is_shown_instead(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_what_is_cut_says_so() -> None:
    assert clip(LONG, 10) == "The camera … (cut: 10 of 200,000 characters)"
    assert one_line("a  b\n" * 10, 5) == "a b a…"
