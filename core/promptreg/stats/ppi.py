"""A mean from many judged units and few labelled ones: the judge's bias is taken out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from promptreg.stats.evidence import FEW_CHANGED, unseen_share

__all__ = ["Corrected", "corrected_mean"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Corrected:
    """A mean corrected by labels.

    Attributes:
        value: the corrected mean.
        low, high: its interval, widened by `hidden` and by what `lost` units could hold.
        se: its standard error; inf with labels in one family only.
        p_value: two-sided, of "the mean is 0"; 1 where what is hidden alone reaches 0.
        hidden: the largest mean that could have gone unseen, where people and judge differ in too
            few families to know how they differ; else 0.
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
    se: float
    p_value: float
    hidden: float
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
    *,
    span: float | None = None,
    lost: tuple[float, float] = (0.0, 0.0),
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
        span: the largest value a unit can have, either way. Where people differ from the weighted
            judge in fewer than eight families, the interval reaches at least as far as values of
            this size could that none of the labelled families happened to have: forty units on
            which people and judge agree do not prove that they always do. None: no such guard.
        lost: by how much the mean of all units could lie lower, and higher, for units that nobody
            can label; they are hardly a random part, and a small lambda would make little of them.

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
    se, freedom = sums.spread(sums.estimate(sums.left_out)[0] - value)
    half = _half(se, freedom, alpha)
    half_alone = _half(*sums.spread(sums.means(sums.left_out) - alone), alpha)
    families_labelled, differing = sums.differing(weight)
    hidden = 0.0
    if span is not None and differing < FEW_CHANGED:
        hidden = unseen_share(families_labelled, alpha) * span
    reach, (down, up) = max(half, hidden), lost
    low, high = value - reach - down, value + reach + up
    nearest = max(0.0, abs(value) - (down if value > 0 else up))
    p_value = _p_value(nearest, se, freedom, families_labelled)
    return Corrected(
        value=value,
        low=low,
        high=high,
        se=se,
        p_value=1.0 if hidden and low <= 0 <= high else p_value,
        hidden=hidden,
        weight=weight,
        labelled=len(labels),
        unlabelled=len(others),
        families=families_labelled,
        labels_alone=(alone, alone - half_alone, alone + half_alone),
        representative=_alike(judged, others, families, other_families),
    )


def _half(se: float, freedom: float, alpha: float) -> float:
    return float(stdtrit(freedom, 1 - alpha / 2)) * se if 0 < se < math.inf else se


def _p_value(value: float, se: float, freedom: float, families: int) -> float:
    if value == 0 or math.isinf(se):
        return 1.0
    if se == 0:  # all alike, and not 0: what flips of the labelled families would say
        return min(1.0, 2.0 ** (1 - families))
    return min(1.0, 2 * float(stdtr(freedom, -abs(value) / se)))


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

    def differing(self, weight: float) -> tuple[int, int]:
        """Return how many families have labels, and in how many people differ from the judge."""
        labelled = self.by_family[0] > 0
        apart = np.abs(self.by_family[1] - weight * self.by_family[2])
        apart = apart / np.maximum(self.by_family[0], 1)
        return int(labelled.sum()), int(np.count_nonzero(apart[labelled] > 1e-9))

    def spread(self, shifts: Floats) -> tuple[float, float]:
        """Return standard error and degrees of freedom, from what leaving out each family does."""
        labelled = self.by_family[0] > 0
        g = int(labelled.sum())
        if g < 2:
            return math.inf, 1.0
        n, m = self.total[0], max(self.total[5], 1.0)
        share = np.where(labelled, self.by_family[0] / n, self.by_family[5] / m)
        terms = (1 - share) * shifts**2
        with_labels, without = float(terms[labelled].sum()), float(terms[~labelled].sum())
        variance = with_labels + without
        if variance <= 0:
            return 0.0, float(g - 1)
        others = max(1, len(labelled) - g - 1)
        freedom = variance**2 / (with_labels**2 / (g - 1) + without**2 / others)
        return math.sqrt(variance), freedom


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
