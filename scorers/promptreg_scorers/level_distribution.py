"""How far the levels of a version's answers are from the shares expected."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from promptreg import Scale, Scenario, Score, Scorer, Trial, Unscored
from promptreg.records import ScoreColumn
from promptreg_scorers._draws import group_sums
from promptreg_scorers._prevalence import Prevalence
from promptreg_scorers._values import fields_of, shown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["LevelDistribution"]

EXPECTED: Mapping[str, float] = {"low": 0.80, "medium": 0.15, "high": 0.04, "critical": 0.01}
_SEED = 80_15_4_1
_DRAWS = 9999


class LevelDistribution(Scorer):
    """Total variation distance between the shares of levels and the shares expected, 0 to 1.

    The metric is no average: a trial's value is a code of its level's place among those expected
    (and of its scenario's kind), and `aggregate` turns all of a version into the distance: half
    the sum of |share - expected share|. A trial without a level (failed, or a level that is not
    expected) has the place behind the last: a share for which nothing is expected, so that failures
    never bring a version closer. Lower is better; the margin is in units of the distance.

    Example: 4 answers, all `low`, against 0.80/0.15/0.04/0.01: distance 0.2. With one of them
    failed: shares 0.75 low, 0.25 without: distance 0.25.

    Production shares describe production traffic; a suite that is stratified on purpose has
    others. `prevalence` says how often each kind of scenario happens in production; each kind then
    counts with that share, however many scenarios of it the suite has. A kind that happens and of
    which there is no scenario leaves the metric undefined, hence inconclusive.

    Example: of 10 normal scenarios 9 are `low` and 1 `medium`, of 10 threats all are `high`. With
    `prevalence: {scenario_type: {normal: 0.9, threat: 0.1}}`: 0.81 low, 0.09 medium, 0.10 high, so
    the distance is 0.07; without it 0.46.

    A description, no measure of quality: it is shown and accuses nobody unless the suite names it
    under `prove`. Beside it stand the Monte-Carlo multinomial p-value that each version's shares
    are those expected (made for levels of which about one is expected; scenarios count as
    independent), and Stuart and Maxwell's test, by flips of families, that the levels of both
    versions have the same shares.

    Unscored where `prevalence` does not know the scenario's kind.

    Args:
        expected: level to share, lowest level first; shares must add up to 1.
        field: the answer's field with the level.
        prevalence: a property of scenarios to its values' shares in production.
        name: the metric's name.
    """

    gates = False

    def __init__(
        self,
        expected: Mapping[str, float] | None = None,
        field: str = "risk_level",
        prevalence: Mapping[str, Mapping[str, float]] | None = None,
        name: str = "level_distribution",
    ) -> None:
        expected = EXPECTED if expected is None else expected
        shares = list(expected.values())
        if len(shares) < 2 or min(shares) < 0 or not math.isclose(sum(shares), 1, abs_tol=1e-6):
            raise ValueError(
                f"expected is {dict(expected)!r}; "
                "allowed: at least two levels, shares of at least 0 that add up to 1"
            )
        self._place = {level: i for i, level in enumerate(expected)}
        self._shares = [*shares, 0.0]
        self._prevalence = Prevalence(prevalence)
        self._cells = len(self._shares) * len(self._prevalence.weights)
        self._field = field
        self.needs = (field,)
        self.scales = (
            Scale(
                name, "bounded", direction="lower_is_better", margin=0.03, statistic="aggregate"
            ),
        )  # fmt: skip

    def worst(self, scenario: Scenario, scale: Scale) -> float | None:
        """Return the code of no level; nothing where the scenario's kind is not known."""
        stratum = self._prevalence.stratum(scenario)
        return None if isinstance(stratum, str) else self._code(stratum, len(self._shares) - 1)

    def score(self, trial: Trial) -> Score | Unscored:
        """Return the code of the answer's level; the note names one that is not expected."""
        stratum = self._prevalence.stratum(trial.scenario)
        if isinstance(stratum, str):
            return self.scales[0].unscored(stratum)
        level = fields_of(trial).get(self._field)
        place = self._place.get(level) if isinstance(level, str) else None
        if place is None:
            last = self._code(stratum, len(self._shares) - 1)
            return Score(self.scales[0], last, f"{shown(level)} is not expected")
        return Score(self.scales[0], self._code(stratum, place), str(level))

    def aggregate(self, values: NDArray[np.float64]) -> float:
        """Return the distance for all codes of a version, any shape; NaN entries are left out.

        NaN where nothing is left. Trials of which nothing is known take the levels that are
        lacking where they count in favour of a side.
        """
        import numpy as np

        table, free, lost = self._counts(values)
        sizes, weights = table.sum(axis=1), np.asarray(self._prevalence.weights)
        if lost or not (sizes[weights > 0] > 0).all():
            return math.nan
        within = table / np.maximum(sizes, 1)[:, None]
        known = sizes.sum() / (sizes.sum() + free)
        # The sum of what is too much is half the sum of all distances, as both add up to 1; and
        # trials of unknown level fill what is too little.
        return float(np.maximum(weights @ within * known - self._shares, 0.0).sum())

    def aggregate_many(
        self, values: NDArray[np.float64], counts: NDArray[np.uint8]
    ) -> NDArray[np.float64] | None:
        """Return the distances of draws in which each row of `values` is counted so often."""
        import numpy as np

        known = ~np.isnan(values)
        cells = self._cell(values[known])
        if ((cells < 0) | (cells >= self._cells)).any():
            return None  # trials of which nothing is known
        weights = np.asarray(self._prevalence.weights)
        drawn = group_sums(cells, self._cells, counts[np.nonzero(known)[0]])
        by_kind = drawn.reshape(len(weights), len(self._shares), -1)
        sizes = by_kind.sum(axis=1)
        within = by_kind / np.maximum(sizes, 1)[:, None]
        mixed = np.tensordot(weights, within, 1)
        shares = np.asarray(self._shares)[:, None]
        far = np.maximum(mixed - shares, 0.0).sum(axis=0)
        return np.where((sizes[weights > 0] > 0).all(axis=0), far, np.nan)

    def remarks(
        self, scale: Scale, baseline: ScoreColumn, candidate: ScoreColumn, families: Sequence[str]
    ) -> list[str]:
        """Return how well each version fits, and whether levels moved."""
        import numpy as np

        from promptreg import numbers
        from promptreg.stats.categories import fit_p, homogeneity

        before, after = self._rows(baseline.values), self._rows(candidate.values)
        known = ~np.isnan(before).any(axis=(1, 2)) & ~np.isnan(after).any(axis=(1, 2))
        if not known.any():
            return []
        before, after = before[known], after[known]
        expected, weights = np.asarray(self._shares), np.asarray(self._prevalence.weights)
        tables = before.sum(axis=0), after.sum(axis=0)
        if not (tables[0].sum(axis=1)[weights > 0] > 0).all():
            return []
        fits = [numbers.p_value(fit_p(t, weights, expected, seed=_SEED)) for t in tables]
        index = {name: i for i, name in enumerate(sorted(set(families)))}
        groups = np.array([index[name] for name in families], dtype=np.intp)[known]
        moved = homogeneity(before.sum(axis=1), after.sum(axis=1), groups, draws=_DRAWS, seed=_SEED)
        return [
            f"fits the expected shares: baseline p {fits[0]}, candidate p {fits[1]} "
            "(Monte-Carlo multinomial)",
            f"levels moved: p {numbers.p_value(moved.p_flips)} (Stuart-Maxwell "
            f"{moved.statistic:.1f}, df {moved.df}, by family flips)",
        ]

    def _code(self, stratum: int, place: int) -> float:
        return (1 + stratum * len(self._shares) + place) / (self._cells + 1)

    def _cell(self, values: NDArray[np.float64]) -> NDArray[np.intp]:
        import numpy as np

        return np.rint(values * (self._cells + 1)).astype(np.intp) - 1

    def _counts(self, values: NDArray[np.float64]) -> tuple[NDArray[np.intp], int, int]:
        """Return trials by stratum and place, and unknown ones: at their best, at their worst."""
        import numpy as np

        cells = self._cell(values[~np.isnan(values)])
        inside = cells[(cells >= 0) & (cells < self._cells)]
        table = np.bincount(inside, minlength=self._cells)
        shape = (len(self._prevalence.weights), len(self._shares))
        return table.reshape(shape), int((cells < 0).sum()), int((cells >= self._cells).sum())

    def _rows(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return each scenario's shares by stratum and place, mean over repeats; NaN for gaps."""
        import numpy as np

        known = ~np.isnan(values).any(axis=1)
        shape = (len(values), len(self._prevalence.weights), len(self._shares))
        rows = np.full((len(values), self._cells), np.nan)
        cells = self._cell(values[known])
        rows[known] = (cells[:, :, None] == np.arange(self._cells)).mean(axis=1)
        return rows.reshape(shape)
