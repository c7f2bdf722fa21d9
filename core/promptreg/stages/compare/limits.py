"""Absolute limits on the candidate alone: met, not met, or not shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from promptreg.policy import Policy
from promptreg.stages.compare.differences import tables_of
from promptreg.stages.compare.pairs import RunPair
from promptreg.stats.targets import Target, met, target_mean, target_share
from promptreg.verdicts import Limit

__all__ = ["check_limits"]


def check_limits(pairs: Sequence[RunPair], policy: Policy) -> tuple[Limit, ...]:
    """Return each absolute limit with its interval and whether it is met.

    A limit is met or missed only if the whole interval says so, with gaps at the worst and at
    the best value alike.
    """
    found: list[Limit] = []
    for pair in pairs:
        hard = tables_of(pair, policy, "baseline")
        kind = tables_of(pair, policy, "candidate")
        for bound in policy.limits:
            targets = [_target(pair, t[bound.metric].candidate, t[bound.metric].applies,
                               t[bound.metric].scale.kind == "binary",
                               (t[bound.metric].scale.low, t[bound.metric].scale.high),
                               policy.alpha)
                       for t in (hard, kind)]
            n = int(hard[bound.metric].applies.sum())
            if targets[0] is None or targets[1] is None:
                found.append(Limit(pair.template, bound.metric, None, bound.side,
                                   bound.threshold, None, None, "not_shown", n))
                continue
            first, second = targets[0], targets[1]
            states = {_state(t, bound.side, bound.threshold) for t in (first, second)}
            found.append(
                Limit(
                    template=pair.template,
                    metric=bound.metric,
                    slice=None,
                    bound=bound.side,
                    threshold=bound.threshold,
                    value=first.share,
                    interval=(min(first.low, second.low), max(first.high, second.high)),
                    status=states.pop() if len(states) == 1 else "not_shown",
                    n_scenarios=n,
                )
            )
    return tuple(found)


def _target(
    pair: RunPair,
    values: np.ndarray,  # type: ignore[type-arg]
    applies: np.ndarray,  # type: ignore[type-arg]
    binary: bool,
    span: tuple[float, float],
    alpha: float,
) -> Target | None:
    rows = values[applies]
    if rows.size == 0:
        return None
    names = [f for f, keep in zip(pair.candidate.families, applies, strict=True) if keep]
    index = {f: i for i, f in enumerate(sorted(set(names)))}
    families = np.repeat(np.array([index[f] for f in names], dtype=np.intp), rows.shape[1])
    flat = rows.reshape(-1)
    single = len(index) == flat.size
    if binary:
        return target_share(flat > 0.5, None if single else families, alpha)
    return target_mean(flat, families, alpha, low=span[0], high=span[1])


def _state(target: Target, side: str, threshold: float) -> str:
    if side == "at_least":
        return met(target, at_least=threshold)
    return met(target, at_most=threshold)
