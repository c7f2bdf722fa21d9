"""Random images with boxes, and what the reference code of the COCO benchmark says of them."""

from __future__ import annotations

import contextlib
import io
import random
from typing import Any

import pytest

from promptreg_scorers.iou.boxes import Box

__all__ = ["drawn", "of_coco"]

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
