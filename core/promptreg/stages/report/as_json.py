"""The comparison as plain JSON values: what `compare --json` prints and `-o x.json` holds.

The keys are a contract. Nothing here is rounded or formatted; what does not exist is null, never
0 and never NaN.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from promptreg.stages.report.text import clean
from promptreg.verdicts import (
    Breakdown,
    Calibration,
    Comparison,
    CorrectedDifference,
    Counts,
    Criterion,
    Curve,
    Design,
    Difference,
    Limit,
    Pairwise,
    Ranking,
    Rate,
    ScenarioChange,
    Side,
    SideTrial,
    Slice,
    Stopping,
)

__all__ = ["comparison_json", "dump_json", "finite"]

WORST = 20
"""Scenarios listed; the HTML report and the run's own tables hold more."""
_TEXT = 1_000
_ITEMS = 50
_DEPTH = 5
_BIG = 2**63


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """Return the comparison as JSON values: finite numbers, encodable text, a stable order.

    `comparisons` is sorted by template, metric and slice; mappings are sorted by key.
    """
    c = comparison
    return {
        "schema_version": c.schema_version,
        "suite": clean(c.suite),
        "created_at": clean(c.created_at),
        "provider": clean(c.provider),
        "subject": clean(c.subject),
        "synthetic": c.synthetic,
        "baseline": _side(c.baseline),
        "candidate": _side(c.candidate),
        "gate": {
            "verdict": str(c.gate.verdict),
            "reasons": [clean(reason) for reason in c.gate.reasons],
            "exit_code": int(c.gate.exit_code),
        },
        "design": _design(c.design),
        "alpha": finite(c.alpha),
        "policy_sha256": clean(c.policy_sha256),
        "warnings": [clean(warning) for warning in c.warnings],
        "comparisons": [difference_json(d) for d in sorted(c.differences, key=_order)],
        "limits": [_limit(limit) for limit in c.limits],
        "criteria": [_criterion(criterion) for criterion in c.criteria],
        "preset": clean(c.preset) or None,
        "rankings": [_ranking(ranking) for ranking in c.rankings],
        "trials": _counts(c.counts),
        "cost": finite(c.cost),
        "duration_s": finite(c.duration_s),
        "complete_case": {
            "note": "differences without failed trials; a footnote, never used for a verdict",
            "differences": {clean(k): finite(v) for k, v in sorted(c.complete_case.items())},
        },
        "stopping": _stopping(c.stopping),
        "calibration": _calibration(c.calibration),
        "breakdowns": [_breakdown(b) for b in c.breakdowns],
        "curves": [_curve(curve) for curve in c.curves],
        "pairwise": [_pairwise(p) for p in c.pairwise],
        "scenarios_total": c.changes_total,
        "worst_scenarios": [_change(change) for change in c.changes[:WORST]],
    }


def dump_json(comparison: Comparison) -> str:
    """Return `comparison_json` as indented text that UTF-8 can encode, with a final line feed."""
    values = comparison_json(comparison)
    return json.dumps(values, ensure_ascii=False, allow_nan=False, indent=2) + "\n"


def finite(value: float | None) -> float | int | None:
    """Return a plain finite number, or None where there is none; negative zero becomes zero."""
    if value is None or not math.isfinite(value):
        return None
    return int(value) if isinstance(value, int) else float(value) + 0.0


def difference_json(d: Difference) -> dict[str, Any]:
    """Return one entry of `comparisons`."""
    return {
        "template": clean(d.template),
        "metric": clean(d.metric),
        "slice": _slice(d.slice),
        "kind": clean(d.kind),
        "unit": clean(d.unit),
        "direction": clean(d.direction),
        "n_scenarios": d.n_scenarios,
        "n_clusters": d.n_clusters,
        "repeats": d.repeats,
        "baseline": finite(d.baseline),
        "candidate": finite(d.candidate),
        "difference": finite(d.difference),
        "interval": _numbers(d.interval),
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
        "ratio": _numbers(d.ratio),
        "rerun_se": finite(d.rerun_se),
        "variance": _numbers(d.variance),
        "scenarios_by_side": _by_side(d.scenarios_by_side),
        "clusters_by_side": _by_side(d.clusters_by_side),
        "notes": [clean(note) for note in d.notes],
        "corrected": _corrected(d.corrected),
    }


def _corrected(c: CorrectedDifference | None) -> dict[str, Any] | None:
    if c is None:
        return None
    return {
        "difference": finite(c.difference),
        "interval": _numbers(c.interval),
        "level": finite(c.level),
        "n_labelled": c.n_labelled,
        "lambda": finite(c.weight),
        "labels": clean(c.labels),
        "labels_sha256": c.labels_sha256,
    }


def _by_side(counts: tuple[int, int] | None) -> dict[str, int] | None:
    return None if counts is None else {"baseline": counts[0], "candidate": counts[1]}


def _design(design: Design | None) -> dict[str, Any]:
    if design is None:
        return {"kind": "paired", "label": "paired", "unit": None, "allocation": None}
    return {
        "kind": clean(design.kind),
        "label": clean(design.label),
        "unit": clean(design.unit),
        "allocation": [
            {
                "template": clean(a.template),
                "scenarios": _by_side(a.scenarios),
                "units": _by_side(a.units),
                "declared_share": finite(a.share),
                "observed_share": finite(a.units[1] / max(1, sum(a.units))),
                "p_value": finite(a.p_value),
                "balanced": a.balanced,
            }
            for a in design.allocations
        ],
    }


def _order(d: Difference) -> tuple[str, str, str, str, bool]:
    """Return the place of an entry; a guard comes before the plain slice of the same name."""
    attribute, value = (d.slice.attribute, d.slice.value) if d.slice else ("", "")
    return d.template, d.metric, attribute, value, not d.gating


def _numbers(values: Sequence[float] | None) -> list[float | int | None] | None:
    """Return all numbers, or None if any of them is not finite: half an interval says nothing."""
    if values is None or not all(math.isfinite(v) for v in values):
        return None
    return [finite(v) for v in values]


def _slice(where: Slice | None) -> dict[str, str] | None:
    if where is None:
        return None
    return {"attribute": clean(where.attribute), "value": clean(where.value)}


def _side(side: Side) -> dict[str, Any]:
    names = sorted(side.template_sha256)
    hashes = [side.template_sha256[name] for name in names]
    template_hash: str | None
    if len(names) > 1:
        lines = "\n".join(f"{n}:{h}" for n, h in zip(names, hashes, strict=True))
        template_hash = hashlib.sha256(lines.encode("utf-8", "replace")).hexdigest()
    else:
        template_hash = clean(hashes[0]) if hashes else None
    runs = [side.run_ids[name] for name in sorted(side.run_ids)]
    return {
        "label": clean(side.label),
        "template_hash": template_hash,
        "run_id": clean("+".join(runs)) if runs else None,
        "fingerprints": {clean(k): clean(v) for k, v in sorted(side.fingerprints.items())},
        "templates": {
            clean(name): {
                "template_hash": clean(side.template_sha256[name]),
                "run_id": clean(side.run_ids[name]) if name in side.run_ids else None,
            }
            for name in names
        },
    }


def _limit(limit: Limit) -> dict[str, Any]:
    return {
        "template": clean(limit.template),
        "metric": clean(limit.metric),
        "slice": _slice(limit.slice),
        "bound": clean(limit.bound),
        "threshold": finite(limit.threshold),
        "value": finite(limit.value),
        "interval": _numbers(limit.interval),
        "status": clean(limit.status),
        "n_scenarios": limit.n_scenarios,
        "name": clean(limit.name or limit.metric),
        "share_within": (
            None
            if limit.within is None
            else {"comparison": clean(limit.within[0]), "value": finite(limit.within[1])}
        ),
        "must": clean(limit.must),
        "notes": [clean(note) for note in limit.notes],
    }


def _criterion(criterion: Criterion) -> dict[str, Any]:
    return {
        "name": clean(criterion.name),
        "what": clean(criterion.what),
        "status": clean(criterion.status),
        "note": clean(criterion.note),
    }


def _ranking(ranking: Ranking) -> dict[str, Any]:
    return {
        "metric": clean(ranking.metric),
        "template": clean(ranking.template),
        "label": clean(ranking.label),
        "mean": finite(ranking.mean),
        "interval": _numbers(ranking.interval),
        "best_rank": ranking.best_rank,
        "worst_rank": ranking.worst_rank,
    }


def _calibration(c: Calibration) -> dict[str, Any]:
    return {
        "state": str(c.state),
        "reasons": [clean(reason) for reason in c.reasons],
        "created_at": clean(c.created_at) or None,
        "simulations": c.simulations,
        "false_alarm": _rate(c.false_alarm),
        "passed": _rate(c.passed),
        "power": [
            {
                "template": clean(p.template),
                "metric": clean(p.metric),
                "slice": _slice(p.slice),
                "times_margin": finite(p.times_margin),
                "failed": _rate(p.failed),
                "passed": _rate(p.passed),
            }
            for p in c.power
        ],
    }


def _rate(rate: Rate | None) -> dict[str, Any] | None:
    if rate is None:
        return None
    return {
        "count": rate.count,
        "of": rate.of,
        "share": finite(rate.share),
        "interval": _numbers(rate.interval),
    }


def _counts(counts: Counts) -> dict[str, Any]:
    sides = ("baseline", "candidate")
    causes = sorted({cause for side in sides for cause in counts.failed.get(side, {})})
    return {
        "planned": counts.planned,
        "cached": counts.cached,
        "called": counts.called,
        "failed": {
            clean(cause): {side: counts.failed.get(side, {}).get(cause, 0) for side in sides}
            for cause in causes
        },
        "failed_total": {side: sum(counts.failed.get(side, {}).values()) for side in sides},
        "prompt_tokens": counts.prompt_tokens,
        "completion_tokens": counts.completion_tokens,
    }


def _stopping(stopping: Stopping | None) -> dict[str, Any] | None:
    if stopping is None:
        return None
    return {
        "reason": str(stopping.reason),
        "early": stopping.early,
        "looks_planned": stopping.looks_planned,
        "looks_made": len(stopping.looks),
        "repeats_planned": stopping.repeats_planned,
        "trials_planned": stopping.trials_planned,
        "trials_made": stopping.trials_made,
        "calls_saved": stopping.calls_saved,
        "looks": [
            {
                "scenarios": look.scenarios,
                "repeats": look.repeats,
                "trials": look.trials,
                "level": finite(look.level),
                "alpha_spent": finite(look.alpha_spent),
                "boundary": finite(look.boundary),
            }
            for look in stopping.looks
        ],
    }


def _change(change: ScenarioChange) -> dict[str, Any]:
    return {
        "template": clean(change.template),
        "scenario_id": clean(change.scenario_id, _TEXT),
        "family": clean(change.family, _TEXT),
        "attributes": _plain(change.attributes),
        "ground_truth": _plain(change.ground_truth),
        "change": finite(change.change),
        "neighbours": [
            {"scenario_id": clean(name, _TEXT), "cosine": finite(cosine)}
            for name, cosine in change.neighbours
        ],
        "baseline": _trial(change.baseline),
        "candidate": _trial(change.candidate),
    }


def _trial(trial: SideTrial) -> dict[str, Any]:
    return {
        "answer": _plain(trial.answer),
        "text": clean(trial.text, _TEXT),
        "failure": clean(trial.failure, _TEXT),
        "scores": {clean(k): finite(v) for k, v in sorted(trial.scores.items())},
        "latency_s": finite(trial.latency_s),
        **({"remarks": _plain(trial.remarks)} if trial.remarks else {}),
    }


def _plain(value: object, depth: int = 0) -> Any:
    """Return any value as bounded JSON; models and data files may nest, repeat and overflow."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -_BIG <= value < _BIG else f"integer of {value.bit_length()} bits"
    if isinstance(value, float):
        return finite(value)
    if isinstance(value, str):
        return clean(value, _TEXT)
    if depth >= _DEPTH:
        return "… (nested deeper than shown)"
    if isinstance(value, Mapping):
        items = sorted(((clean(str(k), _TEXT), v) for k, v in value.items()), key=lambda kv: kv[0])
        shown: dict[str, Any] = {k: _plain(v, depth + 1) for k, v in items[:_ITEMS]}
        if len(items) > _ITEMS:
            shown["…"] = f"{len(items) - _ITEMS} more"
        return shown
    if isinstance(value, Sequence):
        listed = [_plain(v, depth + 1) for v in value[:_ITEMS]]
        return [*listed, f"… {len(value) - _ITEMS} more"] if len(value) > _ITEMS else listed
    if hasattr(value, "tolist"):  # numpy scalars and arrays, from data files
        return _plain(value.tolist(), depth + 1)
    return clean(str(value), _TEXT)


def _breakdown(b: Breakdown) -> dict[str, Any]:
    return {
        "template": clean(b.template),
        "metric": clean(b.metric),
        "by": [clean(a) for a in b.by],
        "rows": [
            {
                "values": [clean(v) for v in row.values],
                "scenarios": row.scenarios,
                "baseline": row.baseline,
                "candidate": row.candidate,
            }
            for row in b.rows
        ],
    }


def _curve(curve: Curve) -> dict[str, Any]:
    return {
        "template": clean(curve.template),
        "metric": clean(curve.metric),
        "baseline": [[finite(x), finite(y), n] for x, y, n in curve.baseline],
        "candidate": [[finite(x), finite(y), n] for x, y, n in curve.candidate],
    }


def _pairwise(p: Pairwise) -> dict[str, Any]:
    return {
        "template": clean(p.template),
        "metric": clean(p.metric),
        "fingerprint": clean(p.fingerprint),
        "identity": _plain(p.identity),
        "pairs": p.pairs,
        "won": finite(p.won),
        "lost": finite(p.lost),
        "tied": finite(p.tied),
        "same": p.same,
        "failed": p.failed,
        "gaps": p.gaps,
        "opinions": p.opinions,
        "order_dependent": p.swapped,
        "preferred_first": p.places[0],
        "preferred_second": p.places[1],
        "self_consistency": _numbers(p.itself),
        "panel_agreement": _numbers(p.panel),
    }
