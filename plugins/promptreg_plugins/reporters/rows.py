"""The differences of a comparison as flat rows, for tables."""

from __future__ import annotations

from typing import Any

from promptreg.stages.report import comparison_json
from promptreg.verdicts import Comparison

TEXT, REAL, WHOLE, YES_NO = "text", "real", "whole", "yes_no"

COLUMNS: dict[str, str] = {
    "suite": TEXT,
    "baseline_label": TEXT,
    "candidate_label": TEXT,
    "gate": TEXT,
    "template": TEXT,
    "metric": TEXT,
    "slice_attribute": TEXT,
    "slice_value": TEXT,
    "kind": TEXT,
    "unit": TEXT,
    "direction": TEXT,
    "n_scenarios": WHOLE,
    "n_clusters": WHOLE,
    "repeats": WHOLE,
    "baseline": REAL,
    "candidate": REAL,
    "difference": REAL,
    "interval_low": REAL,
    "interval_high": REAL,
    "level": REAL,
    "p_value": REAL,
    "p_adjusted": REAL,
    "effect_size_name": TEXT,
    "effect_size_value": REAL,
    "test": TEXT,
    "margin": REAL,
    "verdict": TEXT,
    "gating": YES_NO,
    "suspect": YES_NO,
    "insufficient": YES_NO,
    "discordant_baseline": WHOLE,
    "discordant_candidate": WHOLE,
    "detectable_difference": REAL,
    "scenarios_needed": WHOLE,
    "missing_baseline": WHOLE,
    "missing_candidate": WHOLE,
    "ratio": REAL,
    "ratio_low": REAL,
    "ratio_high": REAL,
    "rerun_se": REAL,
    "notes": TEXT,
    "design": TEXT,
    "scenarios_baseline": WHOLE,
    "scenarios_candidate": WHOLE,
    "synthetic": YES_NO,
    "subject": TEXT,
    "created_at": TEXT,
}
"""Column to what it holds."""


def flat_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """Return one row per template, metric and slice: order and numbers of the JSON report."""
    whole = comparison_json(comparison)
    same = {
        "suite": whole["suite"],
        "baseline_label": whole["baseline"]["label"],
        "candidate_label": whole["candidate"]["label"],
        "gate": whole["gate"]["verdict"],
        "design": whole["design"]["label"],
        "synthetic": whole["synthetic"],
        "subject": whole["subject"] or None,
        "created_at": whole["created_at"],
    }
    return [same | _flat(entry) for entry in whole["comparisons"]]


def _flat(entry: dict[str, Any]) -> dict[str, Any]:
    where = entry["slice"] or {"attribute": None, "value": None}
    low, high = entry["interval"] or (None, None)
    ratio = entry["ratio"] or (None, None, None)
    only = entry["discordant"] or (None, None)
    apart = entry["scenarios_by_side"] or {"baseline": None, "candidate": None}
    row = {key: value for key, value in entry.items() if key in COLUMNS}
    return row | {
        "slice_attribute": where["attribute"],
        "slice_value": where["value"],
        "interval_low": low,
        "interval_high": high,
        "effect_size_name": entry["effect_size"]["name"],
        "effect_size_value": entry["effect_size"]["value"],
        "discordant_baseline": only[0],
        "discordant_candidate": only[1],
        "missing_baseline": entry["missing"]["baseline"],
        "missing_candidate": entry["missing"]["candidate"],
        "scenarios_baseline": apart["baseline"],
        "scenarios_candidate": apart["candidate"],
        "ratio": ratio[0],
        "ratio_low": ratio[1],
        "ratio_high": ratio[2],
        "notes": "; ".join(entry["notes"]),
    }
