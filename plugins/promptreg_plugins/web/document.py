"""A stored JSON report read back as the comparison it was written from, as far as it holds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from promptreg.errors import ExitCode
from promptreg.stages.report.from_json import change_from, difference_from
from promptreg.verdicts import (
    Breakdown,
    BreakdownRow,
    Calibration,
    CalibrationState,
    Comparison,
    Counts,
    Criterion,
    Curve,
    Gate,
    GateVerdict,
    JudgeCalls,
    Limit,
    Look,
    Rate,
    Side,
    Slice,
    Stopping,
    StopReason,
)

__all__ = ["comparison_of"]

_Document = Mapping[str, Any]


def comparison_of(d: _Document) -> Comparison:
    """Return the comparison; texts of templates, prompts and all but the worst scenarios lack.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is no such report.
    """
    calibration = d.get("calibration") or {"state": "none", "reasons": [], "created_at": None}
    return Comparison(
        suite=d["suite"],
        baseline=_side(d["baseline"]),
        candidate=_side(d["candidate"]),
        gate=Gate(
            GateVerdict(d["gate"]["verdict"]),
            tuple(d["gate"]["reasons"]),
            ExitCode(d["gate"]["exit_code"]),
        ),
        differences=tuple(difference_from(entry) for entry in d["comparisons"]),
        limits=tuple(_limit(entry) for entry in d.get("limits", ())),
        counts=_counts(d["trials"]),
        cost=d["cost"],
        duration_s=d["duration_s"],
        alpha=d["alpha"],
        policy_sha256=d["policy_sha256"],
        provider=d["provider"],
        synthetic=d["synthetic"],
        created_at=d["created_at"],
        changes=tuple(change_from(entry) for entry in d.get("worst_scenarios", ())),
        changes_total=d.get("scenarios_total", 0),
        warnings=tuple(d.get("warnings", ())),
        complete_case=d.get("complete_case", {}).get("differences", {}),
        stopping=_stopping(d.get("stopping")),
        calibration=_calibration(calibration),
        criteria=tuple(
            Criterion(c["name"], c["what"], c["status"], c["note"]) for c in d.get("criteria", ())
        ),
        preset=d.get("preset") or "",
        subject=d.get("subject", ""),
        revisions=d.get("revisions", ""),
        breakdowns=tuple(_breakdown(entry) for entry in d.get("breakdowns", ())),
        curves=tuple(_curve(entry) for entry in d.get("curves", ())),
    )


def _side(entry: _Document) -> Side:
    templates = entry["templates"]
    return Side(
        label=entry["label"],
        template_sha256={name: facts["template_hash"] for name, facts in templates.items()},
        run_ids={name: facts["run_id"] for name, facts in templates.items() if facts.get("run_id")},
        fingerprints=entry["fingerprints"],
    )


def _slice(entry: _Document | None) -> Slice | None:
    return None if entry is None else Slice(entry["attribute"], entry["value"])


def _limit(entry: _Document) -> Limit:
    within, ends = entry.get("share_within"), entry["interval"]
    return Limit(
        template=entry["template"],
        metric=entry["metric"],
        slice=_slice(entry["slice"]),
        bound=entry["bound"],
        threshold=entry["threshold"],
        value=entry["value"],
        interval=None if ends is None else (ends[0], ends[1]),
        status=entry["status"],
        n_scenarios=entry["n_scenarios"],
        name=entry["name"],
        within=None if within is None else (within["comparison"], within["value"]),
        must=entry["must"],
        of_gaps=entry["metric"] == "gap_rate",
        notes=tuple(entry["notes"]),
    )


def _counts(entry: _Document) -> Counts:
    return Counts(
        planned=entry["planned"],
        cached=entry["cached"],
        called=entry["called"],
        failed={
            side: {cause: n[side] for cause, n in entry["failed"].items() if n[side]}
            for side in ("baseline", "candidate")
        },
        prompt_tokens=entry["prompt_tokens"],
        completion_tokens=entry["completion_tokens"],
        judges=JudgeCalls(**entry.get("judges", {})),
    )


def _stopping(entry: _Document | None) -> Stopping | None:
    if entry is None:
        return None
    names = ("scenarios", "repeats", "trials", "level", "alpha_spent", "boundary")
    return Stopping(
        reason=StopReason(entry["reason"]),
        looks_planned=entry["looks_planned"],
        looks=tuple(Look(**{name: look[name] for name in names}) for look in entry["looks"]),
        repeats_planned=entry["repeats_planned"],
        trials_planned=entry["trials_planned"],
        trials_made=entry["trials_made"],
        calls_saved=entry["calls_saved"],
        anytime=entry.get("anytime", False),
        strict=entry.get("strict", False),
    )


def _calibration(entry: _Document) -> Calibration:
    return Calibration(
        state=CalibrationState(entry["state"]),
        reasons=tuple(entry["reasons"]),
        created_at=entry["created_at"] or "",
        simulations=entry.get("simulations", 0),
        false_alarm=_rate(entry.get("false_alarm")),
        passed=_rate(entry.get("passed")),
    )


def _rate(entry: _Document | None) -> Rate | None:
    if entry is None:
        return None
    return Rate(entry["count"], entry["of"], (entry["interval"][0], entry["interval"][1]))


def _breakdown(entry: _Document) -> Breakdown:
    rows = tuple(
        BreakdownRow(tuple(r["values"]), r["scenarios"], r["baseline"], r["candidate"])
        for r in entry["rows"]
    )
    return Breakdown(entry["template"], entry["metric"], tuple(entry["by"]), rows)


def _curve(entry: _Document) -> Curve:
    before, after = (
        tuple((x, y, n) for x, y, n in entry[side]) for side in ("baseline", "candidate")
    )
    return Curve(entry["template"], entry["metric"], before, after)
