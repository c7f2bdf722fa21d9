"""What goes into an unpaired analysis, and the one place where it is validated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from promptreg.stats.checks import Checked, check_all
from promptreg.stats.model import Floats, Kind, PairedScores, Statistic

__all__ = ["ArmScores", "Arms", "check_arms"]

Index = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class ArmScores:
    """One metric of both versions, each over the scenarios it answered and that it applies to.

    Attributes:
        name, kind, low, high, higher_is_better, margin, statistic, gating, aggregate: as in
            :class:`~promptreg.stats.model.PairedScores`.
        baseline: Scores of the baseline, shape ``(n,)`` or ``(n, R)``.
        candidate: Scores of the candidate, shape ``(m,)`` or ``(m, R)``.
        baseline_units: Unit of each of the baseline's scenarios, shape ``(n,)``: what was drawn
            for a version as a whole, from 0. All metrics of one call share the index.
        candidate_units: The same of the candidate, shape ``(m,)``.
    """

    name: str
    kind: Kind
    baseline: Floats
    candidate: Floats
    baseline_units: Index
    candidate_units: Index
    low: float
    high: float
    higher_is_better: bool
    margin: float
    statistic: Statistic = "mean"
    gating: bool = True
    aggregate: Callable[[NDArray[Any]], float] | None = None


@dataclass(frozen=True, slots=True)
class Arms:
    """A metric that is safe to compute with, rows in a fixed order.

    Attributes:
        metric: What the caller gave.
        before, after: The baseline's and the candidate's rows.
    """

    metric: ArmScores
    before: Checked
    after: Checked

    @property
    def n(self) -> int:
        """Number of scenarios, both sides together."""
        return self.before.n + self.after.n

    @property
    def sizes(self) -> tuple[int, int]:
        """Scenarios of the baseline and of the candidate."""
        return self.before.n, self.after.n

    @property
    def clusters(self) -> tuple[int, int]:
        """Units of the baseline and of the candidate."""
        return self.before.n_clusters, self.after.n_clusters

    @property
    def n_clusters(self) -> int:
        """Number of units, both sides together."""
        return sum(self.clusters)

    @property
    def repeats(self) -> int:
        """Number of repeats per scenario."""
        return self.before.repeats

    @property
    def singles(self) -> bool:
        """Whether every unit is one scenario."""
        return self.n == self.n_clusters

    @property
    def comparable(self) -> bool:
        """Whether both sides have the two units that a spread takes."""
        return min(self.clusters) >= 2

    def units(self) -> Index:
        """Return the unit of every scenario, the baseline's first."""
        return np.concatenate([self.before.families, self.after.families])

    def values(self) -> Floats:
        """Return every scenario's mean over its repeats, the baseline's first."""
        both = (self.before.baseline, self.after.baseline)
        return np.concatenate([side.mean(axis=1) for side in both])


def check_arms(metrics: Sequence[ArmScores], assigned: NDArray[np.bool_]) -> list[Arms]:
    """Validate metrics.

    Args:
        metrics: At most one per name.
        assigned: Whether each unit was drawn for the candidate, shape (units,).

    Raises:
        ValueError: Names the metric, what was found and what is allowed.
    """
    names = [metric.name for metric in metrics]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"metric {name!r} is given twice; names must differ")
    return [_check(metric, assigned) for metric in metrics]


def _check(metric: ArmScores, assigned: NDArray[np.bool_]) -> Arms:
    before, after = (
        _side(metric, values, units, len(assigned))
        for values, units in (
            (metric.baseline, metric.baseline_units),
            (metric.candidate, metric.candidate_units),
        )
    )
    if before.n and after.n and before.baseline.shape[1:] != after.baseline.shape[1:]:
        raise ValueError(
            f"metric {metric.name!r}: baseline has repeats {before.baseline.shape[1:]}, candidate "
            f"{after.baseline.shape[1:]}; both need the same"
        )
    for side, drawn, word in ((before, False, "baseline"), (after, True, "candidate")):
        odd = side.families[assigned[side.families] != drawn]
        if odd.size:
            raise ValueError(
                f"metric {metric.name!r}: unit {odd[0]} has scenarios of the {word}, and was "
                "drawn for the other version"
            )
    return Arms(metric, before, after)


def _side(metric: ArmScores, values: Floats, units: Index, n_units: int) -> Checked:
    """Return one side's rows, checked as paired scores are: the side against itself."""
    (checked,) = check_all(
        [
            PairedScores(
                name=metric.name,
                kind=metric.kind,
                baseline=values,
                candidate=values,
                families=units,
                low=metric.low,
                high=metric.high,
                higher_is_better=metric.higher_is_better,
                margin=metric.margin,
                statistic=metric.statistic,
                gating=metric.gating,
                aggregate=metric.aggregate,
            )
        ],
        n_families=n_units,
    )
    return checked
