"""What the pictures show, and the template diff."""

from __future__ import annotations

import dataclasses
import math
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comparison_factory import BASIC_V1, BASIC_V2, METRICS, difference, make_comparison
from promptreg.stages.report.plots.changes import (
    histogram_of_changes,
    risk_range,
    scores_against_ranges,
)
from promptreg.stages.report.plots.forest import forest_of_metrics, forest_of_slices
from promptreg.stages.report.plots.svg import Drawing, scale, ticks
from promptreg.verdicts import Slice
from promptreg_plugins.look.diff import side_by_side

ROWS = {row[0]: row for row in METRICS}


def centre(picture: str, shape: str) -> float:
    """Return the horizontal place of the only mark of a shape."""
    if shape == "circle":
        found = re.findall(r'<circle cx="([\d.-]+)"', picture)
    else:
        found = re.findall(r'<polygon points="([\d.-]+),', picture)
    assert len(found) == 1
    return float(found[0])


def test_worse_lies_left_whatever_the_direction() -> None:
    for metric in ("in_range", "deviation", "latency"):
        worse = forest_of_metrics([difference("t", ROWS[metric])], "k", "t")
        mark = centre(worse, "diamond" if metric == "in_range" else "circle")
        assert mark < Drawing.width / 2
    better = forest_of_metrics([difference("t", ROWS["false_alarm"])], "k", "t")
    assert centre(better, "triangle") > Drawing.width / 2


def test_what_cannot_be_drawn_is_left_out() -> None:
    d = difference("t", ROWS["overall"])
    for broken in (
        dataclasses.replace(d, margin=None),
        dataclasses.replace(d, interval=None),
        dataclasses.replace(d, interval=(-math.inf, 0.1)),
        dataclasses.replace(d, ratio=(0.0, 0.0, 1.0)),
    ):
        assert forest_of_metrics([broken], "k", "t") == ""
        assert "nan" not in forest_of_metrics([d, broken], "k", "t")
    assert forest_of_slices([], "k") == ""


def test_far_intervals_get_an_arrow_and_stay_inside() -> None:
    far = dataclasses.replace(
        difference("t", ROWS["overall"]), difference=-5.0, interval=(-9.0, -4.0)
    )
    picture = forest_of_metrics([far], "k", "t")
    assert "arrow" in picture
    assert all(
        -1 <= float(x) <= Drawing.width + 1 for x in re.findall(r'[ xc]x?="([\d.-]+)"', picture)
    )


def test_slices_say_their_value_and_size() -> None:
    rows = [difference("t", ROWS["latency"], n=40, where=Slice("story", v)) for v in ("a", "b")]
    picture = forest_of_slices(rows, "k")
    assert "a (story, n=40)" in picture
    assert "×1.03" in picture


def test_histogram_counts_what_it_says() -> None:
    changes = make_comparison().changes
    picture = histogram_of_changes(changes, 400, "k")
    worse = sum(1 for c in changes if (c.change or 0) < 0)
    assert f"{worse} worse" in picture
    assert "Of the 30 of 400 scenarios shown" in picture
    assert histogram_of_changes([], 0, "k") == ""
    same = [dataclasses.replace(changes[0], change=0.0)]
    assert "1 the same" in histogram_of_changes(same, 1, "k")


def test_scores_show_failures_and_leave_out_what_has_no_range() -> None:
    changes = make_comparison(templates=("basic",)).changes
    picture = scores_against_ranges(changes, ("v1", "v2"), "k")
    assert picture.count(" cross") == 3
    assert "normal-basic-000: expected 0 to 25" in picture
    bare = [dataclasses.replace(c, ground_truth={}) for c in changes]
    assert scores_against_ranges(bare, ("v1", "v2"), "k") == ""


@pytest.mark.parametrize(
    ("truth", "span"),
    [
        ([10, 30], (10, 30)),
        ({"min": 10, "max": 30}, (10, 30)),
        ([30, 10], None),
        ([10, 300], None),
        ([10], None),
        ("10-30", None),
        ([math.nan, 3], None),
        ([True, 3], None),
        (None, None),
    ],
)
def test_risk_range(truth: object, span: tuple[float, float] | None) -> None:
    assert risk_range({"risk_range": truth}) == span


@given(
    st.floats(-1e6, 1e6, allow_nan=False), st.floats(1e-3, 1e6, allow_nan=False), st.integers(2, 8)
)
def test_ticks_lie_inside_and_are_few(low: float, span: float, about: int) -> None:
    found = ticks(low, low + span, about)
    assert len(found) <= about + 2
    slack = 1e-6 * max(1.0, abs(low), span)
    assert all(low - slack <= v <= low + span + slack for v in found)
    assert found == sorted(found)


def test_drawing_escapes_and_scale_maps() -> None:
    picture = Drawing()
    picture.text(1, 2, '<b a="x">&', 'x" onload="y')
    done = picture.render(10, "<t>", "</desc>", "k")
    assert "&lt;b a=&#34;x&#34;&gt;&amp;" in done
    assert 'onload="' not in done
    assert scale(0, 10, 100, 200)(5) == 150
    assert scale(3, 3, 0, 10)(3) == 0


def test_diff_marks_the_words_that_changed() -> None:
    rows = side_by_side(BASIC_V1, BASIC_V2)
    first = rows[0]
    assert first.kind == "changed"
    assert [text for text, changed in first.right if changed] == [" careful"] or [
        text.strip() for text, changed in first.right if changed
    ] == ["careful"]
    added = [row for row in rows if row.kind == "added"]
    assert [row.right[0][0] for row in added] == ["Time: {time}"]
    joined = "\n".join("".join(t for t, _ in row.right) for row in rows if row.right_number)
    assert joined == BASIC_V2


def test_diff_shortens_what_is_the_same() -> None:
    before = "\n".join(f"line {i}" for i in range(200))
    rows = side_by_side(before, before.replace("line 100\n", "changed\n"))
    assert [row.note for row in rows if row.kind == "gap"] == [
        "97 unchanged lines",
        "96 unchanged lines",
    ]
    assert len(rows) == 9


def test_diff_of_huge_or_hostile_texts_is_bounded() -> None:
    rng = random.Random(3)
    lines = [f"line {i % 40}" for i in range(5_000)]
    other = lines[:]
    rng.shuffle(other)
    rows = side_by_side("\n".join(lines), "\n".join(other))
    assert any("too many to compare" in row.note for row in rows)
    wide = side_by_side("a b " * 40_000, "b a " * 40_000)
    assert sum(len(t) for row in wide for t, _ in (*row.left, *row.right)) < 5_000


def test_words_of_many_lines_are_compared_within_a_budget() -> None:
    line = " ".join(f"w{i % 7}" for i in range(300))
    rows = side_by_side("\n".join([line] * 100), "\n".join([f"x {line[::-1]}"] * 100))
    last = [row for row in rows if row.kind == "changed"][-1]
    assert len(last.left) == 1
    assert last.left[0][1]
