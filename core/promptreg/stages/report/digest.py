"""What a reader should see first: the verdict in one line, what hurts, what failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from promptreg import numbers
from promptreg.records import Cause, Failure
from promptreg.stages.report.decision import because, sentence, shifts, templates
from promptreg.stages.report.lines import criterion_words, limit_words
from promptreg.stages.report.slices import (
    SLICES_SHOWN,
    gaining_slices,
    how_to_guard,
    hurting_slices,
    lost,
    lost_slices,
    too_small,
)
from promptreg.stages.report.text import one_line
from promptreg.verdicts import (
    CalibrationState,
    Comparison,
    Criterion,
    Difference,
    GateVerdict,
    JudgeCalls,
    Limit,
    ScenarioChange,
    StopReason,
)

__all__ = [
    "SLICES_SHOWN",
    "TREATMENTS",
    "CauseCount",
    "because",
    "calibration_words",
    "causes",
    "criteria",
    "design",
    "facts",
    "gaining_slices",
    "guards",
    "headline",
    "how_to_guard",
    "hurting_slices",
    "limits",
    "lost_slices",
    "sentence",
    "shifts",
    "size",
    "spent",
    "stopping",
    "templates",
    "too_small",
    "treatment_of",
    "whole_suite",
    "without_failed",
    "worst",
]

TREATMENTS = {
    "worst": "counted as the worst value",
    "bounded": "a gap, bounded from both sides",
    "by status": "429 and 5xx bounded, others worst",
}
"""How a failure counts, in words."""


@dataclass(frozen=True, slots=True)
class CauseCount:
    """How often trials failed for one cause, and how such failures count."""

    cause: str
    baseline: int
    candidate: int
    treatment: str


def headline(comparison: Comparison) -> str:
    """Return the verdict and why, on one line: `FAIL — in_range regressed`.

    Where nothing is accused, slices that lost are named as well: they decide nothing, and an
    average that holds hides them.
    """
    reasons = [one_line(r, 160) for r in comparison.gate.reasons]
    more = f"; and {len(reasons) - 2} more" if len(reasons) > 2 else ""
    why = "; ".join(reasons[:2]) + more
    if comparison.gate.verdict is not GateVerdict.FAIL and (but := lost(comparison)):
        why = f"{why}; BUT {but}" if why else but
    return comparison.gate.verdict.upper() + (f" — {why}" if why else "")


def design(comparison: Comparison) -> str:
    """Return how scenarios went to the sides, on one line; empty where both answered each.

    `unpaired, randomised by camera_id: 20 and 21 units, 50.0% declared for the candidate (p .88)`.
    """
    d = comparison.design
    if d is None:
        return ""
    parts = []
    for a in d.allocations[:4]:
        name = f"{one_line(a.template, 40)}: " if len(d.allocations) > 1 else ""
        off = "" if a.balanced else ", MISMATCH"
        parts.append(
            f"{name}{a.units[0]:,} and {a.units[1]:,} drawn, "
            f"{numbers.amount(a.share, share=True)} declared for the candidate "
            f"(p {numbers.p_value(a.p_value)}{off})"
        )
    if len(d.allocations) > 4:
        parts.append(f"and {numbers.count(len(d.allocations) - 4, 'more template')}")
    return f"{d.label} by {one_line(d.unit, 40)}: {'; '.join(parts)}"


def facts(comparison: Comparison) -> str:
    """Return what the verdict rests on: scenarios, families, repeats, failures."""
    sizes = {name: size(rows) for name, rows in whole_suite(comparison).items()}
    if not sizes:
        shown = "no metric compared"
    elif len(sizes) == 1:
        shown = next(iter(sizes.values()))
    elif len(set(sizes.values())) == 1:
        shown = f"{numbers.count(len(sizes), 'template')} of {next(iter(sizes.values()))} each"
    else:
        shown = "; ".join(f"{one_line(n, 40)}: {s}" for n, s in list(sizes.items())[:4])
        if len(sizes) > 4:
            shown += f"; and {numbers.count(len(sizes) - 4, 'more template')}"
    label = [comparison.design.label] if comparison.design else []
    return ", ".join([*label, shown, *_failed_words(causes(comparison))])


def compared(comparison: Comparison) -> list[str]:
    """Return what is compared besides what labels say: providers, revisions; mostly nothing."""
    return [one_line(c, 600) for c in (comparison.subject, comparison.revisions) if c]


def size(rows: Sequence[Difference]) -> str:
    """Return how much some rows rest on: scenarios, families or units of the draw, repeats."""
    largest = max(rows, key=lambda d: d.n_scenarios)
    if largest.scenarios_by_side is not None and largest.clusters_by_side is not None:
        (before, after), units = largest.scenarios_by_side, largest.clusters_by_side
        words = f"{before:,} and {numbers.count(after, 'scenario')}"
        if units != largest.scenarios_by_side:
            words += f" ({units[0]:,} and {numbers.count(units[1], 'unit')})"
        return f"{words}, {numbers.count(largest.repeats, 'repeat')}"
    words = numbers.count(largest.n_scenarios, "scenario")
    if largest.n_clusters != largest.n_scenarios:
        words += f" ({numbers.count(largest.n_clusters, 'family')})"
    return f"{words}, {numbers.count(largest.repeats, 'repeat')}"


def _failed_words(rows: list[CauseCount]) -> list[str]:
    words = []
    for treatment, noun, after in (
        ("worst", "failed output", " counted as worst"),
        ("bounded", "gap", " bounded from both sides"),
        ("by status", "HTTP error", ""),
    ):
        n = sum(r.baseline + r.candidate for r in rows if r.treatment == treatment)
        if n:
            words.append(numbers.count(n, noun) + after)
    return words


def causes(comparison: Comparison) -> list[CauseCount]:
    """Return failures by cause, the most frequent first."""
    failed = comparison.counts.failed
    names = {cause for side in failed.values() for cause in side}
    rows = [
        CauseCount(
            one_line(name, 40),
            failed.get("baseline", {}).get(name, 0),
            failed.get("candidate", {}).get(name, 0),
            treatment_of(name),
        )
        for name in names
    ]
    return sorted(rows, key=lambda r: (-(r.baseline + r.candidate), r.cause))


def treatment_of(name: str) -> str:
    """Return which of `TREATMENTS` a cause gets."""
    if name == Cause.HTTP_STATUS:
        return "by status"
    try:
        return "bounded" if Failure(Cause(name), "").infrastructure else "worst"
    except ValueError:  # a plug-in's own cause
        return "worst"


def whole_suite(comparison: Comparison) -> dict[str, list[Difference]]:
    """Return the differences over all scenarios by template: `overall`, gating, then the rest."""
    tables: dict[str, list[Difference]] = {}
    for d in comparison.differences:
        if d.slice is None:
            tables.setdefault(d.template, []).append(d)
    for rows in tables.values():
        rows.sort(key=lambda d: (d.metric != "overall", not d.gating))
    return tables


def guards(comparison: Comparison) -> list[Difference]:
    """Return the slices that gate because the suite declares them."""
    return [d for d in comparison.differences if d.slice is not None and d.gating]


def limits(comparison: Comparison) -> list[tuple[Limit, str, str]]:
    """Return each limit, with what it demands and what became of it in words."""
    shares = {d.metric for d in comparison.differences if d.kind == "binary"}
    return [
        (limit, *limit_words(limit, share=limit.metric in shares)) for limit in comparison.limits
    ]


def criteria(comparison: Comparison) -> list[tuple[Criterion, str, str]]:
    """Return what the policy asks for besides numbers, and what became of it in words."""
    return [(c, *criterion_words(c)) for c in comparison.criteria]


def worst(comparison: Comparison, limit: int) -> list[ScenarioChange]:
    """Return the scenarios that became worse, the worst first."""
    found = [
        c
        for c in comparison.changes
        if (c.change is not None and c.change < 0)
        or (c.change is None and c.candidate.failure and not c.baseline.failure)
    ]
    return found[:limit]


def calibration_words(comparison: Comparison) -> str:
    """Return what is known of this gate's own errors, on one line."""
    c = comparison.calibration
    day = one_line(c.created_at, 10).rstrip("…")
    if c.state is CalibrationState.NONE:
        return "not calibrated: 'promptreg calibrate' measures this gate's own false-alarm rate"
    if c.state is CalibrationState.STALE:
        reasons = ", ".join(one_line(reason, 120) for reason in c.reasons[:6])
        more = f" and {len(c.reasons) - 6} more" if len(c.reasons) > 6 else ""
        return f"calibration of {day} does not fit: {reasons}{more}"
    rate = c.false_alarm
    found = "unknown" if rate is None else numbers.rate(rate.share, *rate.interval)
    return f"this gate's own false-alarm rate: {found} ({c.simulations:,} A/A gates, {day})"


def spent(comparison: Comparison) -> str:
    """Return what it took: trials, tokens, cost, time."""
    n = comparison.counts
    parts = [f"{numbers.count(n.planned, 'trial')} ({n.cached:,} cached, {n.called:,} called)"]
    if n.prompt_tokens or n.completion_tokens:
        parts.append(f"{n.prompt_tokens:,} prompt and {n.completion_tokens:,} completion tokens")
    elif n.called:
        parts.append("tokens not counted")
    if n.judges.cached or n.judges.called:
        parts.append(_judges(n.judges))
    if comparison.cost is not None:
        parts.append(f"cost {comparison.cost:,.4g}")
    elif n.called or n.judges.called:  # who called nobody has no cost that could be unknown
        parts.append("cost not known")
    return " · ".join([*parts, numbers.duration(comparison.duration_s)])


def _judges(n: JudgeCalls) -> str:
    """Return what scorers asked of models, in words."""
    asked = numbers.count(n.cached + n.called, "answer")
    words = f"judges: {asked} ({n.cached:,} cached, {n.called:,} called"
    if n.prompt_tokens or n.completion_tokens:
        words += f", {n.prompt_tokens:,} prompt and {n.completion_tokens:,} completion tokens"
    return words + ")"


def without_failed(comparison: Comparison) -> list[tuple[str, str]]:
    """Return each metric's difference without failed trials; none where no trial failed."""
    c = comparison
    if not any(n for side in c.counts.failed.values() for n in side.values()):
        return []
    scales = {d.metric: (d.kind == "binary", d.unit) for d in c.differences}
    found = []
    for metric, value in sorted(c.complete_case.items())[:60]:
        share, unit = scales.get(metric, (False, ""))
        shown = "" if share or unit == metric else one_line(unit, 16)
        found.append((one_line(metric, 60), numbers.change(value, shown, share=share)))
    return found


def stopping(comparison: Comparison) -> str:
    """Return how the looks ended, on one line; empty where there was a single one.

    `stopped at look 2 of 4 (regression): 412 of 1,200 calls saved`.
    """
    s = comparison.stopping
    if s is None:
        return ""
    made = len(s.looks)
    if s.early:
        left = s.trials_planned - s.trials_made
        if s.calls_saved == left:
            saved = f"{left:,} of {s.trials_planned:,} calls saved"
        else:  # answers that are there already, or local, cost nothing
            saved = f"{left:,} of {s.trials_planned:,} trials not needed"
            saved += f", {numbers.count(s.calls_saved, 'call')} saved" if s.calls_saved else ""
        words = f"stopped at look {made} of {s.looks_planned} ({s.reason}): {saved}"
    else:
        ended = "" if s.reason is StopReason.END else f" ({s.reason})"
        words = f"{made} of {s.looks_planned} looks made{ended}: no planned trial left out"
    asked = s.looks[-1].repeats if s.looks else s.repeats_planned
    if asked > s.repeats_planned:
        words += (
            f"; inconclusive at {numbers.count(s.repeats_planned, 'repeat')}, so each scenario was "
            f"asked {asked} times"
        )
    return words
