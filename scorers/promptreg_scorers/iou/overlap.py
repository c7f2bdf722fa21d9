"""How much boxes overlap, and which found box stands for which expected one."""

from __future__ import annotations

from collections.abc import Sequence

from promptreg_scorers.iou.boxes import Box

__all__ = ["best_pairs", "overlap", "overlaps"]


def overlap(a: Box, b: Box) -> float:
    """Return intersection over union, 0 to 1; labels are not looked at."""
    width = min(a.right, b.right) - max(a.left, b.left)
    height = min(a.bottom, b.bottom) - max(a.top, b.top)
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return min(1.0, shared / (a.area + b.area - shared))


def overlaps(expected: Sequence[Box], found: Sequence[Box]) -> list[list[float]]:
    """Return the overlap of every expected (row) with every found box; 0 between labels."""
    return [[overlap(e, f) if e.label == f.label else 0.0 for f in found] for e in expected]


def best_pairs(table: Sequence[Sequence[float]], at_least: float = 0.0) -> list[float]:
    """Return the overlaps of the best one-to-one pairs, best as a whole.

    Only pairs that overlap, and by `at_least`, count. With `at_least` above 0 there are as many
    pairs as there can be, and among those choices the one with the largest sum is taken; with 0
    the sum alone decides.

    Args:
        table: overlap of every expected (row) with every found box.
        at_least: the smallest overlap of a pair.
    """
    allowed = [[v if v > 0 and v >= at_least else 0.0 for v in row] for row in table]
    pairs = [(i, k) for i, row in enumerate(allowed) for k, v in enumerate(row) if v]
    rows, columns = {i for i, _ in pairs}, {k for _, k in pairs}
    if len(rows) == len(columns) == len(pairs):  # nobody competes: nothing to decide
        return [allowed[i][k] for i, k in pairs]
    from scipy.optimize import linear_sum_assignment

    # A pair more outweighs any gain in overlap: sums of overlaps stay below this.
    bonus = float(min(len(rows), len(columns)) + 1) if at_least > 0 else 0.0
    weights = [[v + bonus if v else 0.0 for v in row] for row in allowed]
    chosen = zip(*linear_sum_assignment(weights, maximize=True), strict=True)
    return [allowed[i][k] for i, k in chosen if allowed[i][k]]
