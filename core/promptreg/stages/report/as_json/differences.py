"""One entry of `comparisons`, and where it stands."""

from __future__ import annotations

from typing import Any

from promptreg.stages.report.as_json.values import finite, numbers
from promptreg.stages.report.text import clean
from promptreg.verdicts import CorrectedDifference, Difference, JudgeAlone, Slice

__all__ = ["by_side", "difference_json", "order_of", "slice_json"]


def difference_json(d: Difference) -> dict[str, Any]:
    """Return one entry of `comparisons`."""
    return {
        "template": clean(d.template),
        "metric": clean(d.metric),
        "slice": slice_json(d.slice),
        "kind": clean(d.kind),
        "unit": clean(d.unit),
        "direction": clean(d.direction),
        "n_scenarios": d.n_scenarios,
        "n_clusters": d.n_clusters,
        "repeats": d.repeats,
        "baseline": finite(d.baseline),
        "candidate": finite(d.candidate),
        "difference": finite(d.difference),
        "interval": numbers(d.interval),
        "level": finite(d.level),
        "p_value": finite(d.p_value),
        "p_adjusted": finite(d.p_adjusted),
        "effect_size": {"name": clean(d.effect_size[0]), "value": finite(d.effect_size[1])},
        "test": clean(d.test),
        "margin": finite(d.margin),
        "verdict": str(d.verdict),
        "gating": d.gating,
        "discordant": None if d.discordant is None else [int(n) for n in d.discordant],
        "detectable_difference": finite(d.detectable_difference),
        "missing": {"baseline": d.missing.baseline, "candidate": d.missing.candidate},
        "suspect": d.suspect,
        "insufficient": d.insufficient,
        "min_clusters": d.min_clusters,
        "scenarios_needed": d.scenarios_needed,
        "ratio": numbers(d.ratio),
        "rerun_se": finite(d.rerun_se),
        "variance": numbers(d.variance),
        "scenarios_by_side": by_side(d.scenarios_by_side),
        "clusters_by_side": by_side(d.clusters_by_side),
        "notes": [clean(note) for note in d.notes],
        "corrected": _corrected(d.corrected),
    }


def order_of(d: Difference) -> tuple[str, str, str, str, bool]:
    """Return the place of an entry; a guard comes before the plain slice of the same name."""
    attribute, value = (d.slice.attribute, d.slice.value) if d.slice else ("", "")
    return d.template, d.metric, attribute, value, not d.gating


def _corrected(c: CorrectedDifference | None) -> dict[str, Any] | None:
    if c is None:
        return None
    return {
        "difference": finite(c.difference),
        "interval": numbers(c.interval),
        "level": finite(c.level),
        "n_labelled": c.n_labelled,
        "lambda": finite(c.weight),
        "labels": clean(c.labels),
        "labels_sha256": c.labels_sha256,
        "judge_alone": None if c.alone is None else _alone(c.alone),
    }


def _alone(judge: JudgeAlone) -> dict[str, Any]:
    return {
        "difference": finite(judge.difference),
        "interval": numbers(judge.interval),
        "p_value": finite(judge.p_value),
        "verdict": str(judge.verdict),
    }


def by_side(counts: tuple[int, int] | None) -> dict[str, int] | None:
    """Return a pair of counts by the name of its side."""
    return None if counts is None else {"baseline": counts[0], "candidate": counts[1]}


def slice_json(where: Slice | None) -> dict[str, str] | None:
    """Return the `slice` of an entry; None: all scenarios."""
    if where is None:
        return None
    return {"attribute": clean(where.attribute), "value": clean(where.value)}
