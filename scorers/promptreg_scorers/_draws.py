"""Sums by group for many draws at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["group_sums"]


def group_sums(
    group: NDArray[np.intp],
    groups: int,
    drawn: NDArray[np.integer | np.floating],
    weights: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Return the sum of counts, each times its entry's weight, shape (groups, draws).

    No matrix product: one as small as this keeps all cores spinning for what one does faster.

    Args:
        group: group of each entry, shape (entries,), from 0.
        groups: how many there are; an empty one sums to 0.
        drawn: how often each entry is part of each draw, shape (entries, draws).
        weights: of entries; default 1.
    """
    import numpy as np

    sums = np.zeros((groups, drawn.shape[1]))
    if group.size:
        order = np.argsort(group, kind="stable")
        present, starts = np.unique(group[order], return_index=True)
        sorted_ = drawn[order].astype(np.float64)
        if weights is not None:
            sorted_ *= weights[order][:, None]
        sums[present] = np.add.reduceat(sorted_, starts, axis=0)
    return sums
