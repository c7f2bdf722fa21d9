"""Whether there is an answer."""

from __future__ import annotations

from promptreg import Scale, Score, Scorer, Trial

__all__ = ["Answered"]


class Answered(Scorer):
    """1 for an answered trial, 0 for a failed one; the metric is the share of answered trials.

    Failed means: timed out, truncated, refused, empty, unparseable, invalid, or a service's
    stand-in. Infrastructure failures (no connection, server busy) are gaps. Higher is better.
    Never unscored. Every run has this metric, listed or not.

    Example: 98 answers, 1 refusal, 1 broken JSON: 0.98.
    """

    reads_answer = False

    def __init__(self) -> None:
        self.scales = (Scale("answered", "binary", margin=0.05),)

    def score(self, trial: Trial) -> Score:
        """Return 1 for an answered trial, else 0."""
        return Score(self.scales[0], 1.0 if trial.answered else 0.0)
