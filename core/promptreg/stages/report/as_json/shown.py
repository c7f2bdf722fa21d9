"""What is shown and decides nothing: scenarios with their answers, counts, curves."""

from __future__ import annotations

from typing import Any

from promptreg.stages.report.as_json.values import finite, plain
from promptreg.stages.report.text import clean
from promptreg.verdicts import Breakdown, Curve, ScenarioChange, SideTrial

__all__ = ["breakdown_json", "change_json", "curve_json"]

_TEXT = 1_000


def change_json(change: ScenarioChange) -> dict[str, Any]:
    """Return one entry of `worst_scenarios`."""
    return {
        "template": clean(change.template),
        "scenario_id": clean(change.scenario_id, _TEXT),
        "family": clean(change.family, _TEXT),
        "attributes": plain(change.attributes),
        "ground_truth": plain(change.ground_truth),
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
        "answer": plain(trial.answer),
        "text": clean(trial.text, _TEXT),
        "failure": clean(trial.failure, _TEXT),
        "scores": {clean(k): finite(v) for k, v in sorted(trial.scores.items())},
        "latency_s": finite(trial.latency_s),
        **({"remarks": plain(trial.remarks)} if trial.remarks else {}),
    }


def breakdown_json(b: Breakdown) -> dict[str, Any]:
    """Return one entry of `breakdowns`."""
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


def curve_json(curve: Curve) -> dict[str, Any]:
    """Return one entry of `curves`."""
    return {
        "template": clean(curve.template),
        "metric": clean(curve.metric),
        "baseline": [[finite(x), finite(y), n] for x, y, n in curve.baseline],
        "candidate": [[finite(x), finite(y), n] for x, y, n in curve.candidate],
    }
