"""Whether a field of the answer reaches a bound, on the scenarios where that matters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from promptreg import Scale, Scenario, Score, Scorer, Trial, Unscored
from promptreg_scorers._values import (
    at_worst,
    column_of,
    fields_of,
    metric_name,
    number,
    shown,
    truth,
)
from promptreg_scorers._where import Where

__all__ = ["Threshold"]


class Threshold(Scorer):
    """1 where a number of the answer meets a bound, else 0, on the scenarios selected.

    The metric is the share of trials that meet it: alerts that were due (`at_least: 60`, `where:
    {should_trigger_alert: true}`), or false alarms (`direction: lower_is_better`, `where: {label:
    benign}`).

    Example: `field: risk_score, at_least: 30`: score 30 gives 1, score 29 gives 0.

    Does not apply to scenarios that `where` leaves out, or that lack the ground truth of the
    bound. A field that is no number counts as a failed trial does. Unscored where the bound is
    none.

    Args:
        field: the answer's field.
        at_least: the bound from below, included: a number, or `{ground_truth: COLUMN}`.
        at_most: the bound from above, included; exactly one of both must be given.
        where: property (ground truth, attribute or column) to value or list of values.
        direction: `higher_is_better` where meeting the bound is good, else `lower_is_better`.
        failed: how a failed trial counts: `worst` (as the bad outcome of the direction) or
            `not_met` (as 0: what was not answered has raised no alarm).
        name: the metric's name; default: field and bound, as in `risk_score_at_least_30`.
    """

    def __init__(
        self,
        field: str,
        at_least: float | Mapping[str, str] | None = None,
        at_most: float | Mapping[str, str] | None = None,
        where: Mapping[str, Any] | None = None,
        direction: Literal["higher_is_better", "lower_is_better"] = "higher_is_better",
        failed: Literal["worst", "not_met"] = "worst",
        name: str = "",
    ) -> None:
        if (at_least is None) == (at_most is None):
            raise ValueError("needs exactly one of 'at_least' and 'at_most'")
        word = "at_most" if at_least is None else "at_least"
        bound = at_most if at_least is None else at_least
        self._field = field
        self._upper = at_least is None
        self._column = column_of(bound, word) if isinstance(bound, Mapping) else ""
        self._bound = None if self._column else number(bound)
        if not self._column and self._bound is None:
            raise ValueError(f"{word} is {bound!r}; allowed: a number, or {{ground_truth: COLUMN}}")
        self._where = Where(where)
        self._not_met = failed == "not_met"
        self.needs = (field,)
        end = self._column or f"{self._bound:g}"
        label = name or metric_name(f"{field}_{word}_{end}")
        self.scales = (Scale(label, "binary", direction=direction, margin=0.05),)

    def applies(self, scenario: Scenario, scale: Scale) -> bool:
        """Return whether the scenario is selected and has a bound."""
        if self._column and truth(scenario, self._column) is None:
            return False
        return self._where.selects(scenario)

    def worst(self, scenario: Scenario, scale: Scale) -> float | None:
        """Return what a failed trial counts as: the bad outcome, or 0 if `failed: not_met`."""
        return 0.0 if self._not_met else scale.worst

    def score(self, trial: Trial) -> Score | Unscored:
        """Return whether the bound is met."""
        value = fields_of(trial).get(self._field)
        found = number(value)
        if found is None:
            reason = f"{self._field} is {shown(value)}, no number"
            return at_worst(self, self.scales[0], trial, reason)
        bound = self._bound
        if bound is None:
            known = trial.scenario.ground_truth.get(self._column)
            bound = number(known)
            if bound is None:
                return self.scales[0].unscored(f"{self._column} is {shown(known)}, no number")
        met = found <= bound if self._upper else found >= bound
        return Score(self.scales[0], 1.0 if met else 0.0)
