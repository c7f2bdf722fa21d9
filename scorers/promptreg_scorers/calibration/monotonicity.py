"""Whether more severe scenarios get higher scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptreg import Scale, Scenario, Score, Scorer, Trial, Unscored
from promptreg_scorers._values import absent, at_worst, fields_of, number, shown, word
from promptreg_scorers.calibration._codes import Codes
from promptreg_scorers.calibration._concordance import concordance, concordances

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Monotonicity"]

ORDER = ("normal", "edge_case", "suspicious", "threat")


class Monotonicity(Scorer):
    """Chance that of two scenarios of different severity the more severe one scores higher.

    From 0 to 1, higher is better, 0.5 is what guessing gets; ties count half. Scenarios of the same
    severity are not compared with each other. It is no average over scenarios: a trial's value
    is a code of severity and score, and `aggregate` makes the figure from all of them: (D + 1) / 2
    with Somers' D of the score given the severity. The test swaps both versions within families
    and is exact (approximate for an A/B log); the interval is approximate.

    A failed trial is in the wrong order with every trial of another severity.

    Example: normal 10, suspicious 50, threat 40: 2 of 3 pairs are in order, 0.667.

    A score that is no number from 0 to `most` counts as a failed trial does. Does not apply to
    scenarios that have no severity. Unscored where it is none of `order`. Undefined, hence
    inconclusive, where all scenarios have the same severity.

    Args:
        field: the answer's field with the score.
        by: the property that tells the severity: a ground truth, an attribute or a column.
        order: its values, the least severe first.
        most: the field's largest value.
        name: the metric's name.
    """

    def __init__(
        self,
        field: str = "risk_score",
        by: str = "scenario_type",
        order: list[str] | None = None,
        most: float = 100.0,
        name: str = "monotonicity",
    ) -> None:
        values = list(ORDER) if order is None else [word(v) for v in order]
        if len(values) < 2 or len(set(values)) < len(values):
            raise ValueError(f"order is {values!r}; allowed: at least two values, each once")
        if not 0 < most < float("inf"):
            raise ValueError(f"most is {most:g}; allowed: a finite number above 0")
        self._field, self._by, self._most = field, by, most
        self._rank = {value: i for i, value in enumerate(values)}
        self._codes = Codes(len(values), higher_is_better=True)
        self.needs = (field,)
        self.scales = (Scale(name, "bounded", margin=0.03, statistic="aggregate"),)

    def applies(self, scenario: Scenario, scale: Scale) -> bool:
        """Return whether the scenario has a severity."""
        return self._severity(scenario) is not None

    def worst(self, scenario: Scenario, scale: Scale) -> float | None:
        """Return the code of a failed trial; nothing where the severity is unknown."""
        rank = self._rank.get(self._severity(scenario) or "")
        return None if rank is None else self._codes.pack(rank, None)

    def score(self, trial: Trial) -> Score | Unscored:
        """Return the code of severity and score; the note says them."""
        severity = self._severity(trial.scenario)
        rank = self._rank.get(severity or "")
        if rank is None:
            allowed = ", ".join(self._rank)
            return self.scales[0].unscored(f"{self._by} is {shown(severity)}; allowed: {allowed}")
        value = fields_of(trial).get(self._field)
        found = number(value)
        if found is None or not 0 <= found <= self._most:
            reason = f"{self._field} is {shown(value)}; allowed: a number 0 to {self._most:g}"
            return at_worst(self, self.scales[0], trial, reason)
        return Score(
            self.scales[0], self._codes.pack(rank, found / self._most), f"{severity}: {found:g}"
        )

    def aggregate(self, values: NDArray[np.float64]) -> float:
        """Return the share of ordered pairs for all codes of a version, any shape.

        NaN entries are left out. NaN where all trials have the same severity.
        """
        return concordance(self._codes, len(self._rank), values)

    def aggregate_many(
        self, values: NDArray[np.float64], counts: NDArray[np.uint8]
    ) -> NDArray[np.float64] | None:
        """Return the figure of draws in which each row of `values` is counted so often."""
        return concordances(self._codes, len(self._rank), values, counts)

    def _severity(self, scenario: Scenario) -> str | None:
        places = (scenario.ground_truth, scenario.attributes, scenario.variables)
        value = next((p[self._by] for p in places if self._by in p), None)
        return None if absent(value) else word(value)
