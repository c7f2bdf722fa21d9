"""What goes into and what comes out of a paired analysis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Kind = Literal["binary", "bounded", "ordinal", "count"]
Statistic = Literal["mean", "signed_ranks", "ratio_of_totals", "aggregate"]
Verdict = Literal["improved", "equivalent", "no_worse", "regressed", "inconclusive"]


@dataclass(frozen=True, slots=True)
class PairedScores:
    """One metric of both versions over the scenarios where it applies.

    Attributes:
        name: The metric's name; used in error messages and results.
        kind: What the score is; chooses test, interval and effect size together with
            ``statistic``.
        baseline: Scores of the baseline, shape ``(n,)`` or ``(n, R)`` for R repeats. A failed
            trial already carries the worst value. For ``aggregate`` any trailing shape.
        candidate: Scores of the candidate, same shape.
        families: Family index of each scenario, shape ``(n,)``, from 0. All metrics passed to
            one :func:`~promptreg.stats.analysis.analyse` call share the index; each may cover
            another subset of it.
        low: Smallest possible score, in the metric's unit.
        high: Largest possible score; ``inf`` for an unlimited count.
        higher_is_better: Direction of the score.
        margin: Largest worsening accepted: positive, in the metric's unit; for
            ``signed_ranks`` and ``ratio_of_totals`` a ratio above 1, such as 1.10.
        statistic: What is compared: the mean, the signed ranks of log ratios (latency), the
            ratio of totals (tokens, cost), or any function of all rows (``aggregate``).
        gating: Whether the metric is in the family of accusations that is kept below alpha.
        aggregate: For ``aggregate``: from the rows of one version to one number.
    """

    name: str
    kind: Kind
    baseline: Floats
    candidate: Floats
    families: NDArray[np.intp]
    low: float
    high: float
    higher_is_better: bool
    margin: float
    statistic: Statistic = "mean"
    gating: bool = True
    aggregate: Callable[[NDArray[Any]], float] | None = None


@dataclass(frozen=True, slots=True)
class PairedResult:
    """What can be said about one metric.

    ``difference``, ``low``, ``high`` are candidate minus baseline in the metric's own unit and
    own sign (not turned by ``higher_is_better``). ``None`` always means "cannot be said": no
    field is ever NaN or infinite.

    Attributes:
        name: The metric's name.
        n_scenarios: Scenarios compared.
        n_clusters: Families among them: the independent units.
        repeats: Repeats per scenario.
        baseline: Mean of the baseline; for ``signed_ranks`` the median over all trials, for
            ``aggregate`` the aggregate.
        candidate: The same of the candidate.
        difference: Candidate minus baseline. For the ratio statistics (ratio - 1) x baseline.
        low: Lower end of the interval of the difference; ``None`` if unlimited.
        high: Upper end; ``None`` if unlimited.
        level: Confidence level of the interval, e.g. 0.95.
        p_value: Two-sided p-value of "the versions are the same"; 1 without data.
        p_adjusted: The same after step-down max-T over the gating metrics; ``None`` if not
            gating.
        effect_size: Name and value. Signs follow ``difference``, except "net win rate", where
            a win is a better score of the candidate.
        test: Human name of the test.
        margin: As given.
        verdict: One of the five verdicts.
        suspect: Inconclusive, but the interval excludes 0: a change that multiplicity hides.
        discordant: For pass/fail with one repeat: scenarios passed by (baseline only,
            candidate only).
        detectable_difference: Change that would have been seen with 80 % power, metric's unit.
        scenarios_needed: Additional scenarios that would give 80 % power to prove "no worse" if
            nothing changed; only when inconclusive.
        se: Standard error of the difference, metric's unit.
        rerun_se: The part of ``se`` that asking the same scenarios again would show.
        var_scenario: Variance of the true per-scenario difference (log ratio for
            ``signed_ranks``).
        var_repeat: Variance of one repeat, summed over both versions.
        ratio: (estimate, low, high) for the ratio statistics.
        confidence_worse_than_margin: Confidence that the worsening exceeds the margin.
        notes: What a reader must know.
    """

    name: str
    n_scenarios: int
    n_clusters: int
    repeats: int
    baseline: float | None
    candidate: float | None
    difference: float | None
    low: float | None
    high: float | None
    level: float
    p_value: float
    p_adjusted: float | None
    effect_size: tuple[str, float | None]
    test: str
    margin: float
    verdict: Verdict
    suspect: bool
    discordant: tuple[int, int] | None
    detectable_difference: float | None
    scenarios_needed: int | None
    se: float | None
    rerun_se: float | None
    var_scenario: float | None
    var_repeat: float | None
    ratio: tuple[float, float, float] | None
    confidence_worse_than_margin: float | None
    notes: tuple[str, ...]
