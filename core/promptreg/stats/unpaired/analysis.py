"""All metrics of one unpaired comparison: intervals, p-values, verdicts.

Each scenario was answered by one version only, drawn at random; what was drawn is the *unit*: the
scenario itself, or all scenarios of a camera or session together. The unit is the independent
unit, as families are where versions are paired, and all metrics share the draws.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from promptreg.stats.analysis import adjusted
from promptreg.stats.evidence import Contrast, Evidence, Settings
from promptreg.stats.model import PairedResult
from promptreg.stats.multiplicity import step_down_min_p
from promptreg.stats.results import empty_result, result
from promptreg.stats.unpaired.aggregates import prepare_aggregate
from promptreg.stats.unpaired.arms import Arms, ArmScores, check_arms
from promptreg.stats.unpaired.draws import Draws, Totals
from promptreg.stats.unpaired.means import prepare_means
from promptreg.stats.unpaired.passfail import is_pass_fail, prepare_pass_fail
from promptreg.stats.unpaired.ranks import prepare_ranks

__all__ = ["ArmScores", "analyse_unpaired"]


def analyse_unpaired(
    metrics: Sequence[ArmScores],
    assigned: NDArray[np.bool_],
    *,
    alpha: float = 0.05,
    draws: int = 9999,
    seed: int,
    exact: bool = False,
) -> list[PairedResult]:
    """Return one result per metric, in the order given.

    Args:
        metrics: At most one per name; they share the unit index.
        assigned: Whether each unit was drawn for the candidate, shape (units,).
        alpha: Two-sided error of intervals and, over all gating metrics, of accusations.
        draws: Permutations to draw; all are enumerated where there are no more than this.
        seed: Seed of the permutations.
        exact: Never count ties half.

    Raises:
        ValueError: A metric is malformed or a setting is out of range.

    Notes:
        Results have the form of paired ones. ``n_scenarios`` and ``n_clusters`` count both sides
        together; what only pairs have (``discordant``, ``rerun_se``, variances) is ``None``.
    """
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha must lie between 0 and 0.5, not {alpha}")
    fewest = math.ceil(10 / alpha - 1e-9) - 1
    if draws < fewest:
        raise ValueError(f"draws must be at least {fewest}, not {draws}")
    checked = check_arms(metrics, assigned)
    settings = Settings(alpha, exact)
    dealt = Draws(assigned, draws, seed)
    gating = [data.metric.gating and min(data.sizes) > 0 for data in checked]
    totals = Totals(len(assigned))
    contrasts = [
        _prepare(data, totals, dealt, settings) if min(data.sizes) else None for data in checked
    ]
    sums = totals.of(dealt)
    found: list[Evidence | None] = [c.evidence(sums) if c else None for c in contrasts]
    joint = adjusted(found, gating, step_down_min_p)
    return [
        result(data, evidence, p, settings) if evidence else empty_result(data, settings)
        for data, evidence, p in zip(checked, found, joint, strict=True)
    ]


def _prepare(data: Arms, totals: Totals, draws: Draws, settings: Settings) -> Contrast | None:
    statistic = data.metric.statistic
    if statistic == "aggregate":
        return prepare_aggregate(data, draws, settings)
    if statistic == "signed_ranks":
        return prepare_ranks(data, draws, settings)
    if statistic == "mean" and is_pass_fail(data):
        return prepare_pass_fail(data, totals, draws, settings)
    return prepare_means(data, totals, draws, settings)
