"""From what a model proposes to the answer: the confident ones, none twice, inside the picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

__all__ = ["Candidate", "Candidates", "answer_of"]

Candidate: TypeAlias = tuple[str, float, float, float, float, float]
"""Label, confidence 0 to 1, left, top, right, bottom in pixels of the picture."""
Candidates: TypeAlias = Sequence[Candidate]
_MOST = 300


def answer_of(
    candidates: Candidates, size: tuple[int, int], min_confidence: float, overlap: float
) -> dict[str, Any]:
    """Return the answer: detections, most confident first, boxes as `[x, y, width, height]`.

    Of boxes of one label that overlap by more than `overlap` only the most confident stays. A box
    that reaches beyond the picture ends at its edge, as there is nothing to see outside.
    """
    width, height = size
    kept: list[Candidate] = []
    ranked = sorted((c for c in candidates if c[1] >= min_confidence), key=lambda c: (-c[1], c[0]))
    for label, confidence, *ends in ranked:
        left, top = max(0.0, ends[0]), max(0.0, ends[1])
        right, bottom = min(float(width), ends[2]), min(float(height), ends[3])
        if not (left < right and top < bottom):
            continue
        one: Candidate = (label, confidence, left, top, right, bottom)
        if not any(k[0] == label and _overlap(k, one) > overlap for k in kept):
            kept.append(one)
        if len(kept) == _MOST:
            break
    return {
        "detections": [_told(c) for c in kept],
        "image_width": width,
        "image_height": height,
    }


def _told(candidate: Candidate) -> dict[str, Any]:
    label, confidence, *ends = candidate
    # Ends are rounded before sides are taken, so that no box grows beyond the edge.
    left, top, right, bottom = (round(float(e), 1) for e in ends)
    box = [left, top, round(right - left, 1), round(bottom - top, 1)]
    return {"label": label, "confidence": round(float(confidence), 4), "bbox": box}


def _overlap(a: Candidate, b: Candidate) -> float:
    wide = min(a[4], b[4]) - max(a[2], b[2])
    high = min(a[5], b[5]) - max(a[3], b[3])
    if wide <= 0 or high <= 0:
        return 0.0
    shared = wide * high
    areas = (a[4] - a[2]) * (a[5] - a[3]) + (b[4] - b[2]) * (b[5] - b[3])
    return shared / (areas - shared)
