"""Average precision as the COCO benchmark defines it."""

from __future__ import annotations

from collections.abc import Sequence

from promptreg_scorers.iou.boxes import Box
from promptreg_scorers.iou.overlap import overlap

__all__ = ["THRESHOLDS", "average_precision", "hits_of"]

THRESHOLDS = tuple(i / 20 for i in range(10, 20))
"""Overlaps of COCO's AP@[.50:.95]."""
_RECALLS = (*(i * 0.01 for i in range(100)), 1.0)
"""Rounded as COCO's own code rounds them, so that both see the same recall on the same side."""
_MOST = 100
"""Found boxes of one label in one image that count: the most confident ones."""

Image = tuple[Sequence[Box], Sequence[Box]]
"""Expected and found boxes of one image."""


def average_precision(
    images: Sequence[Image], thresholds: Sequence[float] = THRESHOLDS
) -> float | None:
    """Return the mean over labels and thresholds of the precision at 101 recalls; None: undefined.

    Labels are those expected anywhere in `images`; where there are none, AP is undefined. Found
    boxes take the best expected box that is still free, the most confident first. With one image
    this is that image's AP; with all images of a run, COCO's AP of that run.

    Lin et al. 2014, "Microsoft COCO: Common Objects in Context"; evaluation as in its reference
    code, area `all`, 100 detections, without crowd regions.

    Args:
        images: expected and found boxes.
        thresholds: overlaps from which a found box is right.
    """
    labels = sorted({box.label for expected, _ in images for box in expected})
    if not labels or not thresholds:
        return None
    total = 0.0
    for label in labels:
        sides = [
            (
                [b for b in expected if b.label == label],
                sorted((b for b in found if b.label == label), key=_rank)[:_MOST],
            )
            for expected, found in images
        ]
        tables = [[[overlap(e, f) for e in expected] for f in found] for expected, found in sides]
        confidences = [[f.confidence for f in found] for _, found in sides]
        known = sum(len(expected) for expected, _ in sides)
        for threshold in thresholds:
            hits = [
                (-confidence, hit)
                for confidence_of, table in zip(confidences, tables, strict=True)
                for confidence, hit in zip(confidence_of, _hits(table, threshold), strict=True)
            ]
            hits.sort(key=lambda pair: pair[0])  # stable: equals stay in the order of the images
            total += _area([hit for _, hit in hits], known)
    return total / (len(labels) * len(thresholds))


def hits_of(
    expected: Sequence[Box], found: Sequence[Box], thresholds: Sequence[float] = THRESHOLDS
) -> list[tuple[float, list[bool]]]:
    """Return for each found box its confidence, and at which thresholds it is right.

    Args:
        expected: boxes of one label in one image.
        found: those that were found of it.
        thresholds: overlaps.
    """
    counted = sorted(found, key=_rank)[:_MOST]
    rows = [[overlap(e, f) for e in expected] for f in counted]
    right = [_hits(rows, threshold) for threshold in thresholds]
    return [(f.confidence, [hits[at] for hits in right]) for at, f in enumerate(counted)]


def _rank(box: Box) -> float:
    return -box.confidence


def _hits(table: Sequence[Sequence[float]], threshold: float) -> list[bool]:
    """Return for each found box of an image, most confident first, whether it is right."""
    taken: set[int] = set()
    hits = []
    for row in table:
        best, chosen = min(threshold, 1 - 1e-10), -1
        for i, value in enumerate(row):
            if value >= best and i not in taken:
                best, chosen = value, i
        if chosen >= 0:
            taken.add(chosen)
        hits.append(chosen >= 0)
    return hits


def _area(hits: Sequence[bool], known: int) -> float:
    """Return the mean over 101 recalls of the best precision at that recall or beyond."""
    recalls, precisions, right = [], [], 0
    for n, hit in enumerate(hits, 1):
        right += hit
        recalls.append(right / known)
        precisions.append(right / n)
    for i in range(len(precisions) - 1, 0, -1):
        precisions[i - 1] = max(precisions[i - 1], precisions[i])
    total, place = 0.0, 0
    for recall in _RECALLS:
        while place < len(recalls) and recalls[place] < recall:
            place += 1
        if place == len(recalls):
            break
        total += precisions[place]
    return total / len(_RECALLS)
