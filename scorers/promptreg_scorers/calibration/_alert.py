"""The probability an answer gives to an alert, and whether an alert was due."""

from __future__ import annotations

from promptreg import Scale, Scenario, Score, Scorer, Trial, Unscored
from promptreg_scorers._values import at_worst, fields_of, number, shown, truth, word

__all__ = ["Alert"]

_WORDS = {"true": True, "1": True, "false": False, "0": False}


class Alert:
    """Reads both sides of a calibration: what was foretold, and what was right.

    Args:
        field: the answer's field with a score or probability.
        certain: the field's value that means certainty: 100 for points, 1 for probabilities.
        truth: the ground-truth column that says whether an alert is due: true or false.

    Raises:
        ValueError: `certain` is not above 0.
    """

    def __init__(self, field: str, certain: float, truth: str) -> None:
        if not 0 < certain < float("inf"):
            raise ValueError(f"certain is {certain:g}; allowed: a finite number above 0")
        self.field = field
        self._certain = certain
        self._truth = truth

    def known(self, scenario: Scenario) -> bool:
        """Return whether the scenario says anything about alerts."""
        return truth(scenario, self._truth) is not None

    def due(self, scenario: Scenario) -> bool | None:
        """Return whether an alert is due; None where that cannot be read."""
        return _WORDS.get(word(scenario.ground_truth.get(self._truth)))

    def of(
        self, trial: Trial, scorer: Scorer, scale: Scale
    ) -> tuple[float, bool] | Score | Unscored:
        """Return the probability (0 to 1) and whether an alert was due.

        Where the answer holds no such number, the worst score of `scorer`; unscored where the
        ground truth is none.
        """
        due = self.due(trial.scenario)
        if due is None:
            known = trial.scenario.ground_truth.get(self._truth)
            return scale.unscored(f"{self._truth} is {shown(known)}; allowed: true, false")
        value = fields_of(trial).get(self.field)
        found = number(value)
        if found is None or not 0 <= found <= self._certain:
            reason = f"{self.field} is {shown(value)}; allowed: a number 0 to {self._certain:g}"
            return at_worst(scorer, scale, trial, reason)
        return found / self._certain, due
