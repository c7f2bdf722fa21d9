"""What a group of trials contributes to the metrics, as columns and as bytes to hash."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from promptreg.errors import StoreError
from promptreg.records import Outcome, Score, Unscored

if TYPE_CHECKING:
    from promptreg.store.arrow import Column

__all__ = ["Contribution", "ScoreMatrix"]

Contribution = tuple[float | None, Outcome]
"""The score, or what a failed trial counts as, or None; and which of these it is."""


class ScoreMatrix:
    """Contributions of trials (rows) to metrics (columns).

    Args:
        metrics: names.
        contributions: per trial, one for each metric.
        scores: per trial, the scores by metric, for the reasons of those that are missing.
        ids: per trial, the scenario, for messages.
        payloads: metrics whose scores carry one.

    Raises:
        StoreError: a value and its outcome disagree.
    """

    def __init__(
        self,
        metrics: Sequence[str],
        contributions: Sequence[Sequence[Contribution]],
        scores: Sequence[Mapping[str, Score | Unscored]],
        ids: Sequence[str],
        payloads: Collection[str] = (),
    ) -> None:
        import numpy as np

        self._metrics = metrics
        self._payloads = payloads
        self._scores = scores
        shape = (len(contributions), len(metrics))
        # None becomes NaN, which is no value here either.
        values = np.array([v for row in contributions for v, _ in row], np.float64).reshape(shape)
        codes = np.array([c for row in contributions for _, c in row], np.uint8).reshape(shape)
        known, self._scored = np.isfinite(values), codes == Outcome.SCORED
        failed = codes == Outcome.FAILED
        wrong = np.argwhere((self._scored & ~known) | (~self._scored & ~failed & known))
        if wrong.size:
            row, at = wrong[0].tolist()
            value, outcome = contributions[row][at]
            raise StoreError(
                f"metric {metrics[at]!r} of scenario {ids[row]!r} is {value!r} with the outcome "
                f"{Outcome(outcome).name}; allowed: a finite number where scored, none for a gap "
                "or where the metric does not apply"
            )
        values[~known] = np.nan
        self._values, self._codes, self._worst = values, codes, failed & known

    def content(self) -> list[bytes]:
        """Return the contributions of each trial as bytes."""
        values, codes = self._values.tobytes(), self._codes.tobytes()
        width = len(self._metrics)
        return [
            values[8 * width * row : 8 * width * (row + 1)] + codes[width * row : width * (row + 1)]
            for row in range(len(self._values))
        ]

    def columns(self) -> list[Column]:
        """Return `score`, `worst`, `outcome`, `reason` and `payload`, if any, of each metric."""
        import numpy as np

        from promptreg.store.arrow import masked_floats, small_codes, text_column

        reasons: list[list[str | None]] = [[None] * len(self._scores) for _ in self._metrics]
        for row, at in np.argwhere(~self._scored).tolist():
            score = self._scores[row].get(self._metrics[at])
            if isinstance(score, Unscored):
                reasons[at][row] = score.reason
        columns: list[Column] = []
        for at in range(len(self._metrics)):
            values = self._values[:, at]
            columns += [
                masked_floats(values, self._scored[:, at]),
                masked_floats(values, self._worst[:, at]),
                small_codes(self._codes[:, at]),
                text_column(reasons[at]),
            ]
            if self._metrics[at] in self._payloads:
                columns.append(text_column(self._carried(self._metrics[at])))
        return columns

    def _carried(self, metric: str) -> list[str | None]:
        found = [scores.get(metric) for scores in self._scores]
        return [score.payload if isinstance(score, Score) else None for score in found]
