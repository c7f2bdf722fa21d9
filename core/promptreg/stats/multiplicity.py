"""Many metrics, many slices: adjusted p-values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from promptreg.stats.evidence import Swing
from promptreg.stats.model import Floats


def step_down_max_t(swings: Sequence[Swing]) -> list[float]:
    """Return p-values adjusted for all metrics together: P(any false accusation) <= alpha.

    Westfall & Young 1993, Resampling-Based Multiple Testing, algorithm 2.8; Romano & Wolf
    2005, JASA 100:94. Metrics are taken by falling |T|; each is compared with the largest
    |T| among itself and the remaining ones under the *same* flips, so correlated metrics cost
    little.

    Deviation: a draw that ties with the observed |T| counts half for metrics whose own p-value
    is a mid-p, so that a metric alone keeps its own p-value; the observed row counts fully.
    """
    if not swings:
        return []
    order = sorted(range(len(swings)), key=lambda j: -abs(swings[j].observed))
    rows = len(swings[0].draws)
    largest = np.zeros(rows)
    raw = [1.0] * len(swings)
    for j in reversed(order):
        swing = swings[j]
        largest = np.maximum(largest, np.abs(swing.draws))
        observed = abs(swing.observed)
        slack = 1e-9 * max(observed, 1.0)
        above = int(np.count_nonzero(largest > observed + slack))
        ties = int(np.count_nonzero(largest >= observed - slack)) - above
        raw[j] = min(1.0, (above + (0.5 if swing.mid_p else 1.0) * ties + 1.0) / (rows + 1.0))
    adjusted, running = list(raw), 0.0
    for j in order:
        running = max(running, raw[j])
        adjusted[j] = running
    return adjusted


def step_down_min_p(swings: Sequence[Swing]) -> list[float]:
    """Return p-values adjusted for all metrics together, each metric weighing the same.

    Westfall & Young 1993, algorithm 2.8: as :func:`step_down_max_t`, with every |T| replaced by
    its place among the draws of its own metric. Where a metric rests on a handful of units its
    studentised statistic has tails that would hide all other metrics from max |T|.
    """
    return step_down_max_t([_placed(swing) for swing in swings])


def _placed(swing: Swing) -> Swing:
    """Return a swing whose values are average ranks; any rising function keeps the test valid."""
    sizes = np.minimum(np.abs(np.append(swing.draws, swing.observed)), 1e300)  # some are infinite
    ordered = np.sort(sizes)
    slack = 1e-9 * np.maximum(sizes, 1.0)
    places = np.searchsorted(ordered, sizes - slack) + np.searchsorted(
        ordered, sizes + slack, side="right"
    )
    return replace(swing, observed=float(places[-1]), draws=places[:-1].astype(np.float64))


def shared_out(jointly: Sequence[float], apart: Sequence[float]) -> tuple[list[float], list[float]]:
    """Return p-values of both groups, adjusted for all of them together.

    For metrics that have no part in common flips: each group may err by its share of alpha, which
    is its share of the metrics, and within `apart` Holm's steps hold whatever the dependence. So
    P(any false accusation) <= alpha. Alone, either group keeps what it has.

    Args:
        jointly: adjusted already, for at least these metrics.
        apart: each metric's own.
    """
    count = len(jointly) + len(apart)
    return (
        [min(1.0, p * count / len(jointly)) for p in jointly],
        [min(1.0, p * count / len(apart)) for p in holm(apart)],
    )


def benjamini_hochberg(p: Sequence[float] | Floats) -> list[float]:
    """Return p-values adjusted for the false discovery rate, in the order given.

    Compare with q, e.g. 0.10, for hints among slices (Benjamini & Hochberg 1995, JRSS B
    57:289).
    """
    values = _checked(p)
    m = len(values)
    order = np.argsort(-values, kind="stable")
    steps = values[order] * m / np.arange(m, 0, -1)
    return _restore(np.minimum(1.0, np.minimum.accumulate(steps)), order)


def holm(p: Sequence[float] | Floats) -> list[float]:
    """Return p-values adjusted for any false accusation, whatever their dependence.

    Holm 1979, Scand. J. Stat. 6:65.
    """
    values = _checked(p)
    m = len(values)
    order = np.argsort(values, kind="stable")
    steps = values[order] * np.arange(m, 0, -1)
    return _restore(np.minimum(1.0, np.maximum.accumulate(steps)), order)


def _checked(p: Sequence[float] | Floats) -> Floats:
    values = np.asarray(p, dtype=np.float64)
    if values.ndim != 1 or not bool(np.all((values >= 0) & (values <= 1))):
        raise ValueError("p-values must be one list of numbers from 0 to 1")
    return values


def _restore(sorted_values: Floats, order: np.typing.NDArray[np.intp]) -> list[float]:
    result = np.empty(len(order))
    result[order] = sorted_values
    return [float(x) for x in result]
