"""What reports show besides verdicts: where trials fail, and how probabilities came true."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from promptreg.records import Outcome, ScoreColumn
from promptreg.stages.compare.pairs import RunPair
from promptreg.verdicts import Breakdown, BreakdownRow, Curve

__all__ = ["CurveOf", "breakdowns", "curves"]

CurveOf = Callable[[Any], Sequence[tuple[float, float, int]]]
_MOST_POINTS = 200


def breakdowns(
    pairs: Sequence[RunPair], metrics: Sequence[str], by: Sequence[str]
) -> tuple[Breakdown, ...]:
    """Return how many scenarios fail, for each combination of attributes' values that occurs.

    A scenario fails where at least half of its repeats do; what nothing is known of is left out.

    Args:
        pairs: one per template.
        metrics: pass/fail metrics.
        by: attributes; scenarios that lack one are not broken down.
    """
    found = []
    for pair in pairs:
        attributes = [a for a in by if a in pair.baseline.attributes]
        if not attributes:
            continue
        keys = list(zip(*(pair.baseline.attributes[a] for a in attributes), strict=True))
        for metric in metrics:
            sides = [_failing(run.columns[metric]) for run in (pair.baseline, pair.candidate)]
            known = ~np.isnan(sides[0]) & ~np.isnan(sides[1])
            rows = []
            for key in sorted({k for k, ok in zip(keys, known, strict=True) if ok and all(k)}):
                mine = known & np.array([k == key for k in keys])
                before, after = (int((side[mine] >= 0.5).sum()) for side in sides)
                if before or after:
                    rows.append(BreakdownRow(tuple(key), int(mine.sum()), before, after))
            if rows:
                found.append(Breakdown(pair.template, metric, tuple(attributes), tuple(rows)))
    return tuple(found)


def curves(pairs: Sequence[RunPair], made: Mapping[str, CurveOf]) -> tuple[Curve, ...]:
    """Return the reliability of both versions by metric; none where a scorer's function raises.

    Args:
        pairs: one per template.
        made: metric to the function from values to (stated, came true, trials).
    """
    found = []
    for pair in pairs:
        for metric, curve in made.items():
            try:
                sides = [
                    tuple((float(x), float(y), int(n)) for x, y, n in curve(c.values))
                    for c in (pair.baseline.columns[metric], pair.candidate.columns[metric])
                ]
            except Exception:  # noqa: BLE001, S112 - a stranger's picture must not cost a verdict
                continue
            points = [p for side in sides for p in side]
            if points and len(points) <= _MOST_POINTS and bool(np.isfinite(points).all()):
                found.append(Curve(pair.template, metric, sides[0], sides[1]))
    return tuple(found)


def _failing(column: ScoreColumn) -> Any:
    """Return each scenario's share of repeats that fail; NaN where none is known."""
    bad = 1.0 - column.values if column.scale.higher_is_better else column.values
    unknown = (column.outcomes == Outcome.GAP) | (column.outcomes == Outcome.NOT_APPLICABLE)
    count = (~unknown).sum(axis=1)
    total = np.where(unknown, 0.0, bad).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
