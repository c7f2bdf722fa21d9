"""A mean from many judged units and few labelled ones: the judge's bias is taken out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

__all__ = ["Corrected", "corrected_mean"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Corrected:
    """A mean corrected by labels.

    Attributes:
        value: the corrected mean.
        low, high: its interval.
        weight: lambda, how far the judge is believed: 0, the labels alone; 1, all of it.
        labelled, unlabelled: units.
        families: families with a label.
        labels_alone: mean and interval of the labels by themselves.
        representative: whether the judge sees labelled and unlabelled units alike, within three
            standard errors; if not, the labelled ones are hardly a random part.
    """

    value: float
    low: float
    high: float
    weight: float
    labelled: int
    unlabelled: int
    families: int
    labels_alone: tuple[float, float, float]
    representative: bool


def corrected_mean(
    labels: Floats,
    judged: Floats,
    others: Floats,
    families: Ints,
    other_families: Ints,
    alpha: float = 0.05,
) -> Corrected:
    """Return the mean of what people would say of all units, judged and labelled (PPI++).

    theta = lambda * mean(others) + mean(labels - lambda * judged), with
    lambda = Cov(labels, judged) / ((1 + n/N) Var(judged)), kept within 0 and 1; the variance of
    `judged` is that of all units. Unbiased for every judge if the labelled units are a random part
    of all.

    Deviations from the source: variances are those of family sums (units of one family are not
    independent, and a family may have units on both sides), and the quantile is Student's with one
    degree of freedom less than there are labelled families. Without families, and with many
    labels, both vanish. Simulated coverage of 95 % intervals: 0.95 without families from 40 labels
    on, 0.928 (1,392 of 1,500) with 120 labels in 80 families of five: somewhat short.

    Args:
        labels: what people say of the labelled units, shape (n,), n >= 2.
        judged: what the judge says of them, shape (n,).
        others: what the judge says of the other units, shape (N,); may be empty.
        families: of the labelled units, as numbers.
        other_families: of the other units, in the same counting.
        alpha: 1 - confidence level.

    References:
        Angelopoulos, Duchi & Zrnic 2023, PPI++: efficient prediction-powered inference,
        arXiv:2311.01453. Boyeau et al. 2024, arXiv:2403.07008 (for evaluating models).
    """
    n, m = len(labels), len(others)
    weight = 0.0
    every = np.concatenate([judged, others])
    spread = float(every.var(ddof=1)) if len(every) > 1 else 0.0
    if m and n > 1 and spread > 0:
        covariance = float(np.cov(labels, judged, ddof=1)[0, 1])
        weight = min(1.0, max(0.0, covariance / ((1 + n / m) * spread)))
    rectified = labels - weight * judged
    value = float(rectified.mean()) + (weight * float(others.mean()) if m else 0.0)
    g = len(np.unique(families))
    quantile = float(stdtrit(max(1, g - 1), 1 - alpha / 2))
    parts = [(rectified - rectified.mean()) / n]
    where = [families]
    if m and weight:
        parts.append(weight * (others - others.mean()) / m)
        where.append(other_families)
    half = quantile * _se(np.concatenate(parts), np.concatenate(where))
    mean = float(labels.mean())
    alone = quantile * _se((labels - mean) / n, families)
    return Corrected(
        value=value,
        low=value - half,
        high=value + half,
        weight=weight,
        labelled=n,
        unlabelled=m,
        families=g,
        labels_alone=(mean, mean - alone, mean + alone),
        representative=_alike(judged, others, families, other_families),
    )


def _se(influence: Floats, families: Ints) -> float:
    """Return the standard error of a sum of influences, families being independent."""
    _, index = np.unique(families, return_inverse=True)
    sums = np.bincount(index, weights=influence)
    g = len(sums)
    return math.sqrt(float(sums @ sums) * g / (g - 1)) if g > 1 else math.inf


def _alike(judged: Floats, others: Floats, families: Ints, other_families: Ints) -> bool:
    if len(judged) < 2 or len(others) < 2:
        return True
    gap = float(judged.mean() - others.mean())
    influence = np.concatenate(
        [(judged - judged.mean()) / len(judged), -(others - others.mean()) / len(others)]
    )
    se = _se(influence, np.concatenate([families, other_families]))
    return abs(gap) <= 3 * se
