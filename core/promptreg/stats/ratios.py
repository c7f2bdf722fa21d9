"""Tokens and cost: the ratio of totals, with an interval by flips."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from promptreg.stats.checks import Checked
from promptreg.stats.evidence import (
    FEW_CHANGED,
    Evidence,
    Settings,
    family_swing,
    how_few,
    tail_p,
    too_few,
    unseen_share,
)
from promptreg.stats.flips import Columns, Flips
from promptreg.stats.grid import Grid, family_sums, tie_tolerance, to_grid
from promptreg.stats.model import Floats
from promptreg.stats.paired import (
    centred_se,
    flip_test_name,
    hartigan,
    share_beyond,
    subset_means,
    widen,
)


@dataclass(frozen=True, slots=True)
class TotalsContrast:
    """Total of the candidate over total of the baseline, families flipped as wholes.

    The hypothesis "ratio = r" is "candidate - r baseline sums to 0"; inverting its sign-flip
    test gives the order statistics of ``sum_flipped candidate / sum_flipped baseline``:
    Fieller's argument (Fieller 1954, JRSS B 16:175) with flips in place of Student's t.
    Everything is on the log scale, where a margin of x1.10 is symmetric.
    """

    data: Checked
    settings: Settings
    flips: Flips
    grid: Grid
    before: Floats
    after: Floats
    columns: tuple[int, int]

    def evidence(self, sums: Floats) -> Evidence:
        """Return the log ratio of totals, its interval and the p-value."""
        data, alpha = self.data, self.settings.alpha
        tolerance = tie_tolerance(self.grid, data.baseline, data.candidate)
        before, after = sums[self.columns[0]], sums[self.columns[1]]
        swing_sums, differences = after - before, self.after - self.before
        sign = np.where(np.abs(swing_sums) <= tolerance, 0.0, np.sign(swing_sums))
        changed = int(np.count_nonzero(np.abs(differences) > tolerance))
        mid_p = self.settings.mid_p(changed)
        p_value = tail_p(sign, mid_p=mid_p)
        estimate = _log_ratio(float(self.after.sum()), float(self.before.sum()))
        ratios = subset_means(np.where(sign == 0, before, after), before)
        logs = _logs(np.where((before == 0) & (after > 0), np.inf, ratios))
        low, high = hartigan(logs, before + after, alpha, limit=math.inf)
        notes = too_few(data.n_clusters, alpha)
        baseline = float(data.baseline.mean())
        if changed < FEW_CHANGED:
            low, high = self._guard(low, high, estimate, significant=p_value <= alpha)
            notes.append(f"{how_few(changed)} changed: interval widened by changes not seen yet")
        if not self.before.any():
            low, high = -math.inf, math.inf
            notes.append("the baseline's total is 0: the ratio is undefined")
        se: float | None = None
        if self.before.any() and self.after.any():
            ratio = math.exp(estimate)
            residual_se = centred_se(self.after - ratio * self.before, self.before)
            se = None if residual_se is None else residual_se / ratio
        margin = math.log(data.metric.margin)
        return Evidence(
            scale="log_ratio",
            baseline=baseline,
            candidate=float(data.candidate.mean()),
            estimate=estimate,
            low=low,
            high=high,
            p_value=p_value,
            se=se,
            changed=changed,
            hidden=0.0,
            beyond_margin=share_beyond(
                logs[before + after > 0], margin, higher=data.metric.higher_is_better
            ),
            test=flip_test_name(self.flips, "sign-flip of totals"),
            effect=("ratio of totals", math.exp(estimate) if math.isfinite(estimate) else None),
            swing=family_swing(float(differences.sum()), swing_sums, differences, mid_p=mid_p),
            notes=notes,
        )

    def _guard(
        self, low: float, high: float, estimate: float, *, significant: bool
    ) -> tuple[float, float]:
        """Widen by what unseen changes could add to the total.

        Deviation: a count without upper limit has no largest unseen change; the largest score
        seen in either version stands for it.
        """
        data, metric = self.data, self.data.metric
        top = metric.high
        if math.isinf(top):
            top = max(float(data.baseline.max()), float(data.candidate.max()))
        reach = top - metric.low
        mean = float(data.baseline.mean())
        if mean <= 0:
            return -math.inf, math.inf
        share = unseen_share(data.n_clusters, self.settings.alpha) * reach / mean
        down = math.log1p(-share) if share < 1 else -math.inf
        up = math.log1p(share)
        below, _ = widen(low, high, -down, estimate, significant=significant)
        _, above = widen(low, high, up, estimate, significant=significant)
        return below, above


def prepare_totals(
    data: Checked, columns: Columns, flips: Flips, settings: Settings
) -> TotalsContrast:
    """Register both versions' family totals and return the waiting contrast."""
    both = np.stack([data.baseline.sum(axis=1), data.candidate.sum(axis=1)])
    grid = to_grid(both)
    before, after = (family_sums(v, data.families, data.n_families) for v in grid.values)
    index = (columns.add(before), columns.add(after))
    return TotalsContrast(data, settings, flips, grid, before, after, index)


def _log_ratio(after: float, before: float) -> float:
    """Return log(after / before): 0 for 0/0, infinite where only one total is 0."""
    if before == 0:
        return math.inf if after > 0 else 0.0
    return math.log(after / before) if after > 0 else -math.inf


def _logs(ratios: Floats) -> Floats:
    positive = ratios > 0
    logs = np.log(np.where(positive, ratios, 1.0))
    return np.where(positive, logs, -np.inf)
