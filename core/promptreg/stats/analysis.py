"""All metrics of one comparison: intervals, p-values, verdicts.

Unit is the scenario (mean over its repeats), independent unit the family. Every family is
flipped for all metrics at once, so that metrics can be corrected jointly.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from promptreg.stats.checks import Checked, check_all
from promptreg.stats.decision import reconcile
from promptreg.stats.evidence import Contrast, Evidence, Settings, Swing
from promptreg.stats.flips import Columns, Flips
from promptreg.stats.model import PairedResult, PairedScores
from promptreg.stats.multiplicity import step_down_max_t
from promptreg.stats.paired import prepare_mean
from promptreg.stats.passfail import is_pass_fail, prepare_pass_fail
from promptreg.stats.ranks import prepare_ranks
from promptreg.stats.ratios import prepare_totals
from promptreg.stats.results import empty_result, result
from promptreg.stats.swap import prepare_aggregate

__all__ = [
    "PairedResult",
    "PairedScores",
    "adjusted",
    "analyse",
    "gather",
    "reconcile",
]

_DRAWS_PER_TAIL = 5  # fewer, and the interval would end on the outermost flips


def analyse(
    metrics: Sequence[PairedScores],
    *,
    alpha: float = 0.05,
    draws: int = 9999,
    seed: int,
    exact: bool = False,
) -> list[PairedResult]:
    """Return one result per metric, in the order given.

    Args:
        metrics: At most one per name; they share the family index.
        alpha: Two-sided error of intervals and, over all gating metrics, of accusations.
        draws: Flips to draw; all flips are enumerated where there are no more than this.
        seed: Seed of flips and resamples; same data, families and seed give the same result
            whatever the order of rows.
        exact: Never count ties half. Guarantees the level in finite samples, for 5 to 8 points
            of power.

    Raises:
        ValueError: A metric is malformed (NaN, shapes, ranges, margin) or a setting is out of
            range; the message names the metric.

    Notes:
        Degenerate data never raise: no scenario, one scenario, nothing changed, everything
        changed all have a verdict. A metric that is not gating is judged by its own p-value;
        adjust the p-values of slices by
        :func:`~promptreg.stats.multiplicity.benjamini_hochberg`. For many slices fewer
        ``draws`` (1,999) cost proportionally less and are ample for hints.
    """
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha must lie between 0 and 0.5, not {alpha}")
    fewest = math.ceil(2 * _DRAWS_PER_TAIL / alpha - 1e-9) - 1
    if draws < fewest:
        raise ValueError(f"draws must be at least {fewest}, not {draws}")
    checked = check_all(metrics)
    settings = Settings(alpha, exact)
    flips = Flips(checked[0].n_families if checked else 0, draws, seed)
    gating = [data.metric.gating and data.n > 0 for data in checked]
    found = gather(checked, gating, flips, settings, jointly=sum(gating) > 1)
    joint = adjusted(found, gating)
    return [
        result(data, evidence, p, settings) if evidence else empty_result(data, settings)
        for data, evidence, p in zip(checked, found, joint, strict=True)
    ]


def gather(
    checked: Sequence[Checked],
    gating: Sequence[bool],
    flips: Flips,
    settings: Settings,
    *,
    jointly: bool,
) -> list[Evidence | None]:
    """Return the evidence on each metric, None where there is no scenario or it is not defined.

    Args:
        checked: The metrics.
        gating: Whether each is in the family of accusations.
        flips: Of all families.
        settings: Level and how ties count.
        jointly: Whether gating metrics are corrected together, hence all need a swing.
    """
    columns = Columns(flips.n_families)
    contrasts = [
        _prepare(data, columns, flips, settings, joins=jointly and gate) if data.n else None
        for data, gate in zip(checked, gating, strict=True)
    ]
    sums = columns.flipped_sums(flips)
    return [contrast.evidence(sums) if contrast else None for contrast in contrasts]


def _prepare(
    data: Checked, columns: Columns, flips: Flips, settings: Settings, *, joins: bool
) -> Contrast | None:
    statistic = data.metric.statistic
    if statistic == "aggregate":
        return prepare_aggregate(data, flips, settings)
    if statistic == "signed_ranks":
        return prepare_ranks(data, columns, flips, settings)
    if statistic == "ratio_of_totals":
        return prepare_totals(data, columns, flips, settings)
    if is_pass_fail(data):
        return prepare_pass_fail(data, columns, settings, joins=joins)
    return prepare_mean(data, columns, flips, settings)


def adjusted(
    found: Sequence[Evidence | None],
    gating: Sequence[bool],
    step_down: Callable[[Sequence[Swing]], list[float]] = step_down_max_t,
) -> list[float | None]:
    """Return jointly adjusted p-values of the gating metrics, never below their own."""
    members = [e for e, gate in zip(found, gating, strict=True) if e is not None and gate]
    if len(members) == 1:
        return [e.p_value if e and gate else None for e, gate in zip(found, gating, strict=True)]
    moving = [e for e in members if e.swing is not None]
    joint = step_down([e.swing for e in moving if e.swing is not None])
    by_id = {id(e): max(p, e.p_value) for e, p in zip(moving, joint, strict=True)}
    return [
        by_id.get(id(e), 1.0) if e is not None and gate else None
        for e, gate in zip(found, gating, strict=True)
    ]
