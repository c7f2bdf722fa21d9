"""Average precision against the reference code of the COCO benchmark."""

from __future__ import annotations

import random

import pytest

from coco_sets import drawn, of_coco
from promptreg_scorers.iou.average_precision import THRESHOLDS, average_precision
from promptreg_scorers.iou.boxes import Box

pytestmark = pytest.mark.heavy


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("count", [1, 20])
def test_average_precision_is_that_of_pycocotools(seed: int, count: int) -> None:
    draw = random.Random(1000 * count + seed)
    images = [drawn(draw) for _ in range(count)]
    if not any(found for _, found in images):
        images[0][1].append(Box(0, 0, 5, 5, "dog", 0.5))
    ap, ap50 = of_coco(images)
    for ours, theirs in (
        (average_precision(images, THRESHOLDS), ap),
        (average_precision(images, (0.5,)), ap50),
    ):
        assert (-1.0 if ours is None else ours) == pytest.approx(theirs, abs=1e-12)
