"""Whether scores tell scenarios that call for an alert from those that do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptreg import Scale, Scenario, Score, Scorer, Trial, Unscored
from promptreg_scorers.calibration._alert import Alert
from promptreg_scorers.calibration._codes import Codes
from promptreg_scorers.calibration._concordance import concordance, concordances

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Auroc"]


class Auroc(Scorer):
    """Area under the ROC curve: chance that an alert that is due scores above one that is not.

    From 0 to 1, higher is better, 0.5 is what guessing gets; ties count half. It asks only for the
    order of scores, not for their size: whatever threshold is set, can it work? It is no average
    over scenarios: a trial's value is a code of score and truth, and `aggregate` makes the figure
    from all of them. The test swaps both versions within families and is exact (approximate for an
    A/B log); the interval is approximate.

    A failed trial is in the wrong order with every trial of the other kind.

    Example: scores 10 and 40 where no alert is due, 40 and 90 where one is: 3.5 of 4 pairs, 0.875.

    A field that is no number from 0 to `certain` counts as a failed trial does. Does not apply to
    scenarios without the ground truth. Unscored where that is neither true nor false. Undefined,
    hence inconclusive, where all scenarios are of one kind.

    Args:
        field: the answer's field with the score or probability.
        certain: the field's largest value.
        truth: the ground-truth column that says whether an alert is due.
        name: the metric's name.
    """

    def __init__(
        self,
        field: str = "risk_score",
        certain: float = 100.0,
        truth: str = "should_trigger_alert",
        name: str = "auroc",
    ) -> None:
        self._alert = Alert(field, certain, truth)
        self._codes = Codes(2, higher_is_better=True)
        self.needs = (field,)
        self.scales = (Scale(name, "bounded", margin=0.03, statistic="aggregate"),)

    def applies(self, scenario: Scenario, scale: Scale) -> bool:
        """Return whether it is known if an alert is due."""
        return self._alert.known(scenario)

    def worst(self, scenario: Scenario, scale: Scale) -> float | None:
        """Return the code of a failed trial; nothing where the ground truth cannot be read."""
        due = self._alert.due(scenario)
        return None if due is None else self._codes.pack(int(due), None)

    def score(self, trial: Trial) -> Score | Unscored:
        """Return the code of score and truth; the note says them."""
        found = self._alert.of(trial, self, self.scales[0])
        if not isinstance(found, tuple):
            return found
        place, due = found
        note = f"{place:g} of 1, alert {'due' if due else 'not due'}"
        return Score(self.scales[0], self._codes.pack(int(due), place), note)

    def aggregate(self, values: NDArray[np.float64]) -> float:
        """Return the area for all codes of a version, any shape; NaN entries are left out.

        NaN where one of the two kinds is missing.
        """
        return concordance(self._codes, 2, values)

    def aggregate_many(
        self, values: NDArray[np.float64], counts: NDArray[np.uint8]
    ) -> NDArray[np.float64] | None:
        """Return the figure of draws in which each row of `values` is counted so often."""
        return concordances(self._codes, 2, values, counts)
