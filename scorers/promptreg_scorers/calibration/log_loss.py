"""How surprising what was right is to the probability of an alert."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from promptreg import Scale, Scenario, Score, Scorer, Trial, Unscored
from promptreg.records import Outcome, ScoreColumn
from promptreg_scorers.calibration._alert import Alert

__all__ = ["LogLoss"]

_NEAR = 1e-12


class LogLoss(Scorer):
    """Log loss of the alert's probability, nats: -ln of the probability given to what was right.

    The probability is the risk score divided by 100, unless `field` and `certain` say otherwise.
    Lower is better; always saying 50 % gives 0.693. It punishes sure mistakes far more than `brier`
    does: without a bound one score of 0 where an alert is due would be infinitely bad. So a
    probability counts as at least `bound` and at most 1 - `bound`; how often that happened stands
    in every report, beside the metric. The default 0.005 is half a point of a score from 0 to 100.
    Between the bounds it is a proper score (Good 1952, JRSS B 14:107-114). A failed trial counts
    -ln(bound), which is the worst value.

    Example: score 80: 0.223 where an alert is due, 1.609 where none is; score 0 where an alert is
    due: 5.298 with the default bound.

    A field that is no number from 0 to `certain` counts as a failed trial does. Does not apply to
    scenarios without the ground truth. Unscored where that is neither true nor false.

    Args:
        field: the answer's field with the score or probability.
        certain: the field's value that means certainty; 1 where it holds a probability.
        truth: the ground-truth column that says whether an alert is due.
        bound: the smallest probability that counts, above 0 and below 0.5.
        name: the metric's name.
    """

    def __init__(
        self,
        field: str = "risk_score",
        certain: float = 100.0,
        truth: str = "should_trigger_alert",
        bound: float = 0.005,
        name: str = "log_loss",
    ) -> None:
        if not 0 < bound < 0.5:
            raise ValueError(f"bound is {bound:g}; allowed: above 0, below 0.5")
        self._alert = Alert(field, certain, truth)
        self._bound = bound
        self.needs = (field,)
        self.scales = (
            Scale(
                name, "bounded", "nats", 0.0, -math.log(bound), "lower_is_better", margin=0.05
            ),
        )  # fmt: skip

    def applies(self, scenario: Scenario, scale: Scale) -> bool:
        """Return whether it is known if an alert is due."""
        return self._alert.known(scenario)

    def worst(self, scenario: Scenario, scale: Scale) -> float | None:
        """Return -ln(bound); nothing where the ground truth cannot be read."""
        return None if self._alert.due(scenario) is None else scale.worst

    def score(self, trial: Trial) -> Score | Unscored:
        """Return the loss; the note says where the bound counted."""
        found = self._alert.of(trial, self, self.scales[0])
        if not isinstance(found, tuple):
            return found
        probability, due = found
        given = probability if due else 1.0 - probability
        counted = min(max(given, self._bound), 1.0 - self._bound)
        note = "" if counted == given else f"probability {given:g} counts as {counted:g}"
        return Score(self.scales[0], -math.log(counted), note)

    def remarks(
        self, scale: Scale, baseline: ScoreColumn, candidate: ScoreColumn, families: Sequence[str]
    ) -> list[str]:
        """Return how many probabilities lay at or beyond the bounds."""
        before, after = self._bounded(baseline), self._bounded(candidate)
        if not before and not after:
            return []
        low, high = f"{self._bound:g}", f"{1 - self._bound:g}"
        return [
            f"probabilities beyond {low} to {high} count as these: "
            f"{before} in the baseline, {after} in the candidate"
        ]

    def _bounded(self, column: ScoreColumn) -> int:
        found: Any = column.values[column.outcomes == Outcome.SCORED]
        ends = (-math.log(self._bound), -math.log(1.0 - self._bound))
        return int(((found >= ends[0] - _NEAR) | (found <= ends[1] + _NEAR)).sum())
