"""Latency: the Brunner-Munzel statistic of units dealt anew, and the Hodges-Lehmann ratio."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr, stdtrit

from promptreg.stats.evidence import Evidence, Settings, rank_for
from promptreg.stats.model import Floats
from promptreg.stats.unpaired.arms import Arms
from promptreg.stats.unpaired.draws import Draws
from promptreg.stats.unpaired.shared import (
    agree,
    edge,
    minority,
    p_of,
    ratio,
    swing_of,
    test_name,
    too_few_units,
    welch_freedom,
)

__all__ = ["RankContrast", "brunner_munzel", "hodges_lehmann_shift", "prepare_ranks"]

_ALIGNED_ROWS = 1_999
_ALL_PAIRS = 4_000_000


@dataclass(frozen=True, slots=True)
class _Order:
    """Where values stand among all: what T of any draw is made of.

    Attributes:
        order: Positions of the values from the smallest to the largest.
        below, upto: For each value in that order how many are smaller, and how many are not
            larger.
    """

    order: NDArray[np.intp]
    below: NDArray[np.intp]
    upto: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class RankContrast:
    """P(a trial of the candidate takes longer than one of the baseline) against 1/2, by ranks.

    The statistic is Brunner and Munzel's (2000, Biometrical J. 42:17) with the variance of the
    placements taken over units, recomputed with the units dealt anew: right for small samples of
    equal distributions and in large ones for unequal spreads, too (Neubert & Brunner 2007, Comput.
    Stat. Data Anal. 51:5192; Chung & Romano 2016, J. Econometrics 193:97). The estimate is the
    median of all pairwise log ratios (Hodges & Lehmann 1963, Ann. Math. Stat. 34:598); the
    interval holds the factors that the test does not reject.

    As for means, the p-value is the larger one of that of the draws and that of Student's t with
    Brunner and Munzel's degrees of freedom.

    Deviation: the critical values of all factors are those of the draws at the estimate; at the
    factor 1, where the test is known, the interval is made to agree with it.
    """

    data: Arms
    settings: Settings
    draws: Draws
    logs: Floats
    notes: tuple[str, ...]

    def evidence(self, totals: Floats) -> Evidence:
        """Return the Hodges-Lehmann log ratio, interval and p-value; ``totals`` is not used."""
        data, metric, alpha = self.data, self.data.metric, self.settings.alpha
        mine = self._mine()
        estimate = hodges_lehmann_shift(self.logs[~mine], self.logs[mine])
        minor = minority(np.round(self.logs, 12))
        notes = [*self.notes, *too_few_units(data, self.draws, alpha)]
        low, high, p_value, beyond, swing, effect = -math.inf, math.inf, 1.0, None, None, None
        if data.comparable:
            observed, effect, freedom = self._observed(self.logs)
            null = self._drawn(self.logs, self.draws.rows)
            by_t = 2.0 * float(stdtr(freedom, -abs(observed))) if freedom else 0.0
            p_value = max(p_of(observed, null, self.settings, minor), by_t)
            swing = swing_of(observed, null, self.settings, minor)
            aligned = self._drawn(self._moved(estimate), _ALIGNED_ROWS)
            low, high = self._inverted(aligned, estimate)
            low, high = agree(low, high, estimate, significant=p_value <= alpha)
            margin = math.log(metric.margin) * (-1.0 if metric.higher_is_better else 1.0)
            at_margin, _, _ = self._observed(self._moved(margin))
            worse = aligned >= at_margin if metric.higher_is_better else aligned <= at_margin
            beyond = float((np.count_nonzero(worse) + 1) / (aligned.size + 1))
        width = -2.0 * float(ndtri(alpha / 2))
        return Evidence(
            scale="log_ratio",
            baseline=float(np.median(data.before.baseline)),
            candidate=float(np.median(data.after.baseline)),
            estimate=estimate,
            low=low,
            high=high,
            p_value=p_value,
            se=(high - low) / width if math.isfinite(high - low) else None,
            changed=minor,
            hidden=0.0,
            beyond_margin=beyond,
            test=test_name(
                self.draws,
                "unpaired Brunner-Munzel permutation" + ("" if data.singles else " of units"),
            ),
            effect=("P(candidate larger)", effect),
            swing=swing,
            notes=notes,
        )

    def _observed(self, logs: Floats) -> tuple[float, float, float]:
        """Return T, P and Welch's degrees of freedom; 0 where nothing varies."""
        return _observed(logs, self._mine(), self.data.units(), self.data.clusters)

    def _mine(self) -> NDArray[np.bool_]:
        return np.asarray(self.draws.assigned[self.data.units()])

    def _moved(self, shift: float) -> Floats:
        return np.where(self._mine(), self.logs - shift, self.logs)

    def _drawn(self, logs: Floats, rows: int) -> Floats:
        units, place = self.data.units(), _place(logs)
        found = [
            _statistics(place, block[:, units], units, singles=self.data.singles)[0]
            for block in self.draws.blocks(width=4 * len(units), rows=rows)
        ]
        return np.concatenate(found) if found else np.zeros(0)

    def _inverted(self, aligned: Floats, estimate: float) -> tuple[float, float]:
        """Return the shifts of the logarithms whose T lies among those of the draws."""
        k = rank_for(self.settings.alpha, len(aligned))
        if k < 1:
            return -math.inf, math.inf
        # A draw in which T is undefined supports every shift.
        smallest = float(np.sort(np.where(np.isnan(aligned), -np.inf, aligned))[k - 1])
        largest = float(np.sort(np.where(np.isnan(aligned), np.inf, aligned))[-k])
        _, _, freedom = self._observed(self._moved(estimate))
        if freedom:
            quantile = float(stdtrit(freedom, 1 - self.settings.alpha / 2))
            smallest, largest = min(smallest, -quantile), max(largest, quantile)

        def statistic(shift: float) -> float:
            return self._observed(self._moved(shift))[0]

        step = max(float(np.abs(self.logs - np.median(self.logs)).mean()), 1e-9)
        low = edge(lambda s: statistic(s) > largest, estimate, -step, -math.inf, 40)
        high = edge(lambda s: statistic(s) < smallest, estimate, step, math.inf, 40)
        return low, high


def prepare_ranks(data: Arms, draws: Draws, settings: Settings) -> RankContrast:
    """Return the contrast of log values; scores of 0 count as half the smallest positive one."""
    notes: tuple[str, ...] = ()
    sides = [data.before.baseline, data.after.baseline]
    if not all(side.all() for side in sides):
        positive = np.concatenate([side[side > 0] for side in sides])
        floor = float(positive.min()) / 2 if positive.size else 1.0
        sides = [np.where(side > 0, side, floor) for side in sides]
        notes = ("scores of 0 counted as half the smallest positive one",)
    logs = np.concatenate([np.log(side).mean(axis=1) for side in sides])
    return RankContrast(data, settings, draws, logs, notes)


def brunner_munzel(
    values: Floats, mine: NDArray[np.bool_], units: NDArray[np.intp]
) -> tuple[float, float]:
    """Return Brunner and Munzel's statistic and P(candidate > baseline) + P(equal)/2.

    The statistic is positive where the candidate's values are larger.

    Args:
        values: Of all scenarios.
        mine: Which are the candidate's.
        units: Whose placements vary together.
    """
    sides = (len(np.unique(units[~mine])), len(np.unique(units[mine])))
    return _observed(values, mine, units, sides)[:2]


def _observed(
    values: Floats,
    mine: NDArray[np.bool_],
    units: NDArray[np.intp],
    clusters: tuple[int, int],
) -> tuple[float, float, float]:
    singles = sum(clusters) == len(units)
    t, p, v0, v1 = _statistics(_place(values), mine[None, :], units, singles=singles)
    freedom = welch_freedom((float(v0[0]), float(v1[0])), clusters)
    return float(t[0]), float(p[0]), freedom if math.isfinite(freedom) else 0.0


def _place(values: Floats) -> _Order:
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    # Rounding must not tell apart what was equal before a shift.
    near = np.round(ordered, 12)
    return _Order(
        order,
        np.searchsorted(near, near, side="left"),
        np.searchsorted(near, near, side="right"),
    )


def _statistics(
    place: _Order, mine: NDArray[np.bool_], units: NDArray[np.intp], *, singles: bool
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return T, P and both sides' variances for each row of `mine`, shape (rows, scenarios).

    NaN without two units on a side.
    """
    mine = mine[:, place.order]
    rows, n = mine.shape
    before = np.zeros((rows, n + 1))
    np.cumsum(mine, axis=1, out=before[:, 1:])
    counted = 0.5 * (before[:, place.below] + before[:, place.upto])
    n1 = before[:, -1]
    n0 = n - n1
    with np.errstate(invalid="ignore", divide="ignore"):
        # Placements: the share of the other side that lies below, ties half.
        among_other = 0.5 * (place.below + place.upto) - counted
        placed = np.where(mine, among_other / n0[:, None], counted / n1[:, None])
        p1 = np.where(mine, placed, 0.0).sum(axis=1) / n1
        centred = placed - np.where(mine, p1[:, None], (1 - p1)[:, None])
        if singles:
            square = centred**2
            s1 = np.where(mine, square, 0.0).sum(axis=1)
            s0 = square.sum(axis=1) - s1
            g1, g0 = n1, n0
        else:
            s1, s0, g1, g0 = _by_unit(centred, mine, units[place.order])
        usable = (g1 >= 2) & (g0 >= 2)
        v1 = np.maximum(s1, 0) * g1 / (g1 - 1) / n1**2
        v0 = np.maximum(s0, 0) * g0 / (g0 - 1) / n0**2
        t = ratio(p1 - 0.5, np.sqrt(np.where(usable, v1 + v0, np.nan)), 1.0)
    return t, p1, v0, v1


def _by_unit(
    centred: Floats, mine: NDArray[np.bool_], units: NDArray[np.intp]
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return sums of squared unit sums and numbers of units, of the candidate and the baseline."""
    order = np.argsort(units, kind="stable")
    starts = np.flatnonzero(np.diff(units[order], prepend=-1))
    sums = np.add.reduceat(centred[:, order], starts, axis=1) ** 2
    drawn = mine[:, order[starts]]
    s1 = np.where(drawn, sums, 0.0).sum(axis=1)
    g1 = drawn.sum(axis=1).astype(np.float64)
    return s1, sums.sum(axis=1) - s1, g1, len(starts) - g1


def hodges_lehmann_shift(before: Floats, after: Floats) -> float:
    """Return the median of all differences after - before.

    Up to four million pairs are listed; of more the median is found by bisection, counting pairs.
    """
    if not len(before) or not len(after):
        return 0.0
    if len(before) * len(after) <= _ALL_PAIRS:
        return float(np.median(np.subtract.outer(after, before)))
    low = np.sort(before)
    half = 0.5 * len(before) * len(after)
    left, right = float(after.min() - before.max()), float(after.max() - before.min())
    for _ in range(60):
        middle = 0.5 * (left + right)
        # Pairs with after - before <= middle are those with before >= after - middle.
        if len(low) * len(after) - int(np.searchsorted(low, after - middle).sum()) >= half:
            right = middle
        else:
            left = middle
    return 0.5 * (left + right)
