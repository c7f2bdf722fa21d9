"""Pass/fail of scenarios drawn one by one: Fisher's mid-p, Miettinen and Nurminen's interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, ndtr, ndtri

from promptreg.stats.evidence import FEW_CHANGED, Evidence, Settings
from promptreg.stats.model import Floats
from promptreg.stats.unpaired.arms import Arms
from promptreg.stats.unpaired.draws import Draws, Totals
from promptreg.stats.unpaired.shared import (
    agree,
    edge,
    hidden_change,
    ratio,
    swing_of,
    too_few_units,
)

__all__ = [
    "PassFailContrast",
    "fisher_p",
    "is_pass_fail",
    "miettinen_nurminen",
    "prepare_pass_fail",
    "score_z",
]


def fisher_p(x0: int, n0: int, x1: int, n1: int, *, mid_p: bool) -> float:
    """Return Fisher's two-sided p-value of two independent pass rates, tails doubled.

    Given how many passed in all, it is the permutation test of the draw, without sampling error.

    Args:
        x0: Scenarios of the baseline that pass.
        n0: All scenarios of the baseline.
        x1: Scenarios of the candidate that pass.
        n1: All scenarios of the candidate.
        mid_p: Count the observed outcome half (Lancaster 1961, JASA 56:223).
    """
    total, passed = n0 + n1, x0 + x1
    support = np.arange(max(0, passed - n0), min(n1, passed) + 1, dtype=np.float64)
    logs = (
        _log_choose(n1, support)
        + _log_choose(n0, passed - support)
        - _log_choose(total, np.array([float(passed)]))
    )
    mass = np.exp(logs)
    at = float(mass[support == x1][0])
    own = 0.5 * at if mid_p else at
    below = float(mass[support < x1].sum()) + own
    above = float(mass[support > x1].sum()) + own
    return min(1.0, 2.0 * min(below, above))


def _log_choose(n: int, k: Floats) -> Floats:
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))


def score_z(x0: int, n0: int, x1: int, n1: int, shift: float) -> float:
    """Return the score statistic of "candidate - baseline = shift", large if it is higher.

    Miettinen & Nurminen 1985, Stat. Med. 4:213: the variance is that of the maximum-likelihood
    estimates under the shift, times N/(N-1). Infinite where the shift leaves no variance.
    """
    n = n0 + n1
    distance = x1 / n1 - x0 / n0 - shift
    p0 = _constrained(x0, n0, x1, n1, shift)
    p1 = min(1.0, max(0.0, p0 + shift))
    variance = (p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0) * n / (n - 1)
    if variance <= 1e-15:
        return math.copysign(math.inf, distance) if abs(distance) > 1e-12 else 0.0
    return distance / math.sqrt(variance)


def _constrained(x0: int, n0: int, x1: int, n1: int, shift: float) -> float:
    """Return the baseline's rate that is most likely under the shift, by bisection.

    The likelihood is concave in it; its slope falls from +inf to -inf on the allowed stretch.
    """
    left, right = max(0.0, -shift), min(1.0, 1.0 - shift)

    def slope(p: float) -> float:
        q = p + shift
        total = 0.0
        for hits, misses, rate in ((x0, n0 - x0, p), (x1, n1 - x1, q)):
            if hits:
                total += hits / rate if rate > 0 else math.inf
            if misses:
                total -= misses / (1 - rate) if rate < 1 else math.inf
        return total

    for _ in range(60):
        middle = 0.5 * (left + right)
        if slope(middle) > 0:
            left = middle
        else:
            right = middle
    return 0.5 * (left + right)


def miettinen_nurminen(
    x0: int, n0: int, x1: int, n1: int, alpha: float = 0.05
) -> tuple[float, float]:
    """Return the score interval of the difference of two independent pass rates.

    Args:
        x0: Scenarios of the baseline that pass.
        n0: All scenarios of the baseline, at least 1.
        x1: Scenarios of the candidate that pass.
        n1: All scenarios of the candidate, at least 1.
        alpha: 1 - confidence level.

    References:
        Miettinen & Nurminen 1985, Stat. Med. 4:213; compared with others by Newcombe 1998, Stat.
        Med. 17:873, and Fagerland, Lydersen & Laake 2015, Stat. Methods Med. Res. 24:224.
    """
    z = float(-ndtri(alpha / 2))
    estimate = x1 / n1 - x0 / n0

    def above(shift: float) -> bool:
        return score_z(x0, n0, x1, n1, shift) > z

    def below(shift: float) -> bool:
        return score_z(x0, n0, x1, n1, shift) < -z

    low = edge(above, estimate, -0.1, -1.0, 40) if estimate > -1 else -1.0
    high = edge(below, estimate, 0.1, 1.0, 40) if estimate < 1 else 1.0
    return low, high


@dataclass(frozen=True, slots=True)
class PassFailContrast:
    """Two independent pass rates.

    The p-value is the larger one of Fisher's mid-p (the test of the draw) and the score test's
    (that of the interval), so that an accusation never meets an interval that contains 0; the
    interval is Miettinen and Nurminen's, and reaches 0 where the test does not reject it. In the
    joint distribution of all metrics the statistic is the score statistic of every draw: given
    the number that pass, no draw changes its variance, so there is nothing to studentise.
    """

    data: Arms
    settings: Settings
    draws: Draws
    columns: tuple[int, int]

    def evidence(self, totals: Floats) -> Evidence:
        """Return both rates, the interval and the p-value."""
        data, metric, alpha = self.data, self.data.metric, self.settings.alpha
        n0, n1 = data.sizes
        x0, x1 = (int(side.baseline.sum()) for side in (data.before, data.after))
        estimate = x1 / n1 - x0 / n0
        minor = min(x0 + x1, n0 + n1 - x0 - x1)
        p_value, low, high, z0 = 1.0, -1.0, 1.0, 0.0
        if data.comparable:
            z0 = score_z(x0, n0, x1, n1, 0.0)
            fisher = fisher_p(x0, n0, x1, n1, mid_p=self.settings.mid_p(minor))
            p_value = max(fisher, 2.0 * float(ndtr(-abs(z0))))
            low, high = miettinen_nurminen(x0, n0, x1, n1, alpha)
            low, high = agree(low, high, estimate, significant=p_value <= alpha)
        side = -1.0 if metric.higher_is_better else 1.0
        beyond = ndtr(side * score_z(x0, n0, x1, n1, side * min(1.0, metric.margin)))
        rates = x0 / n0, x1 / n1
        se = None
        if data.comparable:
            parts = (p * (1 - p) / (n - 1) for p, n in zip(rates, (n0, n1), strict=True))
            se = math.sqrt(sum(parts))
        passed, counts = totals[list(self.columns)]
        drawn = _z_of(passed, counts, x0 + x1, n0 + n1)
        return Evidence(
            scale="difference",
            baseline=rates[0],
            candidate=rates[1],
            estimate=estimate,
            low=low,
            high=high,
            p_value=p_value,
            se=se,
            changed=minor,
            hidden=hidden_change(data, alpha, 1.0) if minor < FEW_CHANGED else 0.0,
            beyond_margin=float(beyond),
            test="unpaired Fisher mid-p and score test"
            if self.settings.mid_p(minor)
            else "unpaired Fisher exact and score test",
            effect=("Cohen's h", _h(rates[1]) - _h(rates[0])),
            swing=swing_of(
                float(_z_of(np.array([x1]), np.array([n1]), x0 + x1, n0 + n1)[0]),
                drawn,
                self.settings,
                minor,
            ),
            notes=too_few_units(data, self.draws, alpha),
        )


def _z_of(passed: Floats, count: Floats, all_passed: int, n: int) -> Floats:
    """Return the score statistic of no change for each draw; NaN where an arm is empty."""
    x1, n1 = passed.astype(np.float64), count.astype(np.float64)
    n0 = n - n1
    usable = (n1 > 0) & (n0 > 0)
    n1, n0 = np.where(usable, n1, np.nan), np.where(usable, n0, np.nan)
    rate = all_passed / n
    return ratio(
        x1 / n1 - (all_passed - x1) / n0, np.sqrt(rate * (1 - rate) * (1 / n1 + 1 / n0)), 1.0
    )


def _h(rate: float) -> float:
    return 2 * math.asin(math.sqrt(rate))


def is_pass_fail(data: Arms) -> bool:
    """Return whether scores are 0/1 of scenarios that were drawn one by one and asked once."""
    return (
        data.metric.kind == "binary"
        and data.repeats == 1
        and data.singles
        and bool(np.isin(data.values(), (0.0, 1.0)).all())
    )


def prepare_pass_fail(
    data: Arms, totals: Totals, draws: Draws, settings: Settings
) -> PassFailContrast:
    """Register who passed; return the waiting contrast."""
    units = data.units()
    passed = np.zeros(draws.n_units)
    np.add.at(passed, units, data.values())
    there = np.bincount(units, minlength=draws.n_units).astype(np.float64)
    return PassFailContrast(data, settings, draws, (totals.add(passed), totals.add(there)))
