"""The decision: from differences and limits to one verdict and one exit code."""

from __future__ import annotations

from collections.abc import Sequence

from promptreg.errors import ExitCode
from promptreg.policy import Policy
from promptreg.verdicts import Difference, Gate, GateVerdict, Limit, Slice, Verdict

__all__ = ["decide_gate"]

_PROVEN = frozenset({Verdict.IMPROVED, Verdict.EQUIVALENT, Verdict.NO_WORSE})


def decide_gate(
    differences: Sequence[Difference],
    limits: Sequence[Limit],
    policy: Policy,
    *,
    synthetic: bool,
    partial: bool = False,
) -> Gate:
    """Return the gate's verdict.

    Fail: a gating metric regressed, or an absolute limit is shown to be missed. Pass: nothing
    is accused, and every metric of `prove` is proven no worse. Inconclusive otherwise; "not
    significant" never passes anything. A limit that is neither met nor missed is reported and
    decides nothing.

    Args:
        differences: all of them; only gating ones count.
        limits: absolute limits on the candidate.
        policy: says what must be proven and what an inconclusive gate exits with.
        synthetic: answers were made up; such a comparison never passes.
        partial: a filter or limit left scenarios out; said in the reasons.
    """
    gating = [d for d in differences if d.gating]
    accused = [
        f"{_where(d.template, d.metric, d.slice, differences)} regressed"
        for d in gating
        if d.verdict is Verdict.REGRESSED
    ]
    accused += [
        f"{_where(limit.template, limit.metric, limit.slice, differences)} is shown to miss its "
        f"limit ({limit.bound.replace('_', ' ')} {limit.threshold:g})"
        for limit in limits
        if limit.status == "not_met"
    ]
    note = ("only part of the suite's scenarios was compared",) if partial else ()
    if accused:
        return Gate(GateVerdict.FAIL, (*accused, *note), ExitCode.REGRESSION)
    open_points = [
        f"{_where(d.template, d.metric, d.slice, differences)} is not shown to be no worse"
        + (f"; about {d.scenarios_needed:,} more scenarios needed" if d.scenarios_needed else "")
        for d in gating
        if d.metric in policy.prove and d.slice is None and d.verdict not in _PROVEN
    ]
    if not policy.prove:
        open_points.append("nothing is declared to be proven (gate.prove is empty)")
    elif not any(d.metric in policy.prove and d.slice is None for d in gating):
        open_points.append("there is nothing to prove anything with: no metric applies")
    if synthetic:
        open_points.append("answers came from a scripted provider; they can never pass a gate")
    if open_points:
        code = (
            ExitCode.OK
            if policy.inconclusive == "allow" and not synthetic
            else (ExitCode.INCONCLUSIVE)
        )
        return Gate(GateVerdict.INCONCLUSIVE, (*open_points, *note), code)
    proven = [
        f"{_where(d.template, d.metric, d.slice, differences)} is {d.verdict.replace('_', ' ')}"
        for d in gating
        if d.metric in policy.prove and d.slice is None
    ]
    return Gate(GateVerdict.PASS, (*proven, *note), ExitCode.OK)


def _where(
    template: str, metric: str, part: Slice | None, differences: Sequence[Difference]
) -> str:
    several = len({d.template for d in differences}) > 1
    text = f"{template}: {metric}" if several else metric
    return f"{text} ({part.attribute}={part.value})" if part else text
