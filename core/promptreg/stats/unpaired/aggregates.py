"""Figures that are no average (AUROC, ECE, distances of distributions): units dealt anew."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from promptreg.stats.evidence import FEW_CHANGED, Evidence, Settings
from promptreg.stats.model import Floats
from promptreg.stats.paired import percentiles, share_beyond, stuck, widen
from promptreg.stats.unpaired.arms import Arms
from promptreg.stats.unpaired.draws import Draws
from promptreg.stats.unpaired.shared import (
    hidden_change,
    minority,
    p_of,
    swing_of,
    test_name,
    too_few_units,
)

__all__ = ["AggregateContrast", "prepare_aggregate"]

_MOST_ROWS = 1_999
_FEWEST_UNITS = 6
_SLIGHT = 0.1
"""Of the margin: a difference that sizes alone make and that may be neglected."""


@dataclass(frozen=True, slots=True)
class AggregateContrast:
    """Difference of a figure made of all rows of each arm.

    Test: deal the units anew and recompute; exact if the versions do the same, approximate if
    they only have the same figure (nothing is studentised). Interval: percentile bootstrap of
    units within each arm (Efron & Tibshirani 1993, An Introduction to the Bootstrap, section 8.3),
    approximate, and it need not agree with the test.

    Some figures (calibration errors, distances of distributions) are the larger the fewer rows they
    are made of. Where the draws show that arms of these sizes differ by themselves, by more than a
    tenth of the margin, the interval covers everything, and nothing is accused against the side of
    the draws' mean that the difference lies on.
    """

    data: Arms
    settings: Settings
    draws: Draws
    function: Callable[[NDArray[Any]], float]

    def evidence(self, totals: Floats) -> Evidence:
        """Return the difference of the figures; ``totals`` is not used."""
        data, metric, alpha = self.data, self.data.metric, self.settings.alpha
        before, after = (float(self.function(s.baseline)) for s in (data.before, data.after))
        estimate = after - before
        rows = np.concatenate([data.before.baseline, data.after.baseline])
        minor = minority(np.round(rows.reshape(len(rows), -1).mean(axis=1), 12))
        notes = ["interval is approximate (bootstrap of units)", "test supposes equal spreads"]
        notes += too_few_units(data, self.draws, alpha)
        limit = metric.high - metric.low
        low, high, se, beyond = -limit, limit, None, None
        drawn = self._drawn(rows)
        sd = float(np.nanstd(drawn)) if np.isfinite(drawn).any() else 0.0
        p_value, swing = 1.0, None
        usual = float(np.nanmean(drawn)) if np.isfinite(drawn).any() else 0.0
        biased = abs(usual) > _SLIGHT * metric.margin
        if biased:
            notes.append(
                "this figure depends on how many scenarios a side has, and the sides differ in "
                "that: no interval"
            )
        # Against the draws' own middle the difference may point the other way.
        if data.comparable and drawn.size and (not biased or (estimate - usual) * estimate > 0):
            p_value = p_of(estimate, drawn, self.settings, minor)
            if sd > 1e-12:
                swing = swing_of(
                    (estimate - usual) / sd, (drawn - usual) / sd, self.settings, minor
                )
        hidden = 0.0
        if min(data.clusters) >= _FEWEST_UNITS and not biased:
            resampled = percentiles(self._bootstrap(), alpha)
            if resampled.interval is not None:
                (low, high), se = resampled.interval, resampled.se
                higher = metric.higher_is_better
                beyond = share_beyond(resampled.kept, metric.margin, higher=higher)
                if minor < FEW_CHANGED or stuck(resampled.kept, estimate):
                    hidden = hidden_change(data, alpha, limit)
                    significant = p_value <= alpha
                    low, high = widen(low, high, hidden, estimate, significant=significant)
                    notes.append("hardly varies: interval widened by what was not seen yet")
                notes += resampled.notes
        return Evidence(
            scale="difference",
            baseline=before,
            candidate=after,
            estimate=estimate,
            low=low,
            high=high,
            p_value=p_value,
            se=se,
            changed=minor,
            hidden=hidden,
            beyond_margin=beyond,
            test=test_name(self.draws, "unpaired permutation"),
            effect=("permutation standard deviations", estimate / sd if sd > 1e-12 else None),
            swing=swing,
            notes=notes,
        )

    def _drawn(self, rows: Floats) -> Floats:
        units, done = self.data.units(), 0
        values = np.empty(self.draws.rows)
        for block in self.draws.blocks():
            for draw in block:
                mine = draw[units]
                if mine.all() or not mine.any():
                    values[done] = np.nan
                else:
                    values[done] = self.function(rows[mine]) - self.function(rows[~mine])
                done += 1
        return values

    def _bootstrap(self) -> Floats:
        rng = np.random.Generator(np.random.PCG64([self.draws.seed, 1]))
        sides = [(s.baseline, _members(s.families)) for s in (self.data.before, self.data.after)]
        found = np.empty(min(self.draws.most, _MOST_ROWS))
        for i in range(len(found)):
            figures = []
            for values, members in sides:
                picks = rng.integers(0, len(members), size=len(members))
                chosen = values[np.concatenate([members[p] for p in picks])]
                figures.append(self.function(chosen))
            found[i] = figures[1] - figures[0]
        return found


def _members(units: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    # Rows are sorted by unit, so each unit is one run of consecutive rows.
    starts = np.flatnonzero(np.diff(units, prepend=-1))
    return list(np.split(np.arange(len(units)), starts[1:]))


def prepare_aggregate(data: Arms, draws: Draws, settings: Settings) -> AggregateContrast | None:
    """Return the contrast; None where the figure is not defined on a side.

    Raises:
        ValueError: The metric has no aggregate function.
    """
    function = data.metric.aggregate
    if function is None:
        raise ValueError(f"metric {data.metric.name!r}: statistic 'aggregate' needs a function")
    if not all(math.isfinite(function(s.baseline)) for s in (data.before, data.after)):
        return None
    return AggregateContrast(data, settings, draws, function)
