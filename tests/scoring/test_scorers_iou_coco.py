"""Average precision against the reference code of the COCO benchmark."""

from __future__ import annotations

import contextlib
import io
import random
from typing import Any

import pytest

from promptreg_scorers.iou.average_precision import THRESHOLDS, average_precision
from promptreg_scorers.iou.boxes import Box

pytestmark = pytest.mark.heavy

LABELS = ("person", "car", "dog")


def drawn(draw: random.Random) -> tuple[list[Box], list[Box]]:
    """Expected boxes, and found ones that are partly those, moved, and partly elsewhere."""
    expected, found = [], []
    for _ in range(draw.randrange(6)):
        x, y, w, h = (draw.randrange(5, 60) for _ in range(4))
        label = draw.choice(LABELS)
        expected.append(Box(x, y, x + w, y + h, label))
        for _ in range(draw.choice((0, 1, 1, 1, 2))):
            left, top = x + draw.randrange(-4, 5), y + draw.randrange(-4, 5)
            name = label if draw.random() < 0.9 else draw.choice(LABELS)
            right, bottom = left + w + draw.randrange(-3, 4), top + h + draw.randrange(-3, 4)
            found.append(Box(left, top, right, bottom, name, draw.randrange(101) / 100))
    for _ in range(draw.randrange(3)):
        x, y = draw.randrange(100), draw.randrange(100)
        found.append(Box(x, y, x + 9, y + 9, draw.choice(LABELS), draw.randrange(101) / 100))
    return expected, found


def of_coco(images: list[tuple[list[Box], list[Box]]]) -> tuple[float, float]:
    """Return AP and AP50 as pycocotools has them; -1 where undefined."""
    coco_module = pytest.importorskip("pycocotools.coco")
    evaluation = pytest.importorskip("pycocotools.cocoeval")

    def row(number: int, image: int, box: Box) -> dict[str, Any]:
        sides = [box.left, box.top, box.right - box.left, box.bottom - box.top]
        return {
            "id": number,
            "image_id": image,
            "category_id": LABELS.index(box.label) + 1,
            "bbox": sides,
            "area": box.area,
            "iscrowd": 0,
            "score": box.confidence,
        }

    truth = [(i, box) for i, (expected, _) in enumerate(images, 1) for box in expected]
    claims = [(i, box) for i, (_, found) in enumerate(images, 1) for box in found]
    with contextlib.redirect_stdout(io.StringIO()):
        known = coco_module.COCO()
        known.dataset = {
            "info": {},
            "images": [{"id": i + 1} for i in range(len(images))],
            "categories": [{"id": i + 1} for i in range(len(LABELS))],
            "annotations": [row(n, i, box) for n, (i, box) in enumerate(truth, 1)],
        }
        known.createIndex()
        found = known.loadRes([row(n, i, box) for n, (i, box) in enumerate(claims, 1)])
        judge = evaluation.COCOeval(known, found, "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return float(judge.stats[0]), float(judge.stats[1])


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
