"""Scores that were measured elsewhere and came along with recorded completions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from promptreg import Scale, Score, Scorer, Trial, Unscored
from promptreg_scorers._values import metric_name

__all__ = ["Recorded"]


class Recorded(Scorer):
    """The column `score.NAME` of recorded completions, as it is.

    An empty cell in an answered trial is unscored; a failed trial counts as the worst end of the
    range whatever the cell holds, or is a gap where the range is open at that end. A value outside
    the range is unscored.

    Example: `name: helpfulness, kind: ordinal, range: [1, 4]`: the cell 3 scores 3, a failed trial
    counts 1.

    Args:
        name: the column's name without `score.`, and the metric's (in lower case, with `_` for
            what a metric's name cannot hold).
        kind: `binary`, `bounded`, `ordinal` or `count`.
        range: lowest and highest value; default: 0 to 1, for `count` 0 to infinity.
        unit: for people.
        direction: `higher_is_better` or `lower_is_better`.
        margin: the largest worsening accepted; default: 5% of the range, for `ordinal` a twelfth
            (0.25 for 1 to 4), none for `count`.
    """

    reads_answer = False

    def __init__(
        self,
        name: str,
        kind: Literal["binary", "bounded", "ordinal", "count"] = "bounded",
        range: Sequence[float] | None = None,  # noqa: A002 - the suite calls it so
        unit: str = "",
        direction: Literal["higher_is_better", "lower_is_better"] = "higher_is_better",
        margin: float | None = None,
    ) -> None:
        ends = [0.0, math.inf if kind == "count" else 1.0] if range is None else list(range)
        if len(ends) != 2 or not -math.inf < ends[0] < ends[1]:
            raise ValueError(f"range is {ends!r}; allowed: [low, high], low below high")
        low, high = float(ends[0]), float(ends[1])
        if kind != "count" and high == math.inf:
            raise ValueError(f"range is {ends!r}; only kind 'count' may be open-ended")
        if kind == "binary" and (low, high) != (0.0, 1.0):
            raise ValueError(f"range is {ends!r}; a binary score is 0 or 1")
        if margin is None and kind != "count":
            margin = (high - low) / (12 if kind == "ordinal" else 20)
        self._name = name
        self.scales = (Scale(metric_name(name), kind, unit, low, high, direction, margin),)

    def score(self, trial: Trial) -> Score | Unscored:
        """Return what was recorded."""
        scores = trial.completion.scores if trial.completion else {}
        value = scores.get(self._name)
        if value is None or value != value:  # an empty cell may be read as NaN
            return self.scales[0].unscored(f"score.{self._name} is empty")
        return self.scales[0].score(value)
