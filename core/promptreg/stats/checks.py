"""The one place where paired scores are validated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from promptreg.stats.model import Floats, PairedScores

_LARGEST = 1e100  # squares and sums of larger scores would overflow


@dataclass(frozen=True, slots=True)
class Checked:
    """A metric that is safe to compute with: rows in a fixed order, families numbered densely.

    Attributes:
        metric: What the caller gave.
        baseline: Float scores, shape (n, R) or (n, ...) for an aggregate.
        candidate: The same shape.
        families: Dense index shared by all metrics of the call, shape (n,).
        n_families: Number of families over all metrics of the call.
        n_clusters: Number of families in this metric.
    """

    metric: PairedScores
    baseline: Floats
    candidate: Floats
    families: NDArray[np.intp]
    n_families: int
    n_clusters: int

    @property
    def n(self) -> int:
        """Number of scenarios."""
        return int(self.baseline.shape[0])

    @property
    def repeats(self) -> int:
        """Number of repeats per scenario."""
        return int(self.baseline.shape[1]) if self.baseline.ndim > 1 else 1


def check_all(metrics: Sequence[PairedScores], n_families: int | None = None) -> list[Checked]:
    """Validate metrics and number the families that occur in any of them from 0.

    Args:
        metrics: At most one per name.
        n_families: Families of a plan, which keep the numbers they have: some may not have come
            yet.

    Raises:
        ValueError: Names the metric, what was found and what is allowed.
    """
    names = [metric.name for metric in metrics]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"metric {name!r} is given twice; names must differ")
    parts = [_families(metric) for metric in metrics]
    if n_families is not None:
        for metric, part in zip(metrics, parts, strict=True):
            if part.size and part.max() >= n_families:
                raise ValueError(
                    f"metric {metric.name!r}: family index {part.max()} is not one of {n_families}"
                )
        return [
            _check(metric, part, n_families) for metric, part in zip(metrics, parts, strict=True)
        ]
    present = np.unique(np.concatenate(parts)) if parts else np.zeros(0, np.intp)
    return [
        _check(metric, np.searchsorted(present, part), len(present))
        for metric, part in zip(metrics, parts, strict=True)
    ]


def _families(metric: PairedScores) -> NDArray[np.intp]:
    given = np.asarray(metric.families)
    if given.ndim != 1 or len(given) != len(np.asarray(metric.baseline)):
        raise ValueError(f"metric {metric.name!r}: families must have one index per scenario")
    if given.size and not np.issubdtype(given.dtype, np.integer):
        raise ValueError(f"metric {metric.name!r}: families must be integers, not {given.dtype}")
    if given.size and given.min() < 0:
        raise ValueError(f"metric {metric.name!r}: family index {given.min()} is negative")
    return given.astype(np.intp)


def _check(metric: PairedScores, families: NDArray[np.intp], n_families: int) -> Checked:
    _check_settings(metric)
    baseline, candidate = _scores(metric, metric.baseline), _scores(metric, metric.candidate)
    if baseline.shape != candidate.shape:
        raise ValueError(
            f"metric {metric.name!r}: baseline has shape {baseline.shape}, candidate "
            f"{candidate.shape}; both need the same scenarios and repeats"
        )
    # Sums of floats depend on their order; a fixed order makes results independent of the
    # order in which workers delivered the rows.
    width = math.prod(baseline.shape[1:])
    flat = [a.reshape(len(a), width) for a in (candidate, baseline)]
    order = np.lexsort((*flat[0].T, *flat[1].T, families))
    return Checked(
        metric=metric,
        baseline=baseline[order],
        candidate=candidate[order],
        families=families[order].astype(np.intp),
        n_families=n_families,
        n_clusters=len(np.unique(families)),
    )


def _check_settings(metric: PairedScores) -> None:
    name, ratio = metric.name, metric.statistic in ("signed_ranks", "ratio_of_totals")
    smallest = 1.0 if ratio else 0.0
    if not (math.isfinite(metric.margin) and metric.margin > smallest):
        raise ValueError(f"metric {name!r}: margin {metric.margin} must be above {smallest:g}")
    if not (math.isfinite(metric.low) and metric.low < metric.high):
        raise ValueError(
            f"metric {name!r}: range [{metric.low}, {metric.high}] needs a finite low below high"
        )
    if (metric.statistic == "aggregate") != (metric.aggregate is not None):
        raise ValueError(f"metric {name!r}: statistic 'aggregate' and a function go together")


def _scores(metric: PairedScores, given: Floats) -> Floats:
    scores = np.asarray(given, dtype=np.float64)
    if scores.ndim == 1:
        scores = scores[:, None]
    if metric.statistic != "aggregate" and scores.ndim != 2:
        raise ValueError(f"metric {metric.name!r}: scores must have shape (n,) or (n, R)")
    if scores.ndim > 1 and 0 in scores.shape[1:]:
        raise ValueError(f"metric {metric.name!r}: there is no repeat; at least one is needed")
    bad = ~(np.abs(scores) < _LARGEST)  # also true for NaN
    if bad.any():
        index = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"metric {metric.name!r}: score {scores[index]} at (scenario, repeat) {index}; every "
            "score must be a finite number (a failed trial counts as the worst value)"
        )
    if metric.statistic == "aggregate":
        return scores
    if metric.statistic != "mean":
        # A duration may end a little above its cap: only the sign matters for a ratio.
        if scores.size and scores.min() < 0:
            raise ValueError(f"metric {metric.name!r}: a ratio needs scores of at least 0")
        return scores
    slack = 1e-9 * max(1.0, abs(metric.low), abs(metric.high) if metric.high < np.inf else 0.0)
    outside = (scores < metric.low - slack) | (scores > metric.high + slack)
    if outside.any():
        index = tuple(int(i) for i in np.argwhere(outside)[0])
        raise ValueError(
            f"metric {metric.name!r}: score {scores[index]} at (scenario, repeat) {index} is "
            f"outside [{metric.low:g}, {metric.high:g}]"
        )
    return scores
