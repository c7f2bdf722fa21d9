"""One number from 0 to 1 for each trial: the mean of blocks of scores."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from promptreg.stats.model import Floats


@dataclass(frozen=True, slots=True)
class Unit:
    """One score that enters the composite.

    Attributes:
        values: Shape (n, R); NaN where the score does not apply. A failed trial carries the
            worst value, not NaN.
        low: Smallest possible score.
        high: Largest possible score.
        higher_is_better: Direction.
        worst: What maps to 0: a number, or one per scenario, shape (n,) (the worst deviation
            from a range depends on the range); ``None``: the bad end of [low, high].
    """

    values: Floats
    low: float
    high: float
    higher_is_better: bool
    worst: float | Floats | None = None

    def mapped(self) -> Floats:
        """Return the values mapped linearly so that worst is 0 and best is 1; NaN stays."""
        best, bad = (self.high, self.low) if self.higher_is_better else (self.low, self.high)
        bottom = np.asarray(bad if self.worst is None else self.worst, dtype=np.float64)
        if not (math.isfinite(best) and bool(np.all(np.isfinite(bottom)))):
            raise ValueError(f"a composite needs finite best and worst, not {best} and {bottom}")
        if bottom.ndim:
            bottom = bottom[:, None]
        span = best - bottom
        # Where the worst equals the best, no value can be bad.
        scaled = (self.values - bottom) / np.where(span == 0, 1.0, span)
        mapped: Floats = np.clip(np.where(span == 0, 1.0, scaled), 0.0, 1.0)
        return np.where(np.isnan(self.values), np.nan, mapped)


def composite(
    blocks: Mapping[str, Sequence[Unit]], weights: Mapping[str, float] | None = None
) -> Floats:
    """Return the weighted mean of blocks, each the mean of its members, shape (n, R).

    A member that does not apply in a trial drops out of its block there; a block without any
    member drops out of the mean and the weights of the others are scaled up to 1. A trial in
    which nothing applies is NaN. Both versions drop the same members as long as applicability
    is a property of the scenario, so a composite stays comparable.

    Args:
        blocks: Name to members.
        weights: Name to weight, not negative; ``None``: equal weights.

    Raises:
        ValueError: No block, no member, shapes or weights that do not fit.
    """
    if not blocks or not all(blocks.values()):
        raise ValueError("a composite needs at least one block, and every block one member")
    used = dict.fromkeys(blocks, 1.0) if weights is None else dict(weights)
    if set(used) != set(blocks):
        raise ValueError(f"weights are for {sorted(used)}, blocks are {sorted(blocks)}")
    if not all(0 <= w < math.inf for w in used.values()) or sum(used.values()) <= 0:
        raise ValueError(f"weights must be at least 0 and not all 0: {used}")
    shapes = {unit.values.shape for members in blocks.values() for unit in members}
    if len(shapes) > 1 or any(len(shape) != 2 for shape in shapes):
        raise ValueError(f"all members need one common shape (n, R), not {sorted(shapes)}")
    means = np.stack([_mean([u.mapped() for u in members]) for members in blocks.values()])
    share = np.array([used[name] for name in blocks])[:, None, None]
    present = np.where(np.isnan(means), 0.0, share)
    total = present.sum(axis=0)
    summed = (present * np.where(np.isnan(means), 0.0, means)).sum(axis=0)
    return np.where(total > 0, summed / np.where(total > 0, total, 1.0), np.nan)


def _mean(members: Sequence[Floats]) -> Floats:
    """Return the mean over members, ignoring NaN, without a warning where all are NaN."""
    stack = np.stack(members)
    known = ~np.isnan(stack)
    count = known.sum(axis=0)
    total = np.where(known, stack, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
