"""How often the scenario that deserves the higher score gets it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from promptreg_scorers._draws import group_sums
from promptreg_scorers.calibration._codes import Codes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["concordance", "concordances"]


def concordance(codes: Codes, kinds: int, values: NDArray[np.float64]) -> float:
    """Return the share of pairs of trials of different kinds that scores put in the right order.

    Kinds ascend. Ties count half; a failed trial is in the wrong order with every other. Trials
    of which nothing is known are in the right order with all, and are of those kinds that make
    most pairs. NaN where there is no pair, or a trial of an unknown kind is to count as failed.

    With two kinds this is the area under the ROC curve (Hanley & McNeil 1982, Radiology 143:29-36);
    in general it is (D + 1) / 2 for Somers' D of the score given the kind (Somers 1962, American
    Sociological Review 27:799-811).
    """
    import numpy as np

    found = codes.unpack(values)
    sizes = np.bincount(found.kinds, minlength=kinds)
    if found.worst or np.count_nonzero(sizes) < 2:
        return math.nan
    total = _pairs(sizes)
    _, places = np.unique(found.places[~found.failed], return_inverse=True)
    width = int(places.max()) + 1 if places.size else 1
    at = found.kinds[~found.failed] * width + places
    table = np.bincount(at, minlength=kinds * width).reshape(kinds, width).astype(np.float64)
    below = np.cumsum(table, axis=1) - table / 2
    right = float(np.tril(table @ below.T, -1).sum())
    wrong = total - right
    for _ in range(found.best):
        present = np.flatnonzero(sizes)
        sizes[present[np.argmin(sizes[present])]] += 1
    return 1.0 - wrong / _pairs(sizes)


def concordances(
    codes: Codes, kinds: int, values: NDArray[np.float64], counts: NDArray[np.uint8]
) -> NDArray[np.float64] | None:
    """Return `concordance` of several draws; None where trials are there of which nothing is known.

    Args:
        codes: how values are packed.
        kinds: how many kinds there are.
        values: shape (rows, ...).
        counts: how often each row is part of each draw, shape (rows, draws).
    """
    import numpy as np

    known = codes.by_row(values)
    if known is None:
        return None
    rows, found = known
    draws = counts.shape[1]
    sizes, right = np.zeros((kinds, draws)), np.zeros(draws)
    places = np.unique(found.places[~found.failed])
    # By place, all lower kinds at once: how many trials of a lower kind lie below, ties half.
    below = np.zeros((len(places), draws))
    for kind in range(kinds):
        mine = found.kinds == kind
        sizes[kind] = counts[rows[mine]].sum(axis=0, dtype=np.float64)
        mine &= ~found.failed
        at = np.searchsorted(places, found.places[mine])
        table = group_sums(at, len(places), counts[rows[mine]])
        if kind:
            right += (table * below).sum(axis=0)
        if kind + 1 < kinds:
            below += np.cumsum(table, axis=0) - table / 2
    total = sizes.sum(axis=0)
    pairs = (total * total - (sizes * sizes).sum(axis=0)) / 2
    with np.errstate(invalid="ignore"):  # no pair is NaN, as it should be
        return np.asarray(1.0 - (pairs - right) / pairs)


def _pairs(sizes: NDArray[np.intp]) -> float:
    count = float(sizes.sum())
    return (count * count - float((sizes.astype(float) ** 2).sum())) / 2
