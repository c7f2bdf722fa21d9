"""Absolute limits on one version: "at least 90 % in range"."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from promptreg.stats.evidence import FEW_CHANGED
from promptreg.stats.proportions import clopper_pearson, wilson

Shown = Literal["met", "not_met", "not_shown"]


@dataclass(frozen=True, slots=True)
class Target:
    """Share of trials that pass, with its interval.

    Attributes:
        share: Observed share; ``None`` without trials.
        low: Lower end of the interval, 0 to 1.
        high: Upper end.
        n: Scenarios.
        n_clusters: Families.
    """

    share: float | None
    low: float
    high: float
    n: int
    n_clusters: int


def target_share(
    values: NDArray[np.bool_], families: NDArray[np.intp] | None = None, alpha: float = 0.05
) -> Target:
    """Return the share of true values with Wilson's interval, robust to families.

    Independent scenarios: Wilson; Clopper-Pearson where none or all pass. With families (or
    repeats) the sample size is divided by the estimated design effect, at least 1, and
    Student's t with families - 1 degrees of freedom replaces the normal quantile (the Wilson
    analogue of Korn & Graubard 1998, Survey Methodology 24:193); where none or all pass the
    design effect cannot be estimated, and each family counts as one observation. Where fewer than
    eight families differ from most, it hardly can: a family then counts as one observation at the
    most, lest a first failure of one repeat make the share look surer than none did.

    Args:
        values: Whether each trial passes, shape (n,) or (n, R); a failed trial is False.
        families: Family of each scenario, shape (n,); ``None``: all independent.
        alpha: 1 - confidence level.

    Raises:
        ValueError: Shapes do not fit, or values are not booleans.
    """
    passed = np.asarray(values)
    if passed.dtype != np.bool_ or passed.ndim not in (1, 2):
        raise ValueError(f"values must be booleans of shape (n,) or (n, R), not {passed.dtype}")
    n = len(passed)
    labels: NDArray[Any] = np.arange(n) if families is None else np.asarray(families)
    if labels.shape != (n,):
        raise ValueError(f"families must have one index per scenario: {labels.shape} for {n}")
    shares = passed.astype(np.float64).reshape(n, -1).mean(axis=1) if n else np.zeros(0)
    clusters, index = np.unique(labels, return_inverse=True)
    groups = len(clusters)
    if n == 0:
        return Target(None, 0.0, 1.0, 0, 0)
    p = float(shares.mean())
    if not passed.any() or bool(passed.all()):
        low, high = clopper_pearson(p * groups, groups, alpha)
        return Target(p, low, high, n, groups)
    if groups == n and passed.size == n:
        low, high = wilson(p * n, n, alpha)
        return Target(p, low, high, n, groups)
    if groups < 2:
        return Target(p, 0.0, 1.0, n, groups)
    residuals = np.bincount(index, weights=shares - p, minlength=groups)
    variance = float(np.sum(residuals**2)) / n**2 * groups / (groups - 1)
    # The effective size never exceeds the trials nor, lest chance make it optimistic, the
    # binomial variance.
    trials = float(passed.size)
    effective = min(trials, p * (1 - p) / variance) if variance > 0 else float(groups)
    if most_frequent(residuals / np.bincount(index))[1] < FEW_CHANGED:
        effective = min(effective, float(groups))
    quantile = float(stdtrit(groups - 1, 1 - alpha / 2))
    low, high = wilson(p * effective, effective, alpha, z=quantile)
    return Target(p, low, high, n, groups)


def most_frequent(means: NDArray[np.float64]) -> tuple[float, int]:
    """Return the most frequent of families' means, and how many do not have it."""
    values, counts = np.unique(np.round(means, 12), return_counts=True)
    return float(values[counts.argmax()]), int(means.size - counts.max())


def met(target: Target, at_least: float | None = None, at_most: float | None = None) -> Shown:
    """Return whether the limit is shown to be met, shown to be missed, or neither.

    Args:
        target: From :func:`target_share` or :func:`~promptreg.stats.means.target_mean`.
        at_least: Lower limit, in the target's unit.
        at_most: Upper limit; exactly one of both is given.

    Raises:
        ValueError: None or both limits are given.
    """
    if (at_least is None) == (at_most is None):
        raise ValueError("give either at_least or at_most")
    # Not 0 and 1: means in other units are judged here, too.
    lower = -math.inf if at_least is None else at_least
    upper = math.inf if at_most is None else at_most
    if target.share is None:
        return "not_shown"
    if lower <= target.low and target.high <= upper:
        return "met"
    return "not_met" if target.high < lower or target.low > upper else "not_shown"
