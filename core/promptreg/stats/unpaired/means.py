"""Means and totals: the studentised permutation test and the interval that inverts it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from promptreg.stats.evidence import FEW_CHANGED, Evidence, Settings
from promptreg.stats.model import Floats
from promptreg.stats.paired import widen
from promptreg.stats.unpaired.arms import Arms
from promptreg.stats.unpaired.draws import Draws, Totals
from promptreg.stats.unpaired.shared import (
    agree,
    edge,
    hidden_change,
    minority,
    p_of,
    ratio,
    swing_of,
    test_name,
    too_few_units,
)

__all__ = ["MeanContrast", "prepare_means"]

_LARGEST_LOG = 20.0  # a ratio of half a billion: no metric moves so far


@dataclass(frozen=True, slots=True)
class MeanContrast:
    """Difference of the means of two arms, or (tokens, cost) the ratio of their means.

    ``T = (mean - mean') / sqrt(V + V')`` is recomputed with the units dealt anew to the arms. The
    variance of an arm is that of its units around the arm's mean,
    ``V = g/(g-1) sum (S_u - n_u mean)**2 / n**2``: Welch's statistic where every unit is one
    scenario, the cluster-robust one otherwise. Dealt anew, T has the right distribution if the
    versions do the same (then exactly), and in large samples even if they only have the same mean
    with other spreads (Janssen 1997, Stat. Probab. Lett. 36:9; Chung & Romano 2013, Ann. Stat.
    41:484): a permutation test of the plain difference would not.

    The interval holds the shifts of the candidate that the same test does not reject, found by
    bisection; for a ratio the factors, so it is Fieller's argument with permutations (Fieller
    1954, JRSS B 16:175).

    Attributes:
        columns: Of the totals, see `prepare_means`.
        sums: The same numbers over all units, and over the observed candidate's.
        scale: Size of the values, to tell rounding from spread.
        minor: Units whose mean is not the most frequent one.
    """

    data: Arms
    settings: Settings
    draws: Draws
    columns: tuple[int, ...]
    sums: tuple[Floats, Floats]
    centre: float
    scale: float
    minor: int

    @property
    def kind(self) -> Literal["difference", "log_ratio"]:
        """The scale of the estimate."""
        totals = self.data.metric.statistic == "ratio_of_totals"
        return "log_ratio" if totals else "difference"

    def evidence(self, totals: Floats) -> Evidence:
        """Return estimate, inverted interval and p-value."""
        data, metric, alpha = self.data, self.data.metric, self.settings.alpha
        drawn = totals[list(self.columns)]
        whole, mine = self.sums
        before, after = (float(side.baseline.mean()) for side in (data.before, data.after))
        is_ratio = self.kind == "log_ratio"
        null = self._statistic(drawn, whole, 0.0)
        observed = float(self._statistic(mine[:, None], whole, 0.0)[0])
        p_value, se = 1.0, None
        notes = too_few_units(data, self.draws, alpha)
        estimate = _log_ratio(after, before) if is_ratio else after - before
        limit = math.inf if is_ratio else metric.high - metric.low
        low, high = -limit, limit
        known = data.comparable and not math.isnan(observed) and math.isfinite(estimate)
        if known:
            p_value = p_of(observed, null, self.settings, self.minor)
            se = self._se(mine, whole, before, after)
        if known and self.draws.rows:
            low, high = self._inverted(drawn, mine, whole, estimate, se or 0.0, limit)
        if is_ratio and not (before and after):
            notes.append("a total is 0: the ratio is undefined")
        low, high = agree(low, high, estimate, significant=p_value <= alpha)
        hidden = 0.0
        if self.minor < FEW_CHANGED:
            hidden = hidden_change(data, alpha)
            if is_ratio:  # the largest value seen stands for the largest there can be
                top = max(float(data.before.baseline.max()), float(data.after.baseline.max()))
                share = hidden if math.isfinite(hidden) else hidden_change_to(data, top, alpha)
                hidden = math.log1p(share / before) if before > 0 else math.inf
            low, high = widen(low, high, hidden, estimate, significant=p_value <= alpha)
            notes.append(
                f"only {self.minor} units differ from the rest: interval widened by what was not "
                "seen yet"
            )
            hidden = 0.0 if is_ratio else hidden
        return Evidence(
            scale=self.kind,
            baseline=before,
            candidate=after,
            estimate=estimate,
            low=low,
            high=high,
            p_value=p_value,
            se=se,
            changed=self.minor,
            hidden=hidden,
            beyond_margin=self._beyond(drawn, mine, whole) if known else None,
            test=test_name(
                self.draws,
                "unpaired studentised permutation"
                + ("" if data.singles else " of units")
                + (" of means as a ratio" if is_ratio else ""),
            ),
            effect=self._effect(estimate),
            swing=swing_of(observed, null, self.settings, self.minor) if known else None,
            notes=notes,
        )

    def _statistic(self, drawn: Floats, whole: Floats, shift: float) -> Floats:
        """Return T of each draw with the candidate's values moved back by `shift`.

        Args:
            drawn: Totals of the drawn units, shape (11, draws).
            whole: Totals of all units, shape (11,).
            shift: In the metric's unit; for a ratio the logarithm of a factor.
        """
        factor, moved = (math.exp(-shift), 0.0) if self.kind == "log_ratio" else (1.0, shift)
        m1, v1 = _arm(drawn, factor, moved)
        m0, v0 = _arm(whole[:, None] - drawn, factor, moved)
        with np.errstate(invalid="ignore"):
            scale = self.scale * max(1.0, factor)
            return ratio(m1 - m0, np.sqrt(v1 + v0), scale)

    def _inverted(
        self,
        drawn: Floats,
        mine: Floats,
        whole: Floats,
        estimate: float,
        se: float,
        limit: float,
    ) -> tuple[float, float]:
        alpha, rows = self.settings.alpha, drawn.shape[1]
        own = mine[:, None]

        def rejected(shift: float, *, upwards: bool) -> bool:
            null = self._statistic(drawn, whole, shift)
            observed = float(self._statistic(own, whole, shift)[0])
            slack = 1e-9 * max(1.0, abs(observed))
            beyond = null <= observed + slack if upwards else null >= observed - slack
            count = int(np.count_nonzero(beyond | np.isnan(null)))
            return (count + 1) / (rows + 1) <= alpha / 2

        end = min(limit, _LARGEST_LOG) if self.kind == "log_ratio" else limit
        step = max(2.0 * se, 1e-6 * self.scale if self.kind == "difference" else 1e-6)
        low = edge(lambda s: rejected(s, upwards=False), estimate, -step, -end)
        high = edge(lambda s: rejected(s, upwards=True), estimate, step, end)
        unlimited = self.kind == "log_ratio"
        return (
            -math.inf if unlimited and low <= -end else low,
            math.inf if unlimited and high >= end else high,
        )

    def _beyond(self, drawn: Floats, mine: Floats, whole: Floats) -> float:
        """Return the one-sided p-value at the margin: confidence that it is exceeded."""
        metric = self.data.metric
        margin = math.log(metric.margin) if self.kind == "log_ratio" else metric.margin
        shift = -margin if metric.higher_is_better else margin
        null = self._statistic(drawn, whole, shift)
        observed = float(self._statistic(mine[:, None], whole, shift)[0])
        worse = null >= observed if metric.higher_is_better else null <= observed
        return float((np.count_nonzero(worse) + 1) / (null.size + 1))

    def _se(self, mine: Floats, whole: Floats, before: float, after: float) -> float | None:
        _, v1 = _arm(mine[:, None], 1.0, 0.0)
        _, v0 = _arm((whole - mine)[:, None], 1.0, 0.0)
        if self.kind == "log_ratio":
            if not (before > 0 and after > 0):
                return None
            return math.sqrt(float(v1[0]) / after**2 + float(v0[0]) / before**2)
        return math.sqrt(float(v1[0]) + float(v0[0]))

    def _effect(self, estimate: float) -> tuple[str, float | None]:
        if self.kind == "log_ratio":
            return "ratio of means", math.exp(estimate) if math.isfinite(estimate) else None
        sides = [side.baseline.mean(axis=1) for side in (self.data.before, self.data.after)]
        if min(len(side) for side in sides) < 2:
            return "Cohen's d", None
        sd = math.sqrt(0.5 * sum(float(side.var(ddof=1)) for side in sides))
        return "Cohen's d", estimate / sd if sd > 1e-12 * self.scale else None


def hidden_change_to(data: Arms, top: float, alpha: float) -> float:
    """Return what units not seen could hide where no value exceeds `top`."""
    width = data.metric.high - data.metric.low
    return hidden_change(data, alpha) if math.isfinite(width) else _share(data, alpha) * top


def _share(data: Arms, alpha: float) -> float:
    return float(-np.expm1(np.log(alpha / 2) / max(1, min(data.clusters))))


def prepare_means(data: Arms, totals: Totals, draws: Draws, settings: Settings) -> MeanContrast:
    """Register what T of every draw and every shift is made of; return the waiting contrast.

    With S_u the sum over a unit's scenarios and n_u their number: S, n, S**2, S n and n**2, each
    for the units of the observed baseline and of the observed candidate (only the latter are
    shifted), and whether the unit has scenarios of this metric at all.
    """
    values, units = data.values(), data.units()
    is_ratio = data.metric.statistic == "ratio_of_totals"
    # Centred values keep sums of squares exact enough; a ratio must keep its zero.
    centre = 0.0 if is_ratio or not values.size else float(values.mean())
    s = np.bincount(units, weights=values - centre, minlength=draws.n_units)
    n = np.bincount(units, minlength=draws.n_units).astype(np.float64)
    mine = draws.assigned.astype(np.float64)
    columns = []
    for numbers in (s, n, s * s, s * n, n * n):
        columns += [numbers * (1.0 - mine), numbers * mine]
    columns.append((n > 0).astype(np.float64))
    table = np.stack(columns)
    present = n > 0
    means = s[present] / n[present]
    return MeanContrast(
        data=data,
        settings=settings,
        draws=draws,
        columns=tuple(totals.add(column) for column in columns),
        sums=(table.sum(axis=1), table[:, draws.assigned].sum(axis=1)),
        centre=centre,
        scale=float(np.abs(values - centre).max()) if values.size else 0.0,
        minor=minority(np.round(means, 12)),
    )


def _arm(x: Floats, factor: float, shift: float) -> tuple[Floats, Floats]:
    """Return mean and variance of the mean of an arm in each draw; NaN for fewer than two units.

    The values of the observed candidate are ``factor * value - shift``.
    """
    s = x[0] + factor * x[1] - shift * x[3]
    n = x[2] + x[3]
    square = x[4] + factor**2 * x[5] - 2 * factor * shift * x[7] + shift**2 * x[9]
    cross = x[6] + factor * x[7] - shift * x[9]
    g = np.rint(x[10])
    enough = g >= 2
    n = np.where(enough, n, np.nan)
    mean = s / n
    spread = square - 2 * mean * cross + mean**2 * (x[8] + x[9])
    size = np.abs(square) + mean**2 * (x[8] + x[9])
    with np.errstate(invalid="ignore"):
        spread = np.where(spread <= 1e-13 * size, 0.0, spread)
    return mean, spread * g / np.where(enough, g - 1, 1.0) / n**2


def _log_ratio(after: float, before: float) -> float:
    if before == 0:
        return math.inf if after > 0 else 0.0
    return math.log(after / before) if after > 0 else -math.inf
