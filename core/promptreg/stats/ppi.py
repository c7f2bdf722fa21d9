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

    Deviations from the source: the standard error is a jackknife that leaves out one family at a
    time (units of one family are not independent, and a family may have units on both sides) and
    estimates lambda anew each time, so that a lambda from few families does not count as known. A
    family's term is weighted by one minus its share of the units on its side, which makes the
    jackknife of a plain mean unbiased for families of one size. The quantile is Student's; degrees
    of freedom by Satterthwaite from families with labels and families without. Without families,
    and with many labels, all this vanishes.

    Simulated coverage of 95 % intervals, 3,000 draws each (Monte-Carlo error 0.004): 0.95 without
    families from 40 labels on; 0.948 to 0.958 with 40 to 120 labels in 24 or 80 families of five,
    whether labels fall on single units or on whole families (`tests/stats/test_agreement.py`).

    Args:
        labels: what people say of the labelled units, shape (n,), n >= 2.
        judged: what the judge says of them, shape (n,).
        others: what the judge says of the other units, shape (N,); may be empty.
        families: of the labelled units, as numbers.
        other_families: of the other units, in the same counting.
        alpha: 1 - confidence level.

    References:
        Efron & Tibshirani 1993, An introduction to the bootstrap, ch. 11 (jackknife).
        Bell & McCaffrey 2002, Survey Methodology 28:169 (few clusters).
        Satterthwaite 1946, Biometrics Bulletin 2:110.
        Angelopoulos, Duchi & Zrnic 2023, PPI++: efficient prediction-powered inference,
        arXiv:2311.01453. Boyeau et al. 2024, arXiv:2403.07008 (for evaluating models).
    """
    sums = _FamilySums.of(labels, judged, others, families, other_families)
    value, weight = (float(x) for x in sums.estimate(sums.total))
    alone = float(labels.mean())
    half = sums.half_width(sums.estimate(sums.left_out)[0] - value, alpha)
    half_alone = sums.half_width(sums.means(sums.left_out) - alone, alpha)
    return Corrected(
        value=value,
        low=value - half,
        high=value + half,
        weight=weight,
        labelled=len(labels),
        unlabelled=len(others),
        families=len(np.unique(families)),
        labels_alone=(alone, alone - half_alone, alone + half_alone),
        representative=_alike(judged, others, families, other_families),
    )


class _FamilySums:
    """Sums by family, from which every estimate follows; families are left out by subtraction.

    Rows: labelled units, labels, judged, labels x judged, judged squared, other units, others,
    others squared.
    """

    def __init__(self, by_family: Floats) -> None:
        self.by_family = by_family
        self.total: Floats = by_family.sum(axis=1)
        self.left_out: Floats = self.total[:, None] - by_family

    @classmethod
    def of(
        cls, labels: Floats, judged: Floats, others: Floats, families: Ints, other_families: Ints
    ) -> _FamilySums:
        """Return the sums."""
        names, index = np.unique(np.concatenate([families, other_families]), return_inverse=True)
        one, two = index[: len(labels)], index[len(labels) :]
        sides = (
            (one, (np.ones(len(one)), labels, judged, labels * judged, judged**2)),
            (two, (np.ones(len(two)), others, others**2)),
        )
        rows = [
            np.bincount(where, weights=values, minlength=len(names))
            for where, columns in sides
            for values in columns
        ]
        return cls(np.stack(rows))

    def means(self, sums: Floats) -> Floats:
        """Return the mean label."""
        return np.asarray(sums[1] / np.maximum(sums[0], 1))

    def estimate(self, sums: Floats) -> tuple[Floats, Floats]:
        """Return the corrected mean and lambda."""
        n, h, j, hj, jj, m, o, oo = sums
        some, rest = np.maximum(n, 1), np.maximum(m, 1)
        every, total = n + m, j + o
        spread = (jj + oo - total**2 / np.maximum(every, 1)) / np.maximum(every - 1, 1)
        covariance = (hj - h * j / some) / np.maximum(n - 1, 1)
        # Of equal values rounding leaves a spread that is not quite 0.
        usable = (m > 0) & (n > 1) & (spread > 1e-12 * (1 + (jj + oo) / np.maximum(every, 1)))
        ratio = covariance / np.where(usable, (1 + n / rest) * spread, 1.0)
        weight = np.where(usable, np.clip(ratio, 0.0, 1.0), 0.0)
        return np.asarray(h / some + weight * (o / rest - j / some)), np.asarray(weight)

    def half_width(self, shifts: Floats, alpha: float) -> float:
        """Return half the interval, from what leaving out each family does to the estimate."""
        labelled = self.by_family[0] > 0
        g = int(labelled.sum())
        if g < 2:
            return math.inf
        n, m = self.total[0], max(self.total[5], 1.0)
        share = np.where(labelled, self.by_family[0] / n, self.by_family[5] / m)
        terms = (1 - share) * shifts**2
        with_labels, without = float(terms[labelled].sum()), float(terms[~labelled].sum())
        variance = with_labels + without
        if variance <= 0:
            return 0.0
        others = max(1, len(labelled) - g - 1)
        freedom = variance**2 / (with_labels**2 / (g - 1) + without**2 / others)
        return float(stdtrit(freedom, 1 - alpha / 2)) * math.sqrt(variance)


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
