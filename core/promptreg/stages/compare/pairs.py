"""Two runs of one template side by side, and the numbers in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from promptreg.policy import OVERALL, Policy
from promptreg.records import Outcome, Run, Scale, ScoreColumn
from promptreg.stats.composite import Unit, composite

__all__ = ["OVERALL_SCALE", "RunPair", "Table", "filled", "gaps_favour", "not_applicable", "table"]

Floats = NDArray[np.float64]
Favoured = Literal["baseline", "candidate"]
OVERALL_SCALE = Scale(OVERALL, "bounded", low=0.0, high=1.0, margin=0.05)


@dataclass(frozen=True, slots=True)
class RunPair:
    """Baseline and candidate of one template, with the same scenarios in the same order."""

    template: str
    baseline: Run
    candidate: Run

    @property
    def scenario_ids(self) -> tuple[str, ...]:
        """The scenarios both sides hold."""
        return self.baseline.scenario_ids

    def where(self, conditions: Mapping[str, str]) -> NDArray[np.bool_]:
        """Return which scenarios meet all conditions, shape (scenarios,)."""
        mask = np.ones(len(self.scenario_ids), dtype=bool)
        for attribute, value in conditions.items():
            values = self.baseline.attributes.get(attribute, ())
            mask &= np.array([v == value for v in values] or [False] * len(mask), dtype=bool)
        return mask


@dataclass(frozen=True, slots=True)
class Table:
    """One metric of both sides, gaps filled one way.

    Attributes:
        scale: what the values mean.
        baseline, candidate: (scenarios, repeats), NaN where the metric does not apply.
        applies: (scenarios,) whether both sides have values.
        missing: (scenarios, 2) trials without an own value: baseline, candidate.
        aggregate: for `aggregate` scales.
    """

    scale: Scale
    baseline: Floats
    candidate: Floats
    applies: NDArray[np.bool_]
    missing: NDArray[np.int64]
    excluded: int = 0
    """Scenarios left out since an open range has no worst or best value to bound a gap with."""
    has_gaps: bool = False
    aggregate: object = None


def gaps_favour(side: Favoured, which: Favoured) -> Literal["best", "worst"]:
    """Return what a gap on `which` side becomes when gaps are to favour `side`."""
    return "best" if side == which else "worst"


def filled(column: ScoreColumn, how: Literal["best", "worst"]) -> Floats:
    """Return values with gaps at the best or worst value, NaN where that is unbounded."""
    values = column.values
    gaps = column.outcomes == Outcome.GAP
    if not gaps.any():
        return values
    bound = column.scale.best if how == "best" else column.scale.worst
    fill = np.full(values.shape, np.nan if bound is None else bound)
    if how == "worst" and column.worst is not None:
        fill = np.broadcast_to(column.worst[:, None], values.shape)
    return np.where(gaps, fill, values)


def not_applicable(column: ScoreColumn) -> NDArray[np.bool_]:
    """Return which scenarios a metric says nothing about, shape (scenarios,)."""
    return np.asarray((column.outcomes == Outcome.NOT_APPLICABLE).any(axis=1))


def table(pair: RunPair, metric: str, favour: Favoured) -> Table:
    """Return one metric of a pair, with gaps filled in favour of one side.

    Args:
        pair: both runs.
        metric: a metric both runs hold.
        favour: the side whose gaps become the best value; the other side's become the worst.
    """
    base, cand = pair.baseline.columns[metric], pair.candidate.columns[metric]
    scale = base.scale
    b = filled(base, gaps_favour(favour, "baseline"))
    c = filled(cand, gaps_favour(favour, "candidate"))
    inapplicable = not_applicable(base) | not_applicable(cand)
    known = ~(np.isnan(b).any(axis=1) | np.isnan(c).any(axis=1))
    lost = [
        ((o == Outcome.FAILED) | (o == Outcome.GAP)).sum(axis=1)
        for o in (base.outcomes, cand.outcomes)
    ]
    return Table(
        scale=scale,
        baseline=b,
        candidate=c,
        applies=known & ~inapplicable,
        missing=np.stack(lost, axis=1).astype(np.int64),
        excluded=int((~known & ~inapplicable).sum()),
        has_gaps=bool((base.outcomes == Outcome.GAP).any() or (cand.outcomes == Outcome.GAP).any()),
        aggregate=base.aggregate,
    )


def overall_table(pair: RunPair, policy: Policy, tables: Mapping[str, Table]) -> Table:
    """Return the composite of both sides from the tables of its members."""
    sides = []
    for side in ("baseline", "candidate"):
        blocks: dict[str, Sequence[Unit]] = {}
        for block, members in policy.overall.items():
            blocks[block] = [_unit(pair, name, tables[name], side) for name in members]
        sides.append(composite(blocks, dict(policy.weights)))
    b, c = sides
    members_used = {name for names in policy.overall.values() for name in names}
    missing = np.max([tables[n].missing for n in members_used], axis=0)
    return Table(
        scale=OVERALL_SCALE,
        baseline=b,
        candidate=c,
        applies=np.asarray(~(np.isnan(b).any(axis=1) | np.isnan(c).any(axis=1))),
        missing=missing,
        has_gaps=any(tables[n].has_gaps for n in members_used),
    )


def _unit(pair: RunPair, name: str, source: Table, side: str) -> Unit:
    column = pair.baseline.columns[name]
    scale = column.scale
    worst: Floats | float = scale.worst if scale.worst is not None else scale.low
    if column.worst is not None:
        worst = np.where(np.isnan(column.worst), worst, column.worst)
    values = source.baseline if side == "baseline" else source.candidate
    values = np.where(source.applies[:, None], values, np.nan)
    return Unit(
        values=values,
        low=scale.low,
        high=scale.high,
        higher_is_better=scale.higher_is_better,
        worst=worst,
    )
