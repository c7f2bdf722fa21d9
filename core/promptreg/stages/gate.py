"""The decision: from differences and limits to one verdict and one exit code."""

from __future__ import annotations

from collections.abc import Sequence

from promptreg.errors import ExitCode
from promptreg.policy import Policy
from promptreg.verdicts import Criterion, Difference, Gate, GateVerdict, Limit, Slice, Verdict

__all__ = ["decide_gate", "inconclusive_gate", "limit_reasons", "must_prove", "open_criteria"]


def decide_gate(
    differences: Sequence[Difference],
    limits: Sequence[Limit],
    policy: Policy,
    *,
    synthetic: bool,
    partial: bool = False,
    criteria: Sequence[Criterion] = (),
) -> Gate:
    """Return the gate's verdict.

    Fail: a gating metric regressed, or an absolute limit is shown to be missed. Pass: nothing
    is accused, every metric of `prove` is proven no worse, no guard has too few families, and all
    criteria of the policy are judged. Inconclusive otherwise; "not significant" never passes
    anything. A limit that is neither met nor missed is reported, and keeps the gate from passing
    where the policy says that it must be shown.

    Args:
        differences: all of them; only gating ones count.
        limits: absolute limits on the candidate.
        policy: says what must be proven and what an inconclusive gate exits with.
        synthetic: answers were made up; such a comparison never passes.
        partial: a filter or limit left scenarios out; a part can accuse, and never passes.
        criteria: what the policy asks for besides numbers.
    """
    gating = [d for d in differences if d.gating]
    several = len({d.template for d in differences}) > 1
    missed, unshown, lost = limit_reasons(limits, several=several)
    accused = [
        f"{_where(d.template, d.metric, d.slice, several)} regressed"
        for d in gating
        if d.verdict is Verdict.REGRESSED
    ]
    accused += missed
    if accused:
        note = ("only part of the suite's scenarios was compared",) if partial else ()
        return Gate(GateVerdict.FAIL, (*accused, *lost, *note), ExitCode.REGRESSION)
    proving = [d for d in gating if d.metric in policy.prove and d.slice is None]
    open_points = [
        f"{_where(d.template, d.metric, d.slice, several)} is not shown to be no worse"
        + (f"; about {d.scenarios_needed:,} more scenarios needed" if d.scenarios_needed else "")
        for d in gating
        if must_prove(d, policy) and not d.insufficient and not d.verdict.proven
    ]
    if not policy.prove:
        open_points.append("nothing is declared to be proven (gate.prove is empty)")
    elif not proving:
        open_points.append("there is nothing to prove anything with: no metric applies")
    else:
        there = {d.metric for d in proving}
        open_points += [
            f"{name} is to be proven and was not compared"
            for name in policy.prove
            if name not in there
        ]
    if policy.insufficient == "block":
        open_points += [
            f"{_where(d.template, d.metric, d.slice, several)} is guarded and has too few families "
            f"({d.n_clusters} of {d.min_clusters})"
            for d in gating
            if d.insufficient
        ]
    open_points += [*unshown, *open_criteria(criteria)]
    if open_points or lost or synthetic or partial:
        return inconclusive_gate(open_points, policy, lost, synthetic=synthetic, partial=partial)
    proven = [
        f"{_where(d.template, d.metric, d.slice, several)} is {d.verdict.replace('_', ' ')}"
        for d in proving
    ]
    return Gate(GateVerdict.PASS, tuple(proven), ExitCode.OK)


def must_prove(d: Difference, policy: Policy) -> bool:
    """Return whether a gating line has to be shown no worse: it is of `prove`, or such a guard."""
    return d.must_prove or (d.metric in policy.prove and d.slice is None)


def inconclusive_gate(
    open_points: Sequence[str],
    policy: Policy,
    lost: Sequence[str] = (),
    *,
    synthetic: bool = False,
    partial: bool = False,
) -> Gate:
    """Return the gate that nothing accuses and that does not pass.

    Args:
        open_points: what is not shown.
        policy: says what an inconclusive gate exits with.
        lost: limits on gaps that are missed: too much is missing to compare at all.
        synthetic: answers were made up; whatever the policy says, this is no success.
        partial: scenarios were left out; neither is this.
    """
    never = []
    if partial:
        never.append(
            "only part of the suite's scenarios was compared: a part can accuse, and never pass"
        )
    if synthetic:
        never.append("answers came from a scripted provider; they can never pass a gate")
    code = ExitCode.INCONCLUSIVE
    if lost:
        code = ExitCode.NOT_COMPARABLE
    elif policy.inconclusive == "allow" and not never:
        code = ExitCode.OK
    return Gate(GateVerdict.INCONCLUSIVE, (*lost, *open_points, *never), code)


def limit_reasons(
    limits: Sequence[Limit], *, several: bool
) -> tuple[list[str], list[str], list[str]]:
    """Return what limits say against passing: shown to be missed; not shown and had to be; too
    many gaps.

    Args:
        limits: on the candidate.
        several: whether templates have to be named.
    """
    missed, unshown, lost = [], [], []
    for limit in limits:
        name = _where(limit.template, limit.metric, limit.slice, several)
        bound = f"{limit.bound.replace('_', ' ')} {limit.threshold:g}"
        if limit.within is not None:
            word, value = limit.within
            bound = f"{word.replace('_', ' ')} {value:g} on {bound.replace('_', ' ')} of scenarios"
        if limit.of_gaps and limit.status == "not_met":
            lost.append(f"{name}: {limit.value or 0:.1%} of trials are gaps (limit: {bound})")
        elif limit.status == "not_met":
            missed.append(f"{name} is shown to miss its limit ({bound})")
        elif limit.status == "not_shown" and limit.must == "shown":
            unshown.append(f"{name} is not shown to meet its limit ({bound})")
    return missed, unshown, lost


def open_criteria(criteria: Sequence[Criterion]) -> list[str]:
    """Return the criteria that nothing judged, or that the scenarios do not meet."""
    words = {"not_measured": "not measured", "missing": "not met"}
    return [f"{c.what}: {words[c.status]}: {c.note}" for c in criteria if c.status in words]


def _where(template: str, metric: str, part: Slice | None, several: bool) -> str:
    text = f"{template}: {metric}" if several else metric
    return f"{text} ({part.attribute}={part.value})" if part else text
