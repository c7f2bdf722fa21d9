"""Absolute limits on the candidate alone: met, not met, or not shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from promptreg.policy import Policy
from promptreg.stages.compare.differences import tables_of
from promptreg.stages.compare.pairs import RunPair, Table
from promptreg.stats.means import target_mean
from promptreg.stats.targets import Target, met, target_share
from promptreg.verdicts import Limit

__all__ = ["check_limits"]


def check_limits(pairs: Sequence[RunPair], policy: Policy) -> tuple[Limit, ...]:
    """Return each absolute limit with its interval and whether it is met.

    A limit is met or missed only if the whole interval says so, with gaps at the worst and at
    the best value alike.
    """
    found: list[Limit] = []
    for pair in pairs:
        worst, best = (tables_of(pair, policy, side) for side in ("baseline", "candidate"))
        for bound in policy.limits:
            targets = [_target(pair, t[bound.metric], policy.alpha) for t in (worst, best)]
            states = {_state(t, bound.side, bound.threshold) for t in targets}
            found.append(
                Limit(
                    template=pair.template,
                    metric=bound.metric,
                    slice=None,
                    bound=bound.side,
                    threshold=bound.threshold,
                    value=targets[0].share,
                    interval=(
                        None
                        if targets[0].share is None
                        else (min(t.low for t in targets), max(t.high for t in targets))
                    ),
                    status=states.pop() if len(states) == 1 else "not_shown",
                    n_scenarios=int(worst[bound.metric].applies.sum()),
                )
            )
    return tuple(found)


def _target(pair: RunPair, source: Table, alpha: float) -> Target:
    rows = source.candidate[source.applies]
    names = [f for f, kept in zip(pair.candidate.families, source.applies, strict=True) if kept]
    index = {f: i for i, f in enumerate(sorted(set(names)))}
    families = np.array([index[f] for f in names], dtype=np.intp)
    if source.scale.kind == "binary":
        return target_share(rows > 0.5, families, alpha)
    return target_mean(rows, families, alpha, low=source.scale.low, high=source.scale.high)


def _state(target: Target, side: str, threshold: float) -> str:
    if side == "at_least":
        return met(target, at_least=threshold)
    return met(target, at_most=threshold)
