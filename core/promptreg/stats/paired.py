"""The mean difference: family sign-flip test and the interval that inverts it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from promptreg.stats.checks import Checked
from promptreg.stats.evidence import (
    FEW_CHANGED,
    Evidence,
    Settings,
    family_swing,
    how_few,
    rank_for,
    tail_p,
    too_few,
    unseen_share,
)
from promptreg.stats.flips import Columns, Flips
from promptreg.stats.grid import Grid, differences, family_sums, tie_tolerance, to_grid
from promptreg.stats.model import Floats


@dataclass(frozen=True, slots=True)
class MeanContrast:
    """Mean of the per-scenario differences, families flipped as wholes.

    Under "the versions are the same" the labels are exchangeable within a family, so each
    family's sum ``D_g`` may be negated (Fisher 1935, The Design of Experiments, section 21).
    The means of the flipped subsets, ``theta_b = sum D_g / sum n_g``, are at once test
    (how many lie on the other side of 0) and interval (their order statistics; Hartigan 1969,
    JASA 64:1303). As flips keep ``sum D_g**2``, the test equals the studentised one and is
    asymptotically valid for "mean zero" (Janssen 1997, Stat. Probab. Lett. 36:9).
    """

    data: Checked
    settings: Settings
    flips: Flips
    d: Floats
    grid: Grid
    sums: Floats
    counts: Floats
    column: int
    count_column: int

    def evidence(self, sums: Floats) -> Evidence:
        """Return estimate, Hartigan interval widened by the sparse guard, and p-value."""
        data, metric, alpha = self.data, self.data.metric, self.settings.alpha
        unit = self.grid.scale * data.repeats
        estimate = float(self.sums.sum()) / (unit * data.n)
        tolerance = tie_tolerance(self.grid, data.baseline, data.candidate)
        changed = int(np.count_nonzero(np.abs(self.sums) > tolerance))
        mid_p = self.settings.mid_p(changed)
        flipped = sums[self.column]
        sign = np.where(np.abs(flipped) <= tolerance, 0.0, np.sign(flipped))
        p_value = tail_p(sign, mid_p=mid_p)
        means = subset_means(np.where(sign == 0, 0.0, flipped) / unit, sums[self.count_column])
        width = metric.high - metric.low
        low, high = hartigan(means, sums[self.count_column], alpha, limit=width)
        notes = too_few(data.n_clusters, alpha)
        hidden = 0.0
        if changed < FEW_CHANGED:
            hidden = unseen_share(data.n_clusters, alpha) * width
            low, high = widen(low, high, hidden, estimate, significant=p_value <= alpha)
            notes.append(f"{how_few(changed)} changed: interval widened by changes not seen yet")
        return Evidence(
            scale="difference",
            baseline=float(data.baseline.mean()),
            candidate=float(data.candidate.mean()),
            estimate=estimate,
            low=low,
            high=high,
            p_value=p_value,
            se=centred_se(self.sums / unit, self.counts),
            changed=changed,
            hidden=hidden,
            beyond_margin=share_beyond(means, metric.margin, higher=metric.higher_is_better),
            test=flip_test_name(self.flips, "family sign-flip" if self._grouped else "sign-flip"),
            effect=self._effect(),
            swing=family_swing(float(self.sums.sum()), flipped, self.sums, mid_p=mid_p),
            notes=notes,
        )

    @property
    def _grouped(self) -> bool:
        return self.data.n_clusters < self.data.n

    def _effect(self) -> tuple[str, float | None]:
        if self.data.metric.kind == "ordinal":
            # Paired Cliff's delta (Cliff 1993, Psychol. Bull. 114:494), a win being "better".
            wins = np.sign(self.d) * (1 if self.data.metric.higher_is_better else -1)
            return "net win rate", float(wins.mean())
        d = self.d / self.data.repeats
        sd = float(d.std(ddof=1)) if len(d) > 1 else 0.0
        # A constant difference has a rounding-noise SD; its d_z is undefined, not 1e16.
        defined = sd > 1e-12 * float(np.abs(d).max())
        return "Cohen's d_z", float(d.mean()) / sd if defined else None


def prepare_mean(data: Checked, columns: Columns, flips: Flips, settings: Settings) -> MeanContrast:
    """Register the family sums and sizes and return the waiting contrast."""
    d = differences(data.baseline, data.candidate)
    grid = to_grid(d)
    sums = family_sums(grid.values, data.families, data.n_families)
    counts = family_sums(np.ones(data.n), data.families, data.n_families)
    return MeanContrast(
        data, settings, flips, d, grid, sums, counts, columns.add(sums), columns.add(counts)
    )


def subset_means(numerators: Floats, denominators: Floats) -> Floats:
    """Return numerator / denominator of each flip; NaN-free, 0 for an empty subset."""
    return numerators / np.where(denominators == 0, 1.0, denominators)


def hartigan(
    means: Floats, denominators: Floats, alpha: float, *, limit: float
) -> tuple[float, float]:
    """Return the 1 - alpha interval: the k-th smallest and k-th largest subset mean.

    An empty subset supports every shift, so it counts as -inf for the lower and +inf for the
    upper end. With so few flips that k = 0, the interval is ``[-limit, limit]``.
    """
    k = rank_for(alpha, len(means))
    if k < 1:
        return -limit, limit
    empty = denominators == 0
    low = float(np.partition(np.where(empty, -np.inf, means), k - 1)[k - 1])
    high = float(np.partition(np.where(empty, np.inf, means), len(means) - k)[len(means) - k])
    return max(low, -limit), min(high, limit)


def widen(
    low: float, high: float, hidden: float, estimate: float, *, significant: bool
) -> tuple[float, float]:
    """Return the hull of the interval and [-hidden, hidden].

    Deviation: where the test itself has excluded 0, the end next to 0 stays, lest the interval
    contradict its own p-value (seven families worse and none better is p = .016).
    """
    toward_low = min(low, -hidden) if not (significant and estimate > 0) else low
    toward_high = max(high, hidden) if not (significant and estimate < 0) else high
    return toward_low, toward_high


@dataclass(frozen=True, slots=True)
class Resampled:
    """What a bootstrap of a figure says.

    Attributes:
        kept: the resamples in which it is defined.
        interval: percentiles; None where it is undefined in half of them or more.
        se: standard deviation; None likewise.
        notes: what was left out.
    """

    kept: Floats
    interval: tuple[float, float] | None
    se: float | None
    notes: tuple[str, ...]


def percentiles(resampled: Floats, alpha: float) -> Resampled:
    """Return the percentile interval of a figure that may be undefined in some resamples."""
    kept = resampled[np.isfinite(resampled)]
    if not len(kept) > 0.5 * len(resampled):
        return Resampled(kept, None, None, ())
    low, high = (float(x) for x in np.quantile(kept, [alpha / 2, 1 - alpha / 2]))
    lost = len(resampled) - len(kept)
    notes = (f"undefined in {lost} resamples, left out",) if lost else ()
    return Resampled(kept, (low, high), float(kept.std()), notes)


def stuck(resampled: Floats, estimate: float) -> bool:
    """Return whether most resamples give the estimate again, as at the end of a figure's range."""
    same = np.abs(resampled - estimate) <= 1e-12 * max(1.0, abs(estimate))
    return bool(np.mean(same) > 0.5) if resampled.size else False


def centred_se(sums: Floats, counts: Floats) -> float | None:
    """Return the standard error of the mean from family sums: their spread around it.

    ``sqrt(G/(G-1) * sum (D_g - n_g mean)**2) / sum n_g``; ``None`` for fewer than two families.
    The factor G/(G-1) (usual for cluster-robust variances) makes it right for few families.
    """
    present = counts > 0
    families = int(np.count_nonzero(present))
    if families < 2:
        return None
    total = float(counts.sum())
    residuals = (sums - counts * (float(sums.sum()) / total))[present]
    variance = float(np.sum(residuals**2)) * families / (families - 1)
    # A uniform difference leaves rounding noise where the spread is 0.
    if variance <= (1e-12 * float(np.abs(sums).sum())) ** 2:
        return 0.0
    return float(np.sqrt(variance)) / total


def share_beyond(means: Floats, margin: float, *, higher: bool) -> float:
    """Return the share of the confidence distribution that is worse than the margin."""
    if not len(means):
        return 0.0
    worse = means < -margin if higher else means > margin
    return float(np.count_nonzero(worse)) / len(means)


def flip_test_name(flips: Flips, name: str) -> str:
    """Return the name of the test with how the flips were made."""
    return f"{name} ({'exact enumeration' if flips.enumerated else f'{flips.rows} draws'})"
