"""What the next calls should buy: more scenarios or more repeats."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from promptreg.records import Kind, Scale
from promptreg.stats.evidence import FEW_CHANGED, unseen_share
from promptreg.stats.power import Variances, multiplier, split_variance

__all__ = ["CALLS", "Spend", "least_seen", "next_spend", "variances_of"]

CALLS = 100
"""Calls to spend, on each version."""


@dataclass(frozen=True, slots=True)
class Spend:
    """What another `CALLS` calls on each version would make visible.

    Changes are the smallest that would be seen with 80 % power, in the metric's unit.

    Attributes:
        template, metric, unit, binary: which metric.
        n_scenarios, n_clusters, repeats: of this calibration, one side.
        between: variance of the scenarios' true scores, squared unit.
        within: variance of one asking around its scenario's score, squared unit.
        now: what a gate of this size sees.
        new_scenarios, with_scenarios: so many new scenarios, and what would be seen with them.
        more_repeats, with_repeats: so many more askings of each scenario (not whole where the
            calls do not reach all), and what would be seen with them.
        buy: `scenarios` or `repeats`, whichever makes smaller changes visible where only calls
            cost.
        break_even: from this cost of making one more scenario on, in calls, one more repeat of
            every scenario tells more for the money; None where repeats never do.
    """

    template: str
    metric: str
    unit: str
    binary: bool
    n_scenarios: int
    n_clusters: int
    repeats: int
    between: float
    within: float
    now: float
    new_scenarios: int
    with_scenarios: float
    more_repeats: float
    with_repeats: float
    buy: str
    break_even: float | None


def variances_of(between: float, within: float) -> Variances:
    """Return the variances to plan a comparison with.

    The noise of both sides' askings is measured: `2 * within`. How much a true change differs from
    scenario to scenario cannot be seen by asking one version; it is taken to be as large as the
    variance between scenarios, which is what two versions with a correlation of one half between
    their scenarios' true scores come to: `2 * between * (1 - 1/2)`. Where an edit leaves most
    scenarios alone that is too much, so plans err towards more scenarios.
    """
    return Variances(scenario=between, repeat=2 * within)


def least_seen(
    variances: Variances, kind: Kind, width: float, repeats: float, n_clusters: int, alpha: float
) -> float:
    """Return what changes that were not seen could hide, where few or none will be seen.

    As a comparison widens its intervals when fewer than eight families changed, so no plan may
    promise to see less than that: scores that never varied say little of the next family.

    Args:
        variances: of one scenario's difference.
        kind: of the score; only of pass/fail do variances tell how many will change.
        width: range of the score.
        repeats: of one side.
        n_clusters: families.
        alpha: two-sided error.
    """
    variance = variances.scenario + variances.repeat / repeats
    few = kind == "binary" and variance / width**2 * n_clusters < FEW_CHANGED
    if math.isinf(width) or not (few or variance == 0):
        return 0.0
    return unseen_share(n_clusters, alpha) * width


def next_spend(
    template: str,
    scale: Scale,
    values: NDArray[np.float64],
    *,
    n_clusters: int,
    repeats: int,
    alpha: float,
    calls: int = CALLS,
) -> Spend | None:
    """Return what `calls` more calls on each version would buy; None without enough data.

    Args:
        template: its name.
        scale: the metric's.
        values: scores, shape (scenarios, askings), where the metric applies.
        n_clusters: families among these scenarios.
        repeats: of one side.
        alpha: two-sided error.
        calls: to be spent on each version.
    """
    n = len(values)
    split = split_variance(np.zeros_like(values), values)
    if split is None or n_clusters < 2:
        return None
    plan = variances_of(split.scenario, split.repeat)

    def seen(scenarios: int, askings: float) -> float:
        clusters = max(2, round(n_clusters * scenarios / n))
        factor = multiplier(clusters, alpha) or math.inf
        least = least_seen(plan, scale.kind, scale.high - scale.low, askings, clusters, alpha)
        return max(least, factor * math.sqrt((plan.scenario + plan.repeat / askings) / scenarios))

    new, more = calls // repeats, calls / n
    with_scenarios, with_repeats = seen(n + new, repeats), seen(n, repeats + more)
    return Spend(
        template=template,
        metric=scale.name,
        unit=scale.unit,
        binary=scale.kind == "binary",
        n_scenarios=n,
        n_clusters=n_clusters,
        repeats=repeats,
        between=split.scenario,
        within=split.repeat,
        now=seen(n, repeats),
        new_scenarios=new,
        with_scenarios=with_scenarios,
        more_repeats=more,
        with_repeats=with_repeats,
        buy="scenarios" if with_scenarios <= with_repeats else "repeats",
        # (s + r/R) (c + R) = (s + r/(R+1)) (c + R + 1), solved for c (Cochran 1977,
        # Sampling Techniques, section 10.6).
        break_even=plan.scenario * repeats * (repeats + 1) / plan.repeat if plan.repeat else None,
    )
