"""What the gate looked at besides differences: limits, criteria, looks, its own error rates."""

from __future__ import annotations

from typing import Any

from promptreg.stages.report.as_json.differences import slice_json
from promptreg.stages.report.as_json.values import finite, numbers
from promptreg.stages.report.text import clean
from promptreg.verdicts import Calibration, Criterion, Limit, Rate, Stopping

__all__ = ["calibration_json", "criterion_json", "limit_json", "stopping_json"]


def limit_json(limit: Limit) -> dict[str, Any]:
    """Return one entry of `limits`."""
    return {
        "template": clean(limit.template),
        "metric": clean(limit.metric),
        "slice": slice_json(limit.slice),
        "bound": clean(limit.bound),
        "threshold": finite(limit.threshold),
        "value": finite(limit.value),
        "interval": numbers(limit.interval),
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


def criterion_json(criterion: Criterion) -> dict[str, Any]:
    """Return one entry of `criteria`."""
    return {
        "name": clean(criterion.name),
        "what": clean(criterion.what),
        "status": clean(criterion.status),
        "note": clean(criterion.note),
    }


def stopping_json(stopping: Stopping | None) -> dict[str, Any] | None:
    """Return `stopping`; None where the data were looked at once."""
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
        "anytime": stopping.anytime,
        "strict": stopping.strict,
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


def calibration_json(c: Calibration) -> dict[str, Any]:
    """Return `calibration`: the gate's own error rates on this suite."""
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
                "slice": slice_json(p.slice),
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
        "interval": numbers(rate.interval),
    }
