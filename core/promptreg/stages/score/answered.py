"""The one metric that every run has: whether there is an answer."""

from __future__ import annotations

from promptreg.protocols import Scorer
from promptreg.records import Scale, Score, Trial

__all__ = ["Answered"]


class Answered(Scorer):
    """1 for an answered trial; a failed one counts as 0, an infrastructure failure is a gap."""

    reads_answer = False

    def __init__(self) -> None:
        self.scales = (Scale("answered", "binary", margin=0.05),)

    def score(self, trial: Trial) -> Score:
        """Return 1; failed trials are not asked about."""
        return self.scales[0].score(1.0)
