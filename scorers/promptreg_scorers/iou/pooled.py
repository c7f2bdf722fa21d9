"""Average precision of all images together, for many draws of them at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from promptreg_scorers.iou.average_precision import THRESHOLDS, hits_of
from promptreg_scorers.iou.boxes import Box

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["fifty", "pack", "pooled"]

fifty = 1
"""How many thresholds AP at overlap 0.5 alone takes: the first of `THRESHOLDS`."""
_POINTS = 101


def pack(expected: Sequence[Box], found: Sequence[Box]) -> str:
    """Return what an image contributes to the AP of all, as text.

    By label the number of expected boxes, and of each found one its confidence and, as bits, the
    thresholds at which it is right. Which found box takes which expected one is a matter of this
    image alone, so the boxes themselves are not needed any more.
    """
    labels = sorted({box.label for box in (*expected, *found)})
    told: dict[str, Any] = {}
    for label in labels:
        hits = hits_of(
            [b for b in expected if b.label == label], [b for b in found if b.label == label]
        )
        wanted = sum(b.label == label for b in expected)
        told[label] = [wanted, [[confidence, _bits(right)] for confidence, right in hits]]
    return json.dumps(told, separators=(",", ":"))


def _bits(right: Sequence[bool]) -> int:
    return sum(1 << at for at, yes in enumerate(right) if yes)


@dataclass(slots=True)
class _Label:
    """Found boxes of one label, the most confident first; boxes of one confidence share a group."""

    wanted: NDArray[np.float64]
    entry: NDArray[np.intp]
    group: NDArray[np.intp]
    bits: NDArray[np.intp]


def pooled(
    payloads: Sequence[str], counts: NDArray[Any], thresholds: int = len(THRESHOLDS)
) -> NDArray[np.float64]:
    """Return COCO's AP of each draw of images; NaN where a draw expects no box.

    The mean over labels that the draw expects, and over thresholds, of the best precision at or
    beyond each of 101 recalls. Boxes of equal confidence enter together, as no threshold tells
    them apart: so the figure does not depend on the order of the images. COCO's own code lets the
    earlier image go first; without equal confidences both agree.

    Args:
        payloads: of images, as `pack` makes them.
        counts: how often each image is part of each draw, shape (images, draws).
        thresholds: how many of `THRESHOLDS` count, from the first.
    """
    import numpy as np

    total, labels = np.zeros(counts.shape[1]), np.zeros(counts.shape[1])
    for label in _labels(tuple(payloads)):
        expects = np.flatnonzero(label.wanted)
        wanted = (counts[expects] * label.wanted[expects, None]).sum(axis=0)
        labels += wanted > 0
        total += _areas(label, counts, wanted.astype(np.intp), thresholds)
    with np.errstate(invalid="ignore"):  # nothing expected is NaN, as it should be
        return np.asarray(total / (labels * thresholds))


@lru_cache(maxsize=8)
def _labels(payloads: tuple[str, ...]) -> list[_Label]:
    """Return what images contribute by label; asked of the same images for block after block."""
    import numpy as np

    images: list[dict[str, Any]] = [json.loads(payload) for payload in payloads]
    names = sorted({name for image in images for name, (wanted, _) in image.items() if wanted})
    made = []
    for name in names:
        wanted = np.array([image.get(name, (0, ()))[0] for image in images], np.float64)
        boxes = [
            (-confidence, at, bits)
            for at, image in enumerate(images)
            for confidence, bits in image.get(name, (0, ()))[1]
        ]
        boxes.sort()
        _, group = np.unique([b[0] for b in boxes], return_inverse=True)
        entry, bits = (np.array([b[i] for b in boxes], np.intp) for i in (1, 2))
        made.append(_Label(wanted, entry, group.astype(np.intp), bits))
    return made


def _areas(
    label: _Label, counts: NDArray[Any], wanted: NDArray[np.intp], thresholds: int
) -> NDArray[np.float64]:
    """Return the sum over thresholds of the area of each draw; 0 where nothing is wanted."""
    import numpy as np

    areas = np.zeros(counts.shape[1])
    if not label.entry.size:
        return areas
    drawn = counts[label.entry].astype(np.int32)
    # Boxes of a group enter together: what holds at its last one holds for all of it.
    claimed = np.maximum(np.cumsum(drawn, axis=0)[_last(label.group)], 1)
    # How many of the 101 recalls are reached with so many right, by what is wanted.
    kinds, kind = np.unique(wanted, return_inverse=True)
    width = int(kinds[-1]) + 1
    reached = np.zeros((len(kinds), width), np.int32)
    for at, n in enumerate(kinds.tolist()):
        if n:
            reached[at, : n + 1] = _reached(n)
    offset = (kind * width).astype(np.int32)
    for threshold in range(thresholds):
        right = np.flatnonzero(label.bits >> threshold & 1)
        if not right.size:
            continue
        # Precision falls between right boxes: it is enough to look where there are some.
        group = label.group[right]
        last = _last(group)
        hits = np.cumsum(drawn[right], axis=0, dtype=np.int32)[last]
        best = hits / claimed[group[last]]
        np.maximum.accumulate(best[::-1], axis=0, out=best[::-1])
        points = reached.ravel().take(hits + offset)
        areas += np.einsum("ij,ij->j", best, np.diff(points, axis=0, prepend=0))
    return np.where(wanted > 0, areas / _POINTS, 0.0)


def _last(group: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the place of each group's last member; groups ascend."""
    import numpy as np

    return np.flatnonzero(np.diff(group, append=-1))


@lru_cache(maxsize=4096)
def _reached(wanted: int) -> NDArray[np.intp]:
    """Return how many of COCO's recalls are at most k / wanted, for k from 0 to wanted."""
    import numpy as np

    recalls = np.array([*(i * 0.01 for i in range(_POINTS - 1)), 1.0])
    return np.searchsorted(recalls, np.arange(wanted + 1) / wanted, side="right")
