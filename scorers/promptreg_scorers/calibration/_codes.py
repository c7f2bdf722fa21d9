"""Two facts of a trial in one number, for figures that are made of all trials at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Codes", "Decoded"]

_FAILED = 0.75
_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Decoded:
    """What codes stand for, one entry per trial.

    Attributes:
        kinds: the kind of scenario, from 0.
        places: from 0 to 1; of no meaning for failed trials.
        failed: whether the trial has no place.
        best: further trials of which nothing is known and which count as well as can be.
        worst: further trials of which nothing is known and which count as badly as can be.
    """

    kinds: NDArray[np.intp]
    places: NDArray[np.float64]
    failed: NDArray[np.bool_]
    best: int
    worst: int


class Codes:
    """Packs a kind of scenario and a place into a number strictly between 0 and 1.

    An aggregate is a function of one number per trial, and rows are swapped and drawn anew to test
    it, so the number must hold all it needs. 0 and 1 are kept for trials of which nothing is
    known: comparisons put the ends of the scale there.

    Args:
        kinds: how many kinds there are.
        higher_is_better: which end counts as best.
    """

    def __init__(self, kinds: int, *, higher_is_better: bool) -> None:
        self._kinds = kinds
        self._higher = higher_is_better

    def pack(self, kind: int, place: float | None) -> float:
        """Return the code of a kind and a place from 0 to 1; None: the trial has no place."""
        return (1 + kind + (_FAILED if place is None else place / 2)) / (self._kinds + 1)

    def by_row(self, values: NDArray[np.float64]) -> tuple[NDArray[np.intp], Decoded] | None:
        """Return the row of each entry that is not NaN, and what it stands for.

        None where there are trials of which nothing is known.

        Args:
            values: shape (rows, ...).
        """
        import numpy as np

        found = self.unpack(values)
        if found.best or found.worst:
            return None
        return np.nonzero(~np.isnan(values))[0], found

    def unpack(self, values: NDArray[np.float64]) -> Decoded:
        """Return what codes of any shape stand for; NaN entries are left out."""
        import numpy as np

        flat = values[~np.isnan(values)] * (self._kinds + 1) - 1
        whole = np.floor(flat + 1e-9)
        inside = (whole >= 0) & (whole < self._kinds)
        if inside.all():
            above = below = 0
        else:
            above, below = int((whole >= self._kinds).sum()), int((whole < 0).sum())
            flat, whole = flat[inside], whole[inside]
        rest = flat - whole
        best, worst = (above, below) if self._higher else (below, above)
        places = np.round(rest * 2, _DIGITS)
        return Decoded(whole.astype(np.intp), places, rest > 0.6, best, worst)
