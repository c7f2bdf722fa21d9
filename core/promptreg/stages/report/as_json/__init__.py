"""The comparison as plain JSON values: what `compare --json` prints and `-o x.json` holds.

The keys are a contract. Nothing here is rounded or formatted; what does not exist is null, never
0 and never NaN.
"""

from __future__ import annotations

import json
from typing import Any

from promptreg.stages.report.as_json.decided import (
    calibration_json,
    criterion_json,
    limit_json,
    stopping_json,
)
from promptreg.stages.report.as_json.differences import difference_json, order_of
from promptreg.stages.report.as_json.shown import breakdown_json, change_json, curve_json
from promptreg.stages.report.as_json.sides import (
    counts_json,
    design_json,
    pairwise_json,
    ranking_json,
    side_json,
)
from promptreg.stages.report.as_json.values import finite
from promptreg.stages.report.text import clean
from promptreg.verdicts import Comparison

__all__ = ["comparison_json", "difference_json", "dump_json", "finite"]

WORST = 20
"""Scenarios listed; the HTML report and the run's own tables hold more."""


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
        "revisions": clean(c.revisions),
        "synthetic": c.synthetic,
        "baseline": side_json(c.baseline),
        "candidate": side_json(c.candidate),
        "gate": {
            "verdict": str(c.gate.verdict),
            "reasons": [clean(reason) for reason in c.gate.reasons],
            "exit_code": int(c.gate.exit_code),
        },
        "design": design_json(c.design),
        "alpha": finite(c.alpha),
        "policy_sha256": clean(c.policy_sha256),
        "warnings": [clean(warning) for warning in c.warnings],
        "comparisons": [difference_json(d) for d in sorted(c.differences, key=order_of)],
        "limits": [limit_json(limit) for limit in c.limits],
        "criteria": [criterion_json(criterion) for criterion in c.criteria],
        "preset": clean(c.preset) or None,
        "rankings": [ranking_json(ranking) for ranking in c.rankings],
        "trials": counts_json(c.counts),
        "cost": finite(c.cost),
        "duration_s": finite(c.duration_s),
        "complete_case": {
            "note": "differences without failed trials; a footnote, never used for a verdict",
            "differences": {clean(k): finite(v) for k, v in sorted(c.complete_case.items())},
        },
        "stopping": stopping_json(c.stopping),
        "calibration": calibration_json(c.calibration),
        "breakdowns": [breakdown_json(b) for b in c.breakdowns],
        "curves": [curve_json(curve) for curve in c.curves],
        "pairwise": [pairwise_json(p) for p in c.pairwise],
        "scenarios_total": c.changes_total,
        "worst_scenarios": [change_json(change) for change in c.changes[:WORST]],
    }


def dump_json(comparison: Comparison) -> str:
    """Return `comparison_json` as indented text that UTF-8 can encode, with a final line feed."""
    values = comparison_json(comparison)
    return json.dumps(values, ensure_ascii=False, allow_nan=False, indent=2) + "\n"
