"""How far the levels of a version's answers are from the shares expected."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from promptreg import Scale, Score, Scorer, Trial
from promptreg_scorers._values import fields_of, shown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["LevelDistribution"]

EXPECTED: Mapping[str, float] = {"low": 0.80, "medium": 0.15, "high": 0.04, "critical": 0.01}


class LevelDistribution(Scorer):
    """Total variation distance between the shares of levels and the shares expected, 0 to 1.

    The metric is no average: each trial contributes the place of its level among those expected (0
    for the first), and `aggregate` turns all places of a version into the distance: half the sum
    of |share - expected share|. A trial without a level (failed, or a level that is not expected)
    has the place behind the last: a share for which nothing is expected, so that failures never
    bring a version closer. Lower is better; the margin is in units of the distance.

    Example: 4 answers, all `low`, against 0.80/0.15/0.04/0.01: distance 0.2. With one of them
    failed: shares 0.75 low, 0.25 without: distance 0.25.

    Production shares describe production traffic: a suite that is stratified on purpose has others.
    Never unscored. The distance does not weight scenarios.

    Args:
        expected: level to share, lowest level first; shares must add up to 1.
        field: the answer's field with the level.
        name: the metric's name.
    """

    def __init__(
        self,
        expected: Mapping[str, float] | None = None,
        field: str = "risk_level",
        name: str = "level_distribution",
    ) -> None:
        expected = EXPECTED if expected is None else expected
        shares = list(expected.values())
        if len(shares) < 2 or min(shares) < 0 or not math.isclose(sum(shares), 1, abs_tol=1e-6):
            raise ValueError(
                f"expected is {dict(expected)!r}; "
                "allowed: at least two levels, shares of at least 0 that add up to 1"
            )
        self._place = {level: float(i) for i, level in enumerate(expected)}
        self._shares = [*shares, 0.0]
        self._field = field
        self.needs = (field,)
        scale = Scale(
            name,
            "ordinal",
            "",
            0.0,
            float(len(shares)),
            "lower_is_better",
            margin=0.03,
            statistic="aggregate",
        )
        self.scales = (scale,)

    def score(self, trial: Trial) -> Score:
        """Return the place of the answer's level."""
        level = fields_of(trial).get(self._field)
        place = self._place.get(level) if isinstance(level, str) else None
        if place is None:
            return Score(self.scales[0], self.scales[0].high, f"{shown(level)} is not expected")
        return Score(self.scales[0], place)

    def aggregate(self, values: NDArray[np.float64]) -> float:
        """Return the distance for all places of a version, any shape; NaN entries are left out.

        NaN where nothing is left.
        """
        import numpy as np

        places = values[~np.isnan(values)].astype(np.intp)
        if not places.size:
            return math.nan
        counts = np.bincount(places, minlength=len(self._shares))
        return float(np.abs(counts / places.size - self._shares).sum() / 2)
