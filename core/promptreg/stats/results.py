"""From evidence on its own scale to a result in the metric's unit."""

from __future__ import annotations

import math

import numpy as np

from promptreg.stats.checks import Checked
from promptreg.stats.decision import decide
from promptreg.stats.evidence import FEW_CHANGED, Evidence, Settings
from promptreg.stats.model import PairedResult, Verdict
from promptreg.stats.power import (
    Variances,
    clusters_for_unseen,
    multiplier,
    scenarios_for,
    split_variance,
)
from promptreg.stats.unpaired.arms import Arms


def result(
    data: Checked | Arms,
    evidence: Evidence,
    p_adjusted: float | None,
    settings: Settings,
    *,
    accuse_at: float | None = None,
) -> PairedResult:
    """Return the result of a metric with at least one scenario.

    `accuse_at` is the largest p-value that accuses, where it is not the error of the interval: at
    one look of several.
    """
    metric, alpha = data.metric, settings.alpha
    sign = 1.0 if metric.higher_is_better else -1.0
    low, high = sorted((sign * evidence.low, sign * evidence.high))
    margin = math.log(metric.margin) if evidence.scale == "log_ratio" else metric.margin
    verdict: Verdict = "inconclusive"
    if data.n_clusters > 1:  # one family says nothing about others
        deciding = evidence.p_value if p_adjusted is None else p_adjusted
        accusing = alpha if accuse_at is None else accuse_at
        verdict = decide(low, high, sign * evidence.estimate, margin, deciding, accusing)
    unclear = verdict == "inconclusive"
    notes = list(evidence.notes)
    needed = None
    if unclear:
        needed, why_not = _more_scenarios(data, evidence, margin, alpha)
        notes += [why_not] if why_not else []
    split = _split(data)
    rerun = math.sqrt(split.repeat / (data.repeats * data.n)) if split else None
    if rerun is not None and metric.statistic == "signed_ranks":
        rerun = _scaled(evidence, rerun)
    observed = evidence.candidate - evidence.baseline
    difference = _in_unit(evidence, evidence.estimate)
    return PairedResult(
        name=metric.name,
        n_scenarios=data.n,
        n_clusters=data.n_clusters,
        repeats=data.repeats,
        baseline=evidence.baseline,
        candidate=evidence.candidate,
        # A total of 0 has no ratio; the difference itself is still known.
        difference=observed if difference is None else difference,
        low=_in_unit(evidence, evidence.low),
        high=_in_unit(evidence, evidence.high),
        level=1 - alpha,
        p_value=evidence.p_value,
        p_adjusted=p_adjusted,
        effect_size=evidence.effect,
        test=evidence.test,
        margin=metric.margin,
        verdict=verdict,
        suspect=unclear and data.n_clusters > 1 and (low > 0 or high < 0),
        discordant=evidence.discordant,
        detectable_difference=_detectable(data, evidence, alpha),
        scenarios_needed=needed,
        se=None if evidence.se is None else _scaled(evidence, evidence.se),
        rerun_se=rerun,
        var_scenario=split.scenario if split else None,
        var_repeat=split.repeat if split else None,
        ratio=_ratio(evidence),
        confidence_worse_than_margin=evidence.beyond_margin,
        notes=tuple(notes),
    )


def empty_result(data: Checked | Arms, settings: Settings) -> PairedResult:
    """Return the result of a metric that applies to no scenario, or is undefined: inconclusive."""
    return PairedResult(
        name=data.metric.name,
        n_scenarios=data.n,
        n_clusters=data.n_clusters,
        repeats=data.repeats,
        baseline=None,
        candidate=None,
        difference=None,
        low=None,
        high=None,
        level=1 - settings.alpha,
        p_value=1.0,
        p_adjusted=1.0 if data.metric.gating else None,
        effect_size=("none", None),
        test="none",
        margin=data.metric.margin,
        verdict="inconclusive",
        suspect=False,
        discordant=None,
        detectable_difference=None,
        scenarios_needed=None,
        se=None,
        rerun_se=None,
        var_scenario=None,
        var_repeat=None,
        ratio=None,
        confidence_worse_than_margin=None,
        notes=("not defined on these scenarios" if data.n else "no scenario: nothing can be said",),
    )


def _split(data: Checked | Arms) -> Variances | None:
    metric = data.metric
    if metric.statistic == "aggregate" or not isinstance(data, Checked):
        return None
    if metric.statistic == "signed_ranks":
        both = np.stack([data.baseline, data.candidate])
        if not both.all():
            return None
        return split_variance(np.log(both[0]), np.log(both[1]))
    return split_variance(data.baseline, data.candidate)


def _in_unit(evidence: Evidence, value: float) -> float | None:
    """Return a value on the evidence's scale in the metric's unit; None if unlimited."""
    if evidence.scale == "difference":
        return value if math.isfinite(value) else None
    if value > 300 or not evidence.baseline > 0:  # exp would overflow
        return None
    return math.expm1(value) * evidence.baseline


def _scaled(evidence: Evidence, se: float) -> float | None:
    """Return a standard error in the metric's unit (delta method for a log ratio)."""
    if evidence.scale == "difference":
        return se
    unit = _in_unit(evidence, evidence.estimate)
    return None if unit is None else se * (evidence.baseline + unit)


def _ratio(evidence: Evidence) -> tuple[float, float, float] | None:
    values = (evidence.estimate, evidence.low, evidence.high)
    if evidence.scale != "log_ratio" or max(values) > 300 or evidence.estimate == -math.inf:
        return None
    return math.exp(values[0]), math.exp(values[1]), math.exp(values[2])


def _detectable(data: Checked | Arms, evidence: Evidence, alpha: float) -> float | None:
    """Return the change that 80 % of such runs would see, in the metric's unit.

    Never less than what unseen changes could hide: with nothing changed the standard error
    is 0, which says nothing about the next scenario.
    """
    factor = multiplier(data.n_clusters, alpha)
    if factor is None or evidence.se is None:
        return None
    return _in_unit(evidence, max(factor * evidence.se, evidence.hidden))


def _more_scenarios(
    data: Checked | Arms, evidence: Evidence, margin: float, alpha: float
) -> tuple[int | None, str | None]:
    """Return the additional scenarios to prove "no worse", or why there is no such number."""
    if evidence.se is None:
        return None, None
    total = scenarios_for(margin, data.n, data.n_clusters, evidence.se, alpha)
    if total is None:
        return None, None
    if evidence.changed < FEW_CHANGED and evidence.hidden > 0:
        clusters = clusters_for_unseen(margin, data.metric.high - data.metric.low, alpha)
        if clusters is None:
            return None, "the score has no upper limit: give one, to bound changes not seen yet"
        seen = min(data.clusters) if isinstance(data, Arms) else data.n_clusters
        total = max(total, math.ceil(clusters * data.n / max(1, seen)))
    if total <= data.n:
        return None, "large enough for this margin: the change itself lies near it"
    return total - data.n, None
