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
    welch_p,
)

__all__ = ["MeanContrast", "prepare_means"]

_LARGEST_SHARE = 0.9  # of a unit in an arm: beyond it the jackknife has nothing left to go by
_LARGEST_LOG = 20.0  # a ratio of half a billion: no metric moves so far


@dataclass(frozen=True, slots=True)
class MeanContrast:
    """Difference of the means of two arms, or (tokens, cost) the ratio of their means.

    ``T = (mean - mean') / sqrt(V + V')`` is recomputed with the units dealt anew to the arms. The
    variance of an arm is that of its units around the arm's mean, as the jackknife has it,
    ``V = (g-1)/g sum ((S_u - n_u mean) / (1 - h_u))**2 / n**2`` with h_u the unit's share of an
    arm's scenarios: Welch's statistic where every unit is one scenario, the cluster-robust one for
    few units of unequal size otherwise (CR3; Bell & McCaffrey 2002, Survey Methodol. 28:169).
    h_u is taken of the scenarios that an arm gets on average, so that T is made of sums.

    Dealt anew, T has the right distribution if the versions do the same (then exactly), and in
    large samples even if they only have the same mean with other spreads (Janssen 1997, Stat.
    Probab. Lett. 36:9; Chung & Romano 2013, Ann. Stat. 41:484); the plain difference would not.

    With few units of one side and a wider spread among them, large samples are far: then T follows
    Student's t with few degrees of freedom more closely than its draws, which mix both sides. So
    the p-value is the larger one of that of the draws and Welch's (1947, Biometrika 34:28).

    The interval holds the shifts of the candidate that the same test does not reject, found by
    bisection; for a ratio the factors, so it is Fieller's argument with permutations (Fieller
    1954, JRSS B 16:175).

    Attributes:
        columns: Of the totals, see `prepare_means`.
        sums: The same numbers over all units, and over the observed candidate's.
        scale: Size of the values, to tell rounding from spread.
        minor: Units whose mean is not the most frequent one.
        varying: The same within an arm, of the arm where they are fewer: one that hardly varies
            says little of its spread, however much the other one does.
    """

    data: Arms
    settings: Settings
    draws: Draws
    columns: tuple[int, ...]
    sums: tuple[Floats, Floats]
    scale: float
    minor: int
    varying: int

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
            p_value = max(
                p_of(observed, null, self.settings, self.minor),
                self._welch(mine, whole, 0.0, observed),
            )
            se = self._se(mine, whole, before, after)
        if known and self.draws.rows:
            low, high = self._inverted(drawn, mine, whole, estimate, se or 0.0, limit)
        if is_ratio and not (before and after):
            notes.append("a total is 0: the ratio is undefined")
        low, high = agree(low, high, estimate, significant=p_value <= alpha)
        hidden = 0.0
        if self.varying < FEW_CHANGED:
            width = metric.high - metric.low
            if is_ratio and math.isinf(width):
                # The largest value seen stands for the largest there can be.
                width = max(float(side.baseline.max()) for side in (data.before, data.after))
            hidden = hidden_change(data, alpha, width)
            if is_ratio:
                hidden = math.log1p(hidden / before) if before > 0 else math.inf
            low, high = widen(low, high, hidden, estimate, significant=p_value <= alpha)
            notes.append(
                f"units of a side that differ from its rest: {self.varying}; interval widened by "
                "what was not seen yet"
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
            drawn: Totals of the drawn units, shape (17, draws).
            whole: Totals of all units, shape (17,).
            shift: In the metric's unit; for a ratio the logarithm of a factor.
        """
        factor, moved = (math.exp(-shift), 0.0) if self.kind == "log_ratio" else (1.0, shift)
        m1, v1 = _arm(drawn, factor, moved, mine=True)
        m0, v0 = _arm(whole[:, None] - drawn, factor, moved, mine=False)
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
            if (count + 1) / (rows + 1) > alpha / 2:
                return False
            return self._welch(mine, whole, shift, observed) <= alpha

        end = min(limit, _LARGEST_LOG) if self.kind == "log_ratio" else limit
        step = max(2.0 * se, 1e-4 * (end if math.isfinite(end) else self.scale), 1e-9)
        low = edge(lambda s: rejected(s, upwards=False), estimate, -step, -end)
        high = edge(lambda s: rejected(s, upwards=True), estimate, step, end)
        unlimited = self.kind == "log_ratio"
        return (
            -math.inf if unlimited and low <= -end else low,
            math.inf if unlimited and high >= end else high,
        )

    def _welch(self, mine: Floats, whole: Floats, shift: float, observed: float) -> float:
        """Return Welch's two-sided p-value of the observed T with the candidate moved back."""
        factor, moved = (math.exp(-shift), 0.0) if self.kind == "log_ratio" else (1.0, shift)
        _, v1 = _arm(mine[:, None], factor, moved, mine=True)
        _, v0 = _arm((whole - mine)[:, None], factor, moved, mine=False)
        return welch_p(observed, (float(v0[0]), float(v1[0])), self.data.clusters)

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
        _, v1 = _arm(mine[:, None], 1.0, 0.0, mine=True)
        _, v0 = _arm((whole - mine)[:, None], 1.0, 0.0, mine=False)
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


def prepare_means(data: Arms, totals: Totals, draws: Draws, settings: Settings) -> MeanContrast:
    """Register what T of every draw and every shift is made of; return the waiting contrast.

    With S_u the sum over a unit's scenarios and n_u their number: S, n, whether there are any, and
    S**2, S n and n**2 with the weight that the unit's size has in either arm's variance; all but
    one of them once for the units of the observed baseline and once for the observed candidate's,
    since only the latter are shifted.
    """
    values, units = data.values(), data.units()
    is_ratio = data.metric.statistic == "ratio_of_totals"
    # Centred values keep sums of squares exact enough; a ratio must keep its zero.
    centre = 0.0 if is_ratio or not values.size else float(values.mean())
    s = np.zeros(draws.n_units)
    np.add.at(s, units, values - centre)
    n = np.bincount(units, minlength=draws.n_units).astype(np.float64)
    mine = draws.assigned.astype(np.float64)
    share = float(mine.mean())
    weights = [_jackknife(n, part * float(n.sum())) for part in (share, 1.0 - share)]
    columns = [(n > 0).astype(np.float64)]
    products = [w * x for w in weights for x in (s * s, s * n, n * n)]
    for numbers in (s, n, *products):
        columns += [numbers * (1.0 - mine), numbers * mine]
    table = np.stack(columns)
    present = n > 0
    means, candidate = s[present] / n[present], draws.assigned[present]
    return MeanContrast(
        data=data,
        settings=settings,
        draws=draws,
        columns=tuple(totals.add(column) for column in columns),
        sums=(table.sum(axis=1), table[:, draws.assigned].sum(axis=1)),
        scale=float(np.abs(values - centre).max()) if values.size else 0.0,
        minor=minority(np.round(means, 12)),
        varying=min(minority(np.round(means[arm], 12)) for arm in (candidate, ~candidate)),
    )


def _jackknife(n: Floats, size: float) -> Floats:
    """Return the weight of each unit's squared residual in an arm of that many scenarios."""
    share = np.minimum(n / size if size > 0 else np.zeros_like(n), _LARGEST_SHARE)
    return 1.0 / (1.0 - share) ** 2


def _arm(x: Floats, factor: float, shift: float, *, mine: bool) -> tuple[Floats, Floats]:
    """Return mean and variance of the mean of an arm in each draw; NaN for fewer than two units.

    The values of the observed candidate are ``factor * value - shift``; `mine` says which arm's
    weights count.
    """
    s = x[1] + factor * x[2] - shift * x[4]
    n = x[3] + x[4]
    y = x[5:11] if mine else x[11:17]
    square = y[0] + factor**2 * y[1] - 2 * factor * shift * y[3] + shift**2 * y[5]
    cross = y[2] + factor * y[3] - shift * y[5]
    sizes = y[4] + y[5]
    g = np.rint(x[0])
    enough = g >= 2
    n = np.where(enough, n, np.nan)
    mean = s / n
    spread = square - 2 * mean * cross + mean**2 * sizes
    with np.errstate(invalid="ignore"):
        spread = np.where(spread <= 1e-13 * (np.abs(square) + mean**2 * sizes), 0.0, spread)
    return mean, spread * np.where(enough, g - 1, 1.0) / np.where(enough, g, 1.0) / n**2


def _log_ratio(after: float, before: float) -> float:
    if before == 0:
        return math.inf if after > 0 else 0.0
    return math.log(after / before) if after > 0 else -math.inf
