"""The mean of one version, with an interval that knows about families."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from promptreg.stats.evidence import FEW_CHANGED, unseen_share
from promptreg.stats.targets import Target, most_frequent

__all__ = ["target_mean"]


def target_mean(
    values: NDArray[np.float64],
    families: NDArray[np.intp],
    alpha: float = 0.05,
    *,
    low: float,
    high: float,
) -> Target:
    """Return the mean over scenarios with a cluster-robust t interval.

    The variance is that of family sums around the mean, with the factor G/(G-1) and Student's t
    with G-1 degrees of freedom (Cameron & Miller 2015, Journal of Human Resources 50:317, section
    II). The interval is cut at the ends of the scale, beyond which no mean can lie. With one
    family nothing is known of the spread: the interval is the whole scale. Where fewer than eight
    families differ from most, the variance says next to nothing of those that were not drawn: the
    interval then reaches at least as far as unseen families of either extreme could move the mean
    (the "rule of three", as between versions). Simulated with 30 scenarios, a tenth of them a
    thousandth below the rest and one in a hundred worth nothing: the lower end lies above the
    truth in 70 % of 3,000 draws without this, in 1 % with it.

    Args:
        values: scores, shape (n, R).
        families: family of each scenario, shape (n,).
        alpha: 1 - confidence level.
        low: smallest possible score.
        high: largest possible score; may be infinite.
    """
    n = values.shape[0]
    if n == 0:
        return Target(None, low, high, 0, 0)
    means = values.mean(axis=1)
    centre = float(means.mean())
    groups = np.unique(families)
    g = len(groups)
    if g < 2:
        return Target(centre, low, high, n, g)
    index = np.searchsorted(groups, families)
    residuals = np.bincount(index, weights=means - centre, minlength=g)
    se = math.sqrt(float(residuals @ residuals) * g / (g - 1)) / n
    half = float(stdtrit(g - 1, 1 - alpha / 2)) * se
    down, up = centre - half, centre + half
    usual, apart = most_frequent(np.bincount(index, weights=means) / np.bincount(index))
    if apart < FEW_CHANGED and math.isfinite(high):
        unseen = unseen_share(g, alpha)
        down = min(down, usual - unseen * (usual - low))
        up = max(up, usual + unseen * (high - usual))
    return Target(centre, max(low, down), min(high, up), n, g)
