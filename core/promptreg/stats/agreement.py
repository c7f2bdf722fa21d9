"""How far raters agree: Krippendorff's alpha and weighted kappa, with intervals over families."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

__all__ = ["LOW", "Agreement", "Bias", "krippendorff_alpha", "mean_difference", "weighted_kappa"]

LOW = 0.667
"""Below this, Krippendorff calls data unfit even for tentative conclusions."""
_UNDEFINED = 0.1
"""Above this share of resamples without a value, no interval is given."""

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Agreement:
    """A coefficient of agreement, at most 1.

    Attributes:
        value: None where it is not defined: nothing was rated twice, or all ratings are alike.
        low, high: percentile bootstrap interval over families; None where there is none.
        units: what was rated by two raters or more.
        families: of those units.
    """

    value: float | None
    low: float | None
    high: float | None
    units: int
    families: int


@dataclass(frozen=True, slots=True)
class Bias:
    """A mean difference with its interval; None where one family, or nothing, is known."""

    value: float | None
    low: float | None
    high: float | None
    units: int


def krippendorff_alpha(
    ratings: Floats,
    families: Ints,
    *,
    alpha: float = 0.05,
    draws: int = 1_000,
    seed: int = 0,
) -> Agreement:
    """Return Krippendorff's alpha for ordinal ratings.

    The ordinal difference of two ratings is the squared difference of their mid-ranks among all
    ratings that could be paired. Families are resampled as wholes; the interval is approximate
    (percentiles of the bootstrap), and None if more than a tenth of the resamples holds nothing
    to disagree on.

    Args:
        ratings: shape (units, raters), NaN for none.
        families: family of each unit, shape (units,), numbers from 0.
        alpha: 1 - confidence level.
        draws: resamples.
        seed: of the resampling.

    References:
        Krippendorff 2011, Computing Krippendorff's alpha-reliability, University of Pennsylvania.
        Field & Welsh 2007, JRSS B 69:369 (resampling clusters).
    """
    known = ~np.isnan(ratings)
    used = known.sum(axis=1) >= 2
    ratings, known, families = ratings[used], known[used], families[used]
    if not len(ratings):
        return Agreement(None, None, None, 0, 0)
    values = np.unique(ratings[known])
    counts = np.stack([(ratings == v).sum(axis=1) for v in values], axis=1).astype(np.float64)
    paired = counts[:, :, None] * counts[:, None, :]
    diagonal = np.arange(len(values))
    paired[:, diagonal, diagonal] -= counts
    paired /= (counts.sum(axis=1) - 1)[:, None, None]
    groups, index = np.unique(families, return_inverse=True)
    flat = np.zeros((len(groups), len(values) ** 2))
    np.add.at(flat, index, paired.reshape(len(ratings), -1))
    estimate = float(_alphas(flat.sum(axis=0)[None, :], len(values))[0])
    low = high = None
    if len(groups) > 1 and not math.isnan(estimate):
        rng = np.random.default_rng(seed)
        evenly = [1 / len(groups)] * len(groups)
        found = [
            _alphas(rng.multinomial(len(groups), evenly, n) @ flat, len(values))
            for n in _chunks(draws)
        ]
        low, high = _percentiles(np.concatenate(found), alpha)
    value = None if math.isnan(estimate) else estimate
    return Agreement(value, low, high, len(ratings), len(groups))


def weighted_kappa(
    left: Floats,
    right: Floats,
    families: Ints,
    *,
    alpha: float = 0.05,
    draws: int = 1_000,
    seed: int = 0,
) -> Agreement:
    """Return Cohen's kappa with quadratic weights between two raters, units paired.

    1 - mean squared difference / the same for units paired at random; ratings need not be whole.
    Families are resampled as wholes, as in `krippendorff_alpha`.

    References:
        Cohen 1968, Psychological Bulletin 70:213. Fleiss & Cohen 1973, Educational and
        Psychological Measurement 33:613.
    """
    used = ~(np.isnan(left) | np.isnan(right))
    x, y, families = left[used], right[used], families[used]
    if not len(x):
        return Agreement(None, None, None, 0, 0)
    groups, index = np.unique(families, return_inverse=True)
    sums = np.zeros((len(groups), 6))
    np.add.at(sums, index, np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1))
    estimate = float(_kappas(sums.sum(axis=0)[None, :])[0])
    low = high = None
    if len(groups) > 1 and not math.isnan(estimate):
        rng = np.random.default_rng(seed)
        weights = rng.multinomial(len(groups), [1 / len(groups)] * len(groups), draws)
        low, high = _percentiles(_kappas(weights @ sums), alpha)
    value = None if math.isnan(estimate) else estimate
    return Agreement(value, low, high, len(x), len(groups))


def mean_difference(differences: Floats, families: Ints, alpha: float = 0.05) -> Bias:
    """Return the mean of differences with a cluster-robust t interval.

    Variance of family sums around the mean, factor G/(G-1), Student's t with G-1 degrees of
    freedom (Cameron & Miller 2015, Journal of Human Resources 50:317).
    """
    used = ~np.isnan(differences)
    d, families = differences[used], families[used]
    if not len(d):
        return Bias(None, None, None, 0)
    mean = float(d.mean())
    groups, index = np.unique(families, return_inverse=True)
    g = len(groups)
    if g < 2:
        return Bias(mean, None, None, len(d))
    residuals = np.bincount(index, weights=d - mean, minlength=g)
    se = math.sqrt(float(residuals @ residuals) * g / (g - 1)) / len(d)
    half = float(stdtrit(g - 1, 1 - alpha / 2)) * se
    return Bias(mean, mean - half, mean + half, len(d))


def _chunks(draws: int) -> list[int]:
    return [200] * (draws // 200) + ([draws % 200] if draws % 200 else [])


def _alphas(flat: Floats, k: int) -> Floats:
    """Return alpha of coincidence matrices, shape (B, k*k); NaN where there is no variation."""
    matrix = flat.reshape(-1, k, k)
    totals = matrix.sum(axis=2)
    n = totals.sum(axis=1)
    ranks = np.cumsum(totals, axis=1) - totals / 2
    apart = (ranks[:, :, None] - ranks[:, None, :]) ** 2
    seen = (matrix * apart).sum(axis=(1, 2))
    expected = (totals[:, :, None] * totals[:, None, :] * apart).sum(axis=(1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = 1 - (n - 1) * seen / expected
    return np.where(expected > 0, found, np.nan)


def _kappas(sums: Floats) -> Floats:
    n, x, y, xx, yy, xy = sums.T
    seen = (xx + yy - 2 * xy) / n
    expected = xx / n + yy / n - 2 * (x / n) * (y / n)
    # What is left of equal ratings by rounding is no variation.
    varied = expected > 1e-12 * (xx + yy) / n
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = 1 - seen / expected
    return np.where(varied, found, np.nan)


def _percentiles(found: Floats, alpha: float) -> tuple[float | None, float | None]:
    known = found[~np.isnan(found)]
    if len(known) < (1 - _UNDEFINED) * len(found):
        return None, None
    low, high = np.quantile(known, [alpha / 2, 1 - alpha / 2])
    return float(low), float(high)
