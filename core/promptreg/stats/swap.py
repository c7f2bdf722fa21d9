"""Figures that are no average (ECE, kappa, corpus AP): swap test and cluster bootstrap."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from promptreg.stats.checks import Checked
from promptreg.stats.evidence import (
    FEW_CHANGED,
    Evidence,
    Settings,
    Swing,
    how_few,
    tail_p,
    too_few,
    unseen_share,
)
from promptreg.stats.flips import Flips
from promptreg.stats.grid import RELATIVE_TIE
from promptreg.stats.model import Floats
from promptreg.stats.paired import flip_test_name, percentiles, share_beyond, stuck, widen

# Draws are made in blocks that stay in the processor's cache.
_BLOCK_ELEMENTS = 1 << 17


@dataclass(frozen=True, slots=True)
class AggregateContrast:
    """Difference of an aggregate of all rows of each version.

    Test: swap both versions' rows within the flipped families and recompute; exact if the
    versions are exchangeable within families. Interval: percentile bootstrap of families
    (Efron & Tibshirani 1993, An Introduction to the Bootstrap, section 13.3), which is
    approximate (5 to 8 % error at a nominal 5 %) and need not agree with the test.
    """

    data: Checked
    settings: Settings
    flips: Flips
    function: Callable[[NDArray[Any]], float]

    def evidence(self, sums: Floats) -> Evidence:
        """Return the difference of the aggregates; ``sums`` is not used."""
        data, metric, alpha = self.data, self.data.metric, self.settings.alpha
        function = self.function
        before, after = float(function(data.baseline)), float(function(data.candidate))
        if not (math.isfinite(before) and math.isfinite(after)):
            raise ValueError(
                f"metric {metric.name!r}: its aggregate is {before} for the baseline and {after} "
                "for the candidate; it must be finite"
            )
        estimate = after - before
        changed = self._changed()
        notes = ["interval is approximate (cluster percentile bootstrap)"]
        draws = self._swapped()
        undefined = ~np.isfinite(draws)
        if undefined.any():
            notes.append(f"undefined in {int(undefined.sum())} swaps, which count as extreme")
        tolerance = max(RELATIVE_TIE * (abs(before) + abs(after)), 1e-15)
        # An undefined swap is a tie: it counts against a rejection on both sides.
        distance = np.where(undefined, 0.0, draws - estimate)
        signs = np.where(np.abs(distance) <= tolerance, 0.0, np.sign(distance))
        mid_p = self.settings.mid_p(changed) and not undefined.any()
        p_value = tail_p(signs, mid_p=mid_p)
        # Undefined swaps are as extreme as can be for the joint distribution as well.
        finite = np.where(undefined, np.inf, draws)
        sd = float(np.sqrt(np.mean(draws[~undefined] ** 2))) if (~undefined).any() else 0.0
        limit = metric.high - metric.low
        resampled = percentiles(self._bootstrap(), alpha)
        kept = resampled.kept
        low, high, se = -limit, limit, None
        if data.n_clusters >= 6 and resampled.interval is not None:
            (low, high), se = resampled.interval, resampled.se
            notes += resampled.notes
        notes += too_few(data.n_clusters, alpha)
        hidden = 0.0
        if changed < FEW_CHANGED or stuck(kept, estimate):
            hidden = unseen_share(data.n_clusters, alpha) * limit
            low, high = widen(low, high, hidden, estimate, significant=p_value <= alpha)
            why = (
                f"{how_few(changed)} changed"
                if changed < FEW_CHANGED
                else "the figure hardly varies"
            )
            notes.append(f"{why}: interval widened by changes not seen yet")
        return Evidence(
            scale="difference",
            baseline=before,
            candidate=after,
            estimate=estimate,
            low=low,
            high=high,
            p_value=p_value,
            se=se,
            changed=changed,
            hidden=hidden,
            beyond_margin=share_beyond(
                resampled.kept, metric.margin, higher=metric.higher_is_better
            ),
            test=flip_test_name(self.flips, "family swap"),
            effect=("swap standard deviations", estimate / sd if sd > tolerance else None),
            swing=Swing(estimate / sd, finite / sd, mid_p) if sd > tolerance else None,
            notes=notes,
        )

    def _changed(self) -> int:
        rows = np.any(
            np.reshape(self.data.baseline != self.data.candidate, (self.data.n, -1)), axis=1
        )
        return len(np.unique(self.data.families[rows]))

    def _swapped(self) -> Floats:
        data, done = self.data, 0
        values = np.empty(self.flips.rows)
        both = np.concatenate([data.baseline, data.candidate])
        for block in self.flips.blocks():
            flipped = block.T[data.families]
            kept = 1 - flipped
            before = aggregated(self.function, both, np.concatenate([kept, flipped]))
            after = aggregated(self.function, both, np.concatenate([flipped, kept]))
            values[done : done + len(block)] = after - before
            done += len(block)
        return values

    def _bootstrap(self) -> Floats:
        data = self.data
        # Rows are sorted by family: each family is counted as often as it is drawn.
        families, member = np.unique(data.families, return_inverse=True)
        n = len(families)
        rng = np.random.Generator(np.random.PCG64([self.flips.seed, 1]))
        values = np.empty(self.flips.draws)
        step = max(4, _BLOCK_ELEMENTS // n)
        for start in range(0, len(values), step):
            size = min(step, len(values) - start)
            picks = rng.integers(0, n, size=(size, n)) + n * np.arange(size)[:, None]
            drawn = np.bincount(picks.ravel(), minlength=size * n).reshape(size, n)
            counts = np.ascontiguousarray(drawn.T)[member]
            before = aggregated(self.function, data.baseline, counts)
            after = aggregated(self.function, data.candidate, counts)
            values[start : start + size] = after - before
        return values


def aggregated(
    function: Callable[[NDArray[Any]], float], values: NDArray[Any], counts: NDArray[Any]
) -> Floats:
    """Return the aggregate for each of several draws.

    Args:
        function: from rows to the metric; its method `many`, where it has one and that does not
            decline, makes all draws at once.
        values: the rows, shape (n, ...).
        counts: how often each row is part of each draw, shape (n, draws).
    """
    many = getattr(function, "many", None)
    found = many(values, counts) if callable(many) else None
    if found is not None:
        made = np.asarray(found, dtype=np.float64)
        if made.shape != (counts.shape[1],):
            raise ValueError(
                f"an aggregate of {counts.shape[1]} draws came as an array of shape {made.shape}"
            )
        return made
    return np.array([function(np.repeat(values, drawn, axis=0)) for drawn in counts.T])


def prepare_aggregate(data: Checked, flips: Flips, settings: Settings) -> AggregateContrast | None:
    """Return the contrast; it needs no columns. None where the metric is not defined on a side.

    Raises:
        ValueError: The metric has no aggregate function.
    """
    if data.metric.aggregate is None:
        raise ValueError(f"metric {data.metric.name!r}: statistic 'aggregate' needs a function")
    function = data.metric.aggregate
    if math.isnan(function(data.baseline)) or math.isnan(function(data.candidate)):
        return None
    return AggregateContrast(data, settings, flips, function)
