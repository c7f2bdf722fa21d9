"""How far the probability of an alert is from what was right, squared."""

from __future__ import annotations

from promptreg import Scale, Scenario, Score, Scorer, Trial, Unscored
from promptreg_scorers.calibration._alert import Alert

__all__ = ["Brier"]


class Brier(Scorer):
    """Brier score of the alert's probability: (p - 1)^2 where one is due, else p^2; 0 to 1.

    The probability is the risk score divided by 100, unless `field` and `certain` say otherwise.
    A proper score: whoever states what it believes does best (Brier 1950, Monthly Weather Review
    78:1-3). Lower is better; always saying 50 % gives 0.25. A failed trial counts 1.

    Example: score 80: 0.04 where an alert is due, 0.64 where none is.

    A field that is no number from 0 to `certain` counts as a failed trial does. Does not apply to
    scenarios without the ground truth. Unscored where that is neither true nor false.

    Args:
        field: the answer's field with the score or probability.
        certain: the field's value that means certainty; 1 where it holds a probability.
        truth: the ground-truth column that says whether an alert is due.
        name: the metric's name.
    """

    def __init__(
        self,
        field: str = "risk_score",
        certain: float = 100.0,
        truth: str = "should_trigger_alert",
        name: str = "brier",
    ) -> None:
        self._alert = Alert(field, certain, truth)
        self.needs = (field,)
        self.scales = (Scale(name, "bounded", direction="lower_is_better", margin=0.02),)

    def applies(self, scenario: Scenario, scale: Scale) -> bool:
        """Return whether it is known if an alert is due."""
        return self._alert.known(scenario)

    def worst(self, scenario: Scenario, scale: Scale) -> float | None:
        """Return 1; nothing where the ground truth cannot be read."""
        return None if self._alert.due(scenario) is None else 1.0

    def score(self, trial: Trial) -> Score | Unscored:
        """Return the squared distance."""
        found = self._alert.of(trial, self, self.scales[0])
        if not isinstance(found, tuple):
            return found
        probability, due = found
        return Score(self.scales[0], (probability - due) ** 2)
