"""AP of all images: known values, pycocotools, many draws, and what becomes of lost trials."""

from __future__ import annotations

import random

import numpy as np
import pytest

from coco_sets import drawn, of_coco
from promptreg import Completion, Failure
from promptreg.records import Answer, Cause, Outcome, Prompt, Scenario, Trial, payload_code
from promptreg.stages.score import Scoring
from promptreg_scorers.iou import AveragePrecision
from promptreg_scorers.iou.average_precision import THRESHOLDS, average_precision
from promptreg_scorers.iou.boxes import Box
from promptreg_scorers.iou.pooled import fifty, pack, pooled
from scoring_makers import TEMPLATE

Images = list[tuple[list[Box], list[Box]]]


def ap_of(images: Images, thresholds: int = len(THRESHOLDS)) -> float:
    payloads = [pack(expected, found) for expected, found in images]
    return float(pooled(payloads, np.ones((len(images), 1), np.uint8), thresholds)[0])


def untied(images: Images, draw: random.Random) -> Images:
    """Return the images with confidences that all differ: COCO breaks ties by order."""
    return [
        (e, [Box(b.left, b.top, b.right, b.bottom, b.label, draw.random()) for b in f])
        for e, f in images
    ]


@pytest.mark.heavy
@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("count", [1, 7, 60])
def test_it_is_that_of_pycocotools(seed: int, count: int) -> None:
    draw = random.Random(7000 * count + seed)
    images = untied([drawn(draw) for _ in range(count)], draw)
    if not any(found for _, found in images):
        images[0][1].append(Box(0, 0, 5, 5, "dog", 0.5))
    if seed % 4 == 0:  # an image in which nothing is, and one in which nothing was found
        images[-1] = ([], images[-1][1]) if count > 1 else images[-1]
        images[0] = (images[0][0], []) if count > 1 else images[0]
    theirs = of_coco(images)
    for ours, expected in ((ap_of(images), theirs[0]), (ap_of(images, fifty), theirs[1])):
        assert (-1.0 if np.isnan(ours) else ours) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_draws_are_the_ap_of_the_images_drawn(seed: int) -> None:
    draw, rng = random.Random(seed), np.random.default_rng(seed)
    images = untied([drawn(draw) for _ in range(12)], draw)
    counts = rng.integers(0, 3, size=(12, 30))
    counts[:, 0] = 0
    many = pooled([pack(*image) for image in images], counts)
    for at, times in enumerate(counts.T):
        chosen = [image for image, n in zip(images, times, strict=True) for _ in range(n)]
        one = average_precision(chosen)
        expected = np.nan if one is None else one
        np.testing.assert_allclose(many[at], ap_of(chosen) if chosen else np.nan, atol=1e-12)
        if times.max(initial=0) <= 1:  # the same image twice is a tie
            np.testing.assert_allclose(many[at], expected, atol=1e-12)


def test_equal_confidences_enter_together_whatever_the_order() -> None:
    right = ([Box(0, 0, 9, 9, "dog")], [Box(0, 0, 9, 9, "dog", 0.5)])
    wrong = ([Box(0, 0, 9, 9, "dog")], [Box(50, 50, 59, 59, "dog", 0.5)])
    assert ap_of([right, wrong]) == ap_of([wrong, right]) == pytest.approx(0.5 * 51 / 101)


def test_known_values() -> None:
    box = Box(0, 0, 10, 10, "person")
    unseen: tuple[list[Box], list[Box]] = ([box], [])
    seen = ([box], [Box(0, 0, 10, 10, "person", 0.9)])
    assert ap_of([seen, unseen], fifty) == pytest.approx(51 / 101)
    assert ap_of([seen, seen]) == 1.0
    assert ap_of([unseen]) == 0.0
    assert np.isnan(ap_of([([], [Box(0, 0, 1, 1, "dog", 0.5)])]))
    half = Box(0, 0, 10, 7.6, "person", 0.9)  # overlap 0.76: right at 0.50 to 0.75
    assert ap_of([([box], [half])]) == pytest.approx(0.6)


EXPECTED = {"expected_boxes": [{"label": "person", "bbox": [0, 0, 10, 10]}]}


def trial(found: object) -> Trial:
    """Return a trial that found something, or one that failed."""
    made = Trial(TEMPLATE, Scenario("s", {}, EXPECTED, {}), 0, Prompt("look"))
    made.completion = Completion("...")
    if found is None:
        made.failure = Failure(Cause.UNPARSEABLE, "no JSON")
    else:
        made.answer = Answer({"detections": found})
    return made


def test_a_failed_trial_found_nothing_and_a_lost_one_leaves_it_open() -> None:
    scoring = Scoring([("average_precision", AveragePrecision())])
    good = trial([{"label": "person", "confidence": 0.9, "bbox": [0, 0, 10, 10]}])
    bad = trial(None)
    table = np.array([[value for value, _ in scoring.apply(t)][:2] for t in (good, bad)])
    assert [o for _, o in scoring.apply(bad)][:2] == [Outcome.FAILED] * 2
    ap = scoring.aggregates["pooled_ap"]
    assert ap(table[:, [1]]) == pytest.approx(51 / 101)
    assert ap(table[:1, [1]]) == 1.0
    table[1, 1] = 1.0  # a gap in favour of the side
    assert np.isnan(ap(table[:, [1]]))


def test_a_payload_is_known_by_its_code_alone() -> None:
    assert payload_code("a") == payload_code("a") != payload_code("b")
    assert 0 < payload_code("") < 1
    codes = {payload_code(str(i)) for i in range(100_000)}
    assert len(codes) == 100_000
