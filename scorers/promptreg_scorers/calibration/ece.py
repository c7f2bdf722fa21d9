"""How far stated probabilities are from what came true, bin by bin."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from promptreg import Scale, Scenario, Score, Scorer, Trial, Unscored
from promptreg_scorers._draws import group_sums
from promptreg_scorers.calibration._alert import Alert
from promptreg_scorers.calibration._codes import Codes, Decoded

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Ece"]

_EDGE = 1e-7
"""Probabilities come out of codes to nine digits."""


class Ece(Scorer):
    """Expected calibration error of the alert's probability, 0 to 1; lower is better.

    Probabilities fall into `bins` of equal width, a probability on an edge into the upper one. In
    each bin the mean probability is compared with the share of alerts that were due; the metric is
    the mean of these distances, weighted by trials (Naeini et al. 2015, AAAI, 2901-2907). It is no
    average over scenarios: a trial's value is a code of both facts, and `aggregate` makes the
    figure from all of them.

    It is **biased upwards**: a perfectly calibrated model does not get 0, as the share in a small
    bin differs from its expectation by chance. With probabilities spread evenly that is about 0.10
    for 100 trials and 0.05 for 400. Two versions on the same scenarios share most of the bias, so
    their difference says more than either figure. Hence it is shown and accuses nobody unless the
    suite names it under `prove` or `guard`; `brier` and `log_loss` are the scores to gate on. The
    test swaps both versions within families and is exact (for an A/B log it is approximate, and
    silent where the sides have very different numbers of events); the interval is approximate.

    A failed trial counts as a sure mistake: probability 1 where no alert is due, 0 where one is.

    Example: scores 10, 10 without alert, 90 with, 90 without: (2 * 0.1 + 2 * 0.4) / 4 = 0.25.

    A field that is no number from 0 to `certain` counts as a failed trial does. Does not apply to
    scenarios without the ground truth. Unscored where that is neither true nor false.

    Args:
        field: the answer's field with the score or probability.
        certain: the field's value that means certainty; 1 where it holds a probability.
        truth: the ground-truth column that says whether an alert is due.
        bins: how many, 2 to 100.
        name: the metric's name.
    """

    gates = False

    def __init__(
        self,
        field: str = "risk_score",
        certain: float = 100.0,
        truth: str = "should_trigger_alert",
        bins: int = 10,
        name: str = "ece",
    ) -> None:
        if not 2 <= bins <= 100:
            raise ValueError(f"bins is {bins}; allowed: 2 to 100")
        self._alert = Alert(field, certain, truth)
        self._bins = bins
        self._codes = Codes(2, higher_is_better=False)
        self.needs = (field,)
        self.scales = (
            Scale(
                name, "bounded", direction="lower_is_better", margin=0.03, statistic="aggregate"
            ),
        )  # fmt: skip

    def applies(self, scenario: Scenario, scale: Scale) -> bool:
        """Return whether it is known if an alert is due."""
        return self._alert.known(scenario)

    def worst(self, scenario: Scenario, scale: Scale) -> float | None:
        """Return the code of a sure mistake; nothing where the ground truth cannot be read."""
        due = self._alert.due(scenario)
        return None if due is None else self._codes.pack(int(due), 0.0 if due else 1.0)

    def score(self, trial: Trial) -> Score | Unscored:
        """Return the code of probability and truth; the note says them."""
        found = self._alert.of(trial, self, self.scales[0])
        if not isinstance(found, tuple):
            return found
        probability, due = found
        note = f"probability {probability:g}, alert {'due' if due else 'not due'}"
        return Score(self.scales[0], self._codes.pack(int(due), probability), note)

    def aggregate(self, values: NDArray[np.float64]) -> float:
        """Return the error for all codes of a version, any shape; NaN entries are left out.

        NaN where nothing is left. A trial of which nothing is known counts as calibrated where it
        is to count in favour of a side.
        """
        import numpy as np

        found = self._codes.unpack(values)
        count = found.kinds.size + found.best
        if found.worst or not count:  # of those not even what a mistake would be is known
            return math.nan
        gaps = np.bincount(self._bin(found), weights=found.kinds - found.places)
        return float(np.abs(gaps).sum() / count)

    def aggregate_many(
        self, values: NDArray[np.float64], counts: NDArray[np.uint8]
    ) -> NDArray[np.float64] | None:
        """Return the errors of draws in which each row of `values` is counted so often."""
        import numpy as np

        known = self._codes.by_row(values)
        if known is None:
            return None
        rows, found = known
        drawn = counts[rows]
        gaps = group_sums(self._bin(found), self._bins, drawn, found.kinds - found.places)
        with np.errstate(invalid="ignore"):  # nothing of nothing is NaN, as it should be
            return np.asarray(np.abs(gaps).sum(axis=0) / drawn.sum(axis=0, dtype=np.float64))

    def curve(self, scale: Scale, values: NDArray[np.float64]) -> list[tuple[float, float, int]]:
        """Return (mean probability, share of alerts due, trials) of each bin that holds any."""
        import numpy as np

        found = self._codes.unpack(values)
        at = self._bin(found)
        counts = np.bincount(at, minlength=self._bins)
        stated = np.bincount(at, weights=found.places, minlength=self._bins)
        due = np.bincount(at, weights=found.kinds, minlength=self._bins)
        return [
            (float(stated[b] / n), float(due[b] / n), n) for b, n in enumerate(counts.tolist()) if n
        ]

    def _bin(self, found: Decoded) -> NDArray[np.intp]:
        import numpy as np

        at = (found.places * self._bins + _EDGE).astype(np.intp)
        return np.minimum(at, self._bins - 1)
