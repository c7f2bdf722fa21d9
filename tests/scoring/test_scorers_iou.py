"""Known values of the scorer of boxes."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptreg import Score, Scorer, Trial, Unscored
from promptreg.errors import SuiteError
from promptreg_scorers.iou.average_precision import average_precision
from promptreg_scorers.iou.boxes import Box
from promptreg_scorers.iou.overlap import best_pairs, overlap
from scoring_makers import make, scenario, trial

PERSON = {"label": "person", "bbox": [10, 10, 20, 20]}


def scores(scorer: Scorer, of: Trial) -> dict[str, float]:
    items = scorer.score(of)
    assert isinstance(items, tuple)
    return {i.scale.name: i.value for i in items if isinstance(i, Score)}


def about(scorer: Scorer, of: Trial) -> str:
    """Return the first note or reason."""
    items = scorer.score(of)
    assert isinstance(items, tuple)
    return items[0].note if isinstance(items[0], Score) else items[0].reason


def of(found: Any, expected: Any = (PERSON,), **truth: Any) -> Trial:
    known = list(expected) if isinstance(expected, tuple) else expected
    return trial({"detections": found}, expected_boxes=known, **truth)


def test_the_example_of_the_docstring() -> None:
    box = {"label": "person", "bbox": [10, 10, 20, 16]}  # 0.8 of the expected one
    dog = {"label": "dog", "bbox": [50, 50, 5, 5]}
    found = scores(make("iou"), of([box, dog]))
    assert found["iou"] == pytest.approx(0.4)
    assert found["box_precision"] == 0.5
    assert found["box_recall"] == 1
    assert found["box_f1"] == pytest.approx(2 / 3)
    assert found["ap50"] == pytest.approx(1)
    assert found["ap"] == pytest.approx(0.7)  # right at 0.50 to 0.80, wrong at the rest


@pytest.mark.parametrize(
    ("found", "expected", "values"),
    [
        ([], [], {"iou": 1, "box_precision": 1, "box_f1": 1}),
        ([PERSON], [], {"iou": 0, "box_precision": 0, "box_f1": 0}),
        ([], [PERSON], dict.fromkeys(("iou", "box_precision", "box_recall", "box_f1"), 0)),
        ([PERSON], [PERSON], dict.fromkeys(("iou", "box_precision", "box_recall", "box_f1"), 1)),
    ],
)
def test_nothing_expected_and_nothing_found(found: Any, expected: Any, values: Any) -> None:
    scorer = make("iou", metrics=["iou", "box_precision", "box_recall", "box_f1"])
    assert scores(scorer, of(found, expected)) == values


def test_recall_and_ap_do_not_apply_where_nothing_is_to_be_found() -> None:
    scorer = make("iou")
    empty, unknown = scenario(expected_boxes=[]), scenario()
    assert [s.name for s in scorer.scales if scorer.applies(empty, s)] == [
        "iou",
        "box_precision",
        "box_f1",
    ]
    assert not any(scorer.applies(unknown, s) for s in scorer.scales)
    assert {scorer.worst(empty, s) for s in scorer.scales} == {0.0}


@pytest.mark.parametrize(
    ("form", "bbox"),
    [
        ({"format": "xywh"}, [10, 10, 20, 20]),
        ({"format": "xyxy"}, [10, 10, 30, 30]),
        ({"format": "cxcywh"}, [20, 20, 20, 20]),
        ({"format": "xywh", "units": "relative"}, [0.1, 0.05, 0.2, 0.1]),
        ({"format": "xyxy", "units": "thousandths"}, [100, 50, 300, 150]),
        ({"label": "class", "bbox": "box"}, None),
    ],
)
def test_forms_that_mean_the_same_box(form: dict[str, str], bbox: list[float] | None) -> None:
    box = (
        {"label": "person", "bbox": bbox} if bbox else {"class": "Person", "box": [10, 10, 20, 20]}
    )
    scorer = make("iou", found=form, size=[100, 200])
    assert scores(scorer, of([box]))["iou"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        ([{**PERSON, "bbox": [10, 10, 0, 20]}], "has no area as xywh"),
        ([{**PERSON, "bbox": [10, 10, -5, 20]}], "has no area as xywh"),
        ([{**PERSON, "bbox": [90, 10, 20, 20]}], "lies outside 100x200"),
        ([{**PERSON, "bbox": [-1, 10, 20, 20]}], "lies outside 100x200"),
        ([{**PERSON, "bbox": [10, 10, 20]}], "allowed: four numbers"),
        ([{**PERSON, "bbox": [10, 10, 20, math.nan]}], "allowed: four finite numbers"),
        ([{**PERSON, "bbox": [10, 10, 20, True]}], "allowed: four finite numbers"),
        ([{"label": "person"}], "has no 'bbox'"),
        ([{**PERSON, "confidence": 1.5}], "allowed: 0 to 1"),
        ([{**PERSON, "label": 3}], "allowed: a text"),
        (["person"], "is no box"),
        ("none", "is no list of boxes"),
        (None, "is no list of boxes"),
        ([PERSON] * 1001, "allowed: up to 1,000"),
    ],
)
def test_a_refused_box_earns_nothing_and_says_why(found: Any, why: str) -> None:
    scorer = make("iou", size=[100, 200])
    assert set(scores(scorer, of(found)).values()) == {0}
    assert why in about(scorer, of(found))


def test_a_refused_box_counts_as_found_without_partner() -> None:
    scorer = make("iou", size=[100, 100])
    found = scores(scorer, of([PERSON, {**PERSON, "bbox": [90, 90, 20, 20]}]))
    assert (found["iou"], found["box_precision"], found["box_recall"]) == (0.5, 0.5, 1)


def test_refused_boxes_are_wrong_in_rankings_too() -> None:
    inside, outside = ({**PERSON, "bbox": [x, 70, 20, 20], "confidence": 0.99} for x in (70, 90))
    right = {**PERSON, "confidence": 0.5}
    scorer = make("iou", size=[100, 100])
    wrong, refused = (scores(scorer, of([right, *[box] * 9])) for box in (inside, outside))
    assert refused == wrong
    assert refused["ap50"] == pytest.approx(0.1)


def test_boxes_are_cut_only_if_the_suite_says_so_and_the_note_tells() -> None:
    over = {"label": "person", "bbox": [80, 80, 40, 40]}
    edge = {"label": "person", "bbox": [80, 80, 20, 20]}
    strict, cutting = (
        make("iou", size=[100, 100], found={"outside": side}) for side in ("refuse", "clip")
    )
    assert scores(strict, of([over], (edge,)))["iou"] == 0
    assert scores(cutting, of([over], (edge,)))["iou"] == 1
    assert about(cutting, of([over], (edge,))) == "1 cut at the image's edge"
    gone = {"label": "person", "bbox": [200, 200, 10, 10]}
    assert "outside the image altogether" in about(cutting, of([gone], (edge,)))


@pytest.mark.parametrize(
    ("expected", "why"),
    [
        ([{**PERSON, "bbox": [10, 10, 0, 5]}], "box 0: [10, 10, 0, 5] has no area"),
        ([{**PERSON, "bbox": [90, 10, 50, 5]}], "lies outside"),
        ("one person", "is no list of boxes"),
    ],
)
def test_expected_boxes_that_are_wrong_leave_the_trial_unscored(expected: Any, why: str) -> None:
    scorer = make("iou", size=[100, 100])
    items = scorer.score(of([PERSON], expected))
    assert isinstance(items, tuple)
    assert all(isinstance(i, Unscored) and why in i.reason for i in items)
    assert scorer.worst(scenario(expected_boxes=expected), scorer.scales[0]) is None


def test_different_units_need_the_size() -> None:
    found = [{"label": "person", "bbox": [0.1, 0.1, 0.2, 0.2]}]
    scorer = make("iou", found={"units": "relative"})
    assert "the image's size is not known" in about(scorer, of(found))
    sized = make("iou", found={"units": "relative"}, size=[100, 100])
    assert scores(sized, of(found))["iou"] == pytest.approx(1)


def test_labels_are_mapped_and_chosen() -> None:
    found = [
        {"label": "Pedestrian", "bbox": PERSON["bbox"]},
        {"label": "tree", "bbox": [1, 1, 2, 2]},
    ]
    assert scores(make("iou"), of(found))["iou"] == 0
    mapped = make("iou", labels={"pedestrian": "person"})
    assert scores(mapped, of(found))["iou"] == 0.5
    chosen = make("iou", labels={"pedestrian": "person"}, only=["person"])
    assert scores(chosen, of(found))["iou"] == 1
    assert scores(make("iou", match_labels=False), of(found))["iou"] == 0.5


def test_found_boxes_below_the_confidence_are_left_out() -> None:
    found = [
        {**PERSON, "confidence": 0.9},
        {"label": "dog", "bbox": [1, 1, 2, 2], "confidence": 0.2},
    ]
    assert scores(make("iou", min_confidence=0.5), of(found))["iou"] == 1


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"found": {"format": "yxyx"}}, r"found\.format is 'yxyx'; allowed: xywh, xyxy, cxcywh"),
        ({"expected": {"unit": "relative"}}, r"expected\.unit is unknown; allowed: format, units"),
        ({"threshold": 0}, "threshold is 0"),
        ({"min_confidence": 2}, "min_confidence is 2"),
        ({"metrics": ["ap75"]}, "metrics is .*; allowed: some of iou"),
        ({"size": [0, 10]}, "allowed: numbers above 0"),
        ({"size": [1]}, "two numbers, or two columns"),
        ({"only": ["person"], "match_labels": False}, "only"),
    ],
)
def test_settings_that_are_refused(settings: dict[str, Any], what: str) -> None:
    with pytest.raises(SuiteError, match=what):
        make("iou", **settings)


def test_greedy_pairs_are_not_the_best() -> None:
    # Greedy takes 0.9 and leaves 0.1; the other choice has 0.8 + 0.7.
    assert sorted(best_pairs([[0.9, 0.8], [0.7, 0.1]])) == [0.7, 0.8]
    # By number first: one pair at 0.9, or two of 0.5.
    assert sorted(best_pairs([[0.9, 0.5], [0.5, 0.0]], 0.5)) == [0.5, 0.5]
    assert best_pairs([[0.4, 0.3]], 0.5) == []


SIDES = st.tuples(*[st.integers(0, 12), st.integers(1, 6)] * 2)
BOXES = st.lists(SIDES, max_size=4).map(
    lambda all_: [Box(x, y, x + w, y + h) for x, w, y, h in all_]
)


@settings(deadline=None, max_examples=60)
@given(expected=BOXES, found=BOXES, threshold=st.sampled_from([0.0, 0.3, 0.5]))
def test_pairs_are_the_best_of_all(expected: list[Box], found: list[Box], threshold: float) -> None:
    table = [[overlap(e, f) for f in found] for e in expected]
    pairs = best_pairs(table, threshold)
    wide = len(found) + len(expected)  # so that anybody may go without
    best = (0, 0.0)
    for places in itertools.permutations(range(min(wide, len(found) + 4)), len(expected)):
        values = [table[i][k] for i, k in enumerate(places) if k < len(found)]
        kept = [v for v in values if v > 0 and v >= threshold]
        best = max(best, (len(kept) if threshold else 0, sum(kept)))
    assert (len(pairs) if threshold else 0) == best[0]
    assert sum(pairs) == pytest.approx(best[1])


@settings(deadline=None)
@given(a=SIDES, b=SIDES)
def test_overlap_is_symmetric_and_a_share(a: Any, b: Any) -> None:
    one, two = (Box(x, y, x + w, y + h) for x, w, y, h in (a, b))
    assert overlap(one, two) == overlap(two, one)
    assert 0 <= overlap(one, two) <= 1
    assert overlap(one, one) == 1


def test_average_precision_by_hand() -> None:
    expected = [Box(0, 0, 10, 10, "a"), Box(20, 0, 30, 10, "a")]
    right, wrong = Box(0, 0, 10, 10, "a", 0.9), Box(50, 50, 60, 60, "a", 0.95)
    # The wrong one ranks first: precision 1/2 up to recall 1/2, then nothing (51 of 101 recalls).
    assert average_precision([(expected, [right, wrong])]) == pytest.approx(0.5 * 51 / 101)
    assert average_precision([(expected, [])]) == 0
    assert average_precision([([], [right])]) is None
