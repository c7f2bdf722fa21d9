"""Runs and comparisons of the past as plain JSON values; the keys are a contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from promptreg.past import PastComparison, PastEvent, PastRun

__all__ = ["comparison_dict", "event_dict", "run_dict"]


def run_dict(run: PastRun, metrics: Sequence[str] = ()) -> dict[str, Any]:
    """Return a run; with `metrics` only these, over all scenarios."""
    kept = [m for m in run.measures if not metrics or (m.metric in metrics and m.slice is None)]
    return {
        "kind": "run",
        "id": run.id,
        "suite": run.suite,
        "created_at": run.created_at,
        "template": run.template,
        "label": run.label,
        "template_hash": run.template_sha256,
        "fingerprints": dict(sorted(run.fingerprints.items())),
        "provider": run.provider,
        "partial": run.partial,
        "synthetic": run.synthetic,
        "scenarios": run.scenarios,
        "repeats": run.repeats,
        "trials": run.trials,
        "failures": dict(run.failures),
        "settings": dict(run.settings),
        "origin": asdict(run.origin),
        "notes": list(run.notes),
        "place": run.place,
        "metrics": [
            {
                "metric": m.metric,
                "slice": None
                if m.slice is None
                else dict(zip(("attribute", "value"), m.slice, strict=True)),
                "value": m.value,
                "interval": None if m.low is None else [m.low, m.high],
                "n_scenarios": m.n,
            }
            for m in kept
        ],
    }


def comparison_dict(comparison: PastComparison) -> dict[str, Any]:
    """Return a comparison."""
    c = comparison
    return {
        "kind": "comparison",
        "id": c.id,
        "suite": c.suite,
        "created_at": c.created_at,
        "baseline": {"label": c.baseline, "runs": dict(c.baseline_runs)},
        "candidate": {"label": c.candidate, "runs": dict(c.candidate_runs)},
        "templates": {
            name: {"baseline": pair[0], "candidate": pair[1]}
            for name, pair in sorted(c.template_sha256.items())
        },
        "gate": {"verdict": c.verdict, "exit_code": c.exit_code, "reasons": list(c.reasons)},
        "provider": c.provider,
        "synthetic": c.synthetic,
        "policy_sha256": c.policy_sha256,
        "command": c.command or None,
        "warnings": list(c.warnings),
        "origin": asdict(c.origin),
        "place": c.place,
        "metrics": [
            {
                "template": line.template,
                "metric": line.metric,
                "slice": None
                if line.slice is None
                else dict(zip(("attribute", "value"), line.slice, strict=True)),
                "verdict": line.verdict,
                "gating": line.gating,
                "baseline": line.baseline,
                "candidate": line.candidate,
                "difference": line.difference,
                "interval": None if line.low is None else [line.low, line.high],
            }
            for line in c.lines
        ],
    }


def event_dict(event: PastEvent) -> dict[str, Any]:
    """Return a promotion, a rollback or a bisection."""
    return {
        "kind": event.kind,
        "id": event.id,
        "suite": event.suite,
        "created_at": event.created_at,
        "template": event.template,
        "template_hash": event.template_sha256 or None,
        "summary": event.summary,
        "facts": dict(sorted(event.facts.items())),
        "origin": asdict(event.origin),
        "place": event.place,
    }
