"""Several looks at data with gaps: judged with the gaps in favour of either side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from promptreg.stats.model import PairedResult, PairedScores
from promptreg.stats.sequential.looks import LookByLook

__all__ = ["TwoWays"]


class TwoWays:
    """Keeps two tests, one per way to fill gaps; until the first gap they are one.

    Args:
        test: before its first look.
    """

    def __init__(self, test: LookByLook) -> None:
        self._baseline = test
        self._candidate: LookByLook | None = None
        self._before = test
        self._lines: Sequence[PairedScores] = ()
        self._found: dict[str, Sequence[PairedResult]] = {}

    @property
    def boundary(self) -> float | None:
        """What max |T| had to exceed at the last look, gaps favouring the baseline."""
        return self._baseline.boundary

    @property
    def results(self) -> tuple[Sequence[PairedResult], Sequence[PairedResult]]:
        """What the last look found, gaps favouring the baseline and the candidate."""
        return self._found["baseline"], self._found["candidate"]

    def look(self, favour: str, lines: Sequence[PairedScores]) -> list[PairedResult]:
        """Take a look at lines whose gaps favour a side: first `baseline`, then `candidate`."""
        if favour == "baseline":
            if self._candidate is None:
                self._before = self._baseline.copy()
            self._lines = lines
            found = self._baseline.look(lines)
        elif self._candidate is None and _same(self._lines, lines):
            found = list(self._found["baseline"])
        else:
            self._candidate = self._candidate or self._before
            found = self._candidate.look(lines)
        self._found[favour] = found
        return found


def _same(left: Sequence[PairedScores], right: Sequence[PairedScores]) -> bool:
    """Return whether the lines hold the same numbers."""
    return len(left) == len(right) and all(
        a.name == b.name
        and np.array_equal(a.baseline, b.baseline)
        and np.array_equal(a.candidate, b.candidate)
        and np.array_equal(a.families, b.families)
        for a, b in zip(left, right, strict=True)
    )
