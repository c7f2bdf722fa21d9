"""Markdown for pull requests: short enough, and nothing but text from others."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from comparison_factory import (
    HOSTILE,
    TRICKS,
    hostile_comparison,
    make_comparison,
    poison,
)
from promptreg.verdicts import Verdict
from promptreg_plugins.reporters.as_markdown import (
    MAX_CHARACTERS,
    MarkdownReporter,
    escape,
    markdown,
)

OURS = re.compile(r"</?(details( open)?|summary|sub)>")


def assert_inert(text: str) -> None:
    """Assert that nothing in a piece of escaped text can become more than text."""
    rest = re.sub(r"&#\d+;", "", text)
    assert not re.search(r"[\\`*\[\]<>#|~&$\n]", rest), rest
    assert not re.search(r"@\w", text)
    assert not re.search(r"\w://", text)
    assert not re.search(r"(?i)www\.", text)


@given(st.text(max_size=200) | st.sampled_from(TRICKS))
def test_escaped_text_is_inert(text: str) -> None:
    assert_inert(escape(text, 2_000))


def test_the_verdict_comes_first() -> None:
    assert markdown(make_comparison()).splitlines()[0].startswith("## ❌ GATE FAIL — in_range reg")


def test_the_same_line_as_everywhere() -> None:
    text = markdown(make_comparison())
    row = "| in_range | **REGRESSED** | 88.0% | 81.0% | -7.0pp | [-11.5,\u00a0-2.5] | "
    row += "±5pp · ±6.4pp |"
    assert row in text
    assert "| deviation, points | equivalent | 4.20 | 5.30 | +1.10 |" in text


def test_slices_that_gain_stand_beside_those_that_lose() -> None:
    comparison = make_comparison(templates=("basic",))
    gained = tuple(
        dataclasses.replace(d, verdict=Verdict.IMPROVED)
        if d.slice and d.slice.value == "normal" and d.metric == "overall"
        else d
        for d in comparison.differences
    )
    text = markdown(dataclasses.replace(comparison, differences=gained))
    better = text.split("Slices of basic that became better")[1].split("</details>")[0]
    assert "overall (scenario_type=normal)" in better
    assert text.index("that became worse") < text.index("that became better")


def test_tables_keep_their_shape_with_hostile_cells() -> None:
    for comparison in (make_comparison(), hostile_comparison()):
        rows = [line for line in markdown(comparison).split("\n") if line.startswith("| ")]
        assert len(rows) > 20
        assert {row.count("|") for row in rows} == {8, 5}


def test_hostile_text_brings_no_tag_link_mention_or_image() -> None:
    text = markdown(hostile_comparison())
    blocks = re.findall(r"(?ms)^(`{3,})diff\n(.*?)\n\1$", text)  # there everything is text
    assert blocks
    assert all(fence not in block for fence, block in blocks)
    rest = OURS.sub("", re.sub(r"(?ms)^(`{3,})diff\n.*?\n\1$", "", text))
    assert "<" not in rest
    assert not re.search(r"!\[|\]\(", rest)
    assert not re.search(r"@\w", rest)
    assert "http:" + "//" not in rest
    assert "`" not in rest
    assert text.count("<details") == text.count("</details>")
    text.encode("utf-8")


def test_it_fits_into_a_comment_whatever_comes() -> None:
    comparison = poison(make_comparison(templates=tuple(f"t{i}" for i in range(40))))
    many = dataclasses.replace(
        comparison,
        gate=dataclasses.replace(comparison.gate, reasons=(HOSTILE,) * 50),
        warnings=(HOSTILE,) * 50,
        limits=comparison.limits * 100,
        changes=comparison.changes * 20,
    )
    text = markdown(many)
    assert len(text) <= MAX_CHARACTERS
    assert "Left out, because it did not fit here: " in text
    assert text.rstrip().endswith("</sub>")


def test_reporter_writes_utf8(tmp_path: Path) -> None:
    MarkdownReporter().write(make_comparison(), tmp_path / "r.md")
    assert (tmp_path / "r.md").read_text("utf-8") == markdown(make_comparison())
