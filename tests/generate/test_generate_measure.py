"""Coverage and likeness are measured on rows, whoever made them."""

from __future__ import annotations

from typing import Any

import pytest

from promptreg import GenerationPlan
from promptreg.stages.generate import coverage_markdown, measure, near_duplicates, shingles
from promptreg.stages.generate.similar import similarity

PLAN = GenerationPlan(
    slots=["s"],
    attributes={"a": ["x", "y"], "b": ["1", "2"], "c": ["p", "q"]},
    strength=2,
    forbidden=[{"a": ["x"], "b": ["1"]}, {"b": ["2"], "c": ["q"]}],
    text=["text"],
)
TEXT = "a man in a grey coat walks up the path and rings the bell twice before he leaves again"


def row(name: str, a: str, b: str, c: str, text: str = "", family: str = "") -> dict[str, Any]:
    return {"scenario_id": name, "family": family or name, "a": a, "b": b, "c": c, "text": text}


def test_what_is_covered_missing_and_excluded_is_counted_on_the_rows() -> None:
    rows = [row("s1", "y", "1", "p"), row("s2", "y", "1", "q"), row("s3", "x", "2", "p", "", "s2")]
    found = measure(rows, PLAN, 0.8)
    ones, pairs, triples = found["tuples"]
    assert (ones["possible"], ones["covered"]) == (6, 6)
    # a=x with c=q is excluded by both rules together: x needs b=2, q needs b=1.
    assert pairs["excluded_by_constraints"] == [
        {"a": "x", "b": "1"},
        {"a": "x", "c": "q"},
        {"b": "2", "c": "q"},
    ]
    assert pairs["missing"] == [{"a": "y", "b": "2"}]
    assert (pairs["possible"], pairs["covered"], pairs["excluded"]) == (9, 8, 3)
    assert (triples["possible"], triples["covered"]) == (4, 3)
    assert found["pairs"]["a × b"] == {"x": {"1": 0, "2": 1}, "y": {"1": 2, "2": 0}}
    assert found["families"] == 2
    whole = found["slices"][0]
    assert (whole["scenarios"], whole["families"]) == (3, 2)
    best, worst = whole["detectable"]
    assert best <= worst <= 1
    text = coverage_markdown(found)
    assert "- a = y, b = 2" in text
    assert "Left out by constraints, of 2 attributes: 3" in text


def test_duplicates_and_near_duplicates_are_found_and_others_are_not() -> None:
    texts = [
        TEXT,
        TEXT.replace("grey", "green"),
        TEXT,
        "two dogs bark at a delivery van that turns round at the end of the street",
    ]
    pairs = near_duplicates(texts, 0.6)
    assert [(i, j) for i, j, _ in pairs] == [(0, 2), (0, 1), (1, 2)]
    assert pairs[0][2] == 1.0
    assert pairs[1][2] == pytest.approx(similarity(shingles(texts[0]), shingles(texts[1])))
    rows = [row(f"s{i}", "y", "1", "p", text) for i, text in enumerate(texts)]
    found = measure(rows, PLAN, 0.9)
    assert found["duplicates"] == 1
    assert found["near_duplicates"]["most_alike"] == [["s0", "s2", 1.0]]


def test_digits_and_case_do_not_make_a_text_another() -> None:
    assert similarity(shingles("At 10:15 the Dog barks"), shingles("at 23:59 the dog barks")) == 1
    assert similarity(shingles(""), shingles("")) == 1
    assert similarity(shingles("a b c"), shingles("d e f")) == 0


def test_minhash_misses_next_to_nothing_above_the_threshold() -> None:
    words = [f"w{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(200)]
    texts = []
    for i in range(60):
        base = words[i : i + 80]
        texts += [" ".join(base), " ".join([*base[:-2], "xx", "yy"])]
    exact = {
        (i, j)
        for i in range(len(texts))
        for j in range(i + 1, len(texts))
        if similarity(shingles(texts[i]), shingles(texts[j])) >= 0.8
    }
    found = {(i, j) for i, j, _ in near_duplicates(texts, 0.8)}
    assert found <= exact
    assert len(found) >= 0.98 * len(exact)


def test_a_set_without_attributes_or_texts_is_measured_all_the_same() -> None:
    found = measure([{"scenario_id": "s1"}, {"scenario_id": "s2"}], GenerationPlan(["s"]), 0.8)
    assert found["tuples"] == []
    assert found["scenarios"] == 2
    assert "No texts to compare." in coverage_markdown(found)
