"""Absolute limits on the candidate alone: met, not met, or not shown."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from promptreg.policy import OVERALL, Bound, Policy
from promptreg.records import Scale
from promptreg.stages.compare.differences import tables_of
from promptreg.stages.compare.gaps import gap_limit, is_gap_rate
from promptreg.stages.compare.lines import slice_of
from promptreg.stages.compare.pairs import RunPair, filled, not_applicable
from promptreg.stats.means import target_mean
from promptreg.stats.targets import Target, met, target_share
from promptreg.verdicts import Limit

__all__ = ["check_limits"]

Floats = NDArray[np.float64]
_WITHIN: dict[str, Callable[[Floats, float], NDArray[np.bool_]]] = {
    "below": operator.lt,
    "up_to": operator.le,
    "above": operator.gt,
    "reaches": operator.ge,
}


@dataclass(frozen=True, slots=True)
class _Values:
    """The candidate's values of one metric: gaps at the worst and at the best value."""

    scale: Scale
    worst: Floats
    best: Floats
    applies: NDArray[np.bool_]


def check_limits(pairs: Sequence[RunPair], policy: Policy) -> tuple[Limit, ...]:
    """Return each absolute limit with its interval and whether it is met.

    A limit is met or missed only if the whole interval says so, with gaps at the worst and at
    the best value alike. A limit that selects none of a template's scenarios is not asked of it,
    as long as another template is asked; on nothing at all it is not shown.
    """
    found: list[Limit] = []
    for bound in policy.limits:
        here = [_limit(pair, bound, policy) for pair in pairs]
        asked = [limit for limit in here if limit.n_scenarios]
        found += asked or here
    order = {pair.template: i for i, pair in enumerate(pairs)}
    return tuple(sorted(found, key=lambda limit: order[limit.template]))


def _limit(pair: RunPair, bound: Bound, policy: Policy) -> Limit:
    mask = pair.where(bound.where)
    if is_gap_rate(bound, policy):
        return gap_limit(pair, bound, policy, mask)
    values = _values(pair, bound.metric, policy)
    keep = values.applies & mask
    families = _families(pair, keep)
    rows = (values.worst[keep], values.best[keep])
    if bound.within is not None:
        targets = [
            _share(r, bound, gap, families, policy) for r, gap in zip(rows, "wb", strict=True)
        ]
    else:
        targets = [_mean(r, values.scale, families, policy.alpha) for r in rows]
    states = {_state(t, bound.side, bound.threshold) for t in targets}
    unbounded = bound.within is None and any(bool(np.isnan(r).any()) for r in rows)
    known = targets[0].share is not None
    return Limit(
        template=pair.template,
        metric=bound.metric,
        slice=slice_of(bound.where) if bound.where else None,
        bound=bound.side,
        threshold=bound.threshold,
        value=targets[0].share,
        interval=(
            (min(t.low for t in targets), max(t.high for t in targets))
            if known and not unbounded
            else None
        ),
        status=states.pop() if len(states) == 1 and not unbounded else "not_shown",
        n_scenarios=int(keep.sum()),
        name=bound.name,
        within=bound.within,
        must=bound.must,
        notes=(
            ("trials are missing, and nothing bounds what they would have been",)
            if unbounded
            else ()
        ),
    )


def _values(pair: RunPair, metric: str, policy: Policy) -> _Values:
    if metric == OVERALL:
        worst, best = (tables_of(pair, policy, side)[OVERALL] for side in ("baseline", "candidate"))
        return _Values(worst.scale, worst.candidate, best.candidate, worst.applies & best.applies)
    column = pair.candidate.columns[metric]
    return _Values(
        column.scale, filled(column, "worst"), filled(column, "best"), ~not_applicable(column)
    )


def _families(pair: RunPair, keep: NDArray[np.bool_]) -> NDArray[np.intp]:
    names = [f for f, kept in zip(pair.candidate.families, keep, strict=True) if kept]
    index = {f: i for i, f in enumerate(sorted(set(names)))}
    return np.array([index[f] for f in names], dtype=np.intp)


def _mean(rows: Floats, scale: Scale, families: NDArray[np.intp], alpha: float) -> Target:
    known = ~np.isnan(rows).any(axis=1)
    rows, families = rows[known], families[known]
    if scale.kind == "binary":
        return target_share(rows > 0.5, families, alpha)
    return target_mean(rows, families, alpha, low=scale.low, high=scale.high)


def _share(
    rows: Floats, bound: Bound, gap: str, families: NDArray[np.intp], policy: Policy
) -> Target:
    """Return the share of scenarios whose mean over repeats lies within the bound.

    A mean that a gap leaves without any bound is within it or not, as gaps are counted: whichever
    serves the limit worst, or best.
    """
    word, value = bound.within or ("reaches", 0.0)
    means = rows.mean(axis=1)
    unknown = np.isnan(means)
    within = _WITHIN[word](np.where(unknown, value, means), value)
    serves = bound.side == "at_least"
    return target_share(np.where(unknown, serves == (gap == "b"), within), families, policy.alpha)


def _state(target: Target, side: str, threshold: float) -> str:
    if side == "at_least":
        return met(target, at_least=threshold)
    return met(target, at_most=threshold)
