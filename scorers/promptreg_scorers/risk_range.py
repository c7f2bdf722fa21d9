"""Whether, and how far from it, a risk score lies in the range that is known right."""

from __future__ import annotations

from typing import Any

from promptreg import Scale, Scenario, Score, Scorer, Trial, Unscored
from promptreg_scorers._values import at_worst, fields_of, number, shown, truth

__all__ = ["RiskRange"]

LOWEST, HIGHEST = 0.0, 100.0


class RiskRange(Scorer):
    """Risk score against the known range: hit (in_range) and distance in points (deviation).

    - `in_range`: 1 inside the range, ends included, else 0. Higher is better.
    - `deviation`: points from the nearest end of the range, 0 inside, at most 100. Lower is
      better. A failed trial counts as the farthest score from the range: max(low, 100 - high).

    Example: range [20, 60], score 65: `in_range` 0, `deviation` 5; a failed trial counts 40.

    A score that is no number from 0 to 100 counts as a failed trial does. Does not apply to
    scenarios without a range. Unscored where the range is not two numbers from 0 to 100, the first
    not above the second.

    Args:
        field: the answer's field that holds the score (points, 0-100).
        truth: the ground-truth column that holds the range, `[low, high]`.
        name: put before both metrics, as in `NAME.in_range`, where a suite scores two ranges.
    """

    breaks_down = True

    def __init__(
        self, field: str = "risk_score", truth: str = "risk_range", name: str = ""
    ) -> None:
        self._field = field
        self._truth = truth
        self.needs = (field,)
        prefix = f"{name}." if name else ""
        self._hit = Scale(f"{prefix}in_range", "binary", margin=0.05)
        self._distance = Scale(
            f"{prefix}deviation",
            "bounded",
            "points",
            0.0,
            HIGHEST - LOWEST,
            "lower_is_better",
            margin=3.0,
        )
        self.scales = (self._hit, self._distance)

    def applies(self, scenario: Scenario, scale: Scale) -> bool:
        """Return whether the scenario has a range."""
        return truth(scenario, self._truth) is not None

    def worst(self, scenario: Scenario, scale: Scale) -> float | None:
        """Return 0 for `in_range`, the largest possible distance for `deviation`."""
        ends = _range(truth(scenario, self._truth))
        if ends is None:
            return None
        if scale.kind == "binary":
            return 0.0
        return max(ends[0] - LOWEST, HIGHEST - ends[1])

    def score(self, trial: Trial) -> tuple[Score | Unscored, ...]:
        """Return hit and distance."""
        known = trial.scenario.ground_truth.get(self._truth)
        ends = _range(known)
        if ends is None:
            reason = f"{self._truth} is {shown(known)}; allowed: [low, high] within 0 to 100"
            return self._hit.unscored(reason), self._distance.unscored(reason)
        value = fields_of(trial).get(self._field)
        score = number(value)
        if score is None or not LOWEST <= score <= HIGHEST:
            reason = f"{self._field} is {shown(value)}; allowed: a number 0 to 100"
            return tuple(at_worst(self, scale, trial, reason) for scale in self.scales)
        low, high = ends
        distance = max(low - score, score - high, 0.0)
        return (
            Score(self._hit, 0.0 if distance else 1.0),
            Score(self._distance, distance),
        )


def _range(value: Any) -> tuple[float, float] | None:
    """Return the ends of a sound range."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        return None
    low, high = number(value[0]), number(value[1])
    if low is None or high is None or not LOWEST <= low <= high <= HIGHEST:
        return None
    return low, high
