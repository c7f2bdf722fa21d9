"""New versions: without a baseline, only the absolute limits can judge them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from promptreg.errors import ExitCode
from promptreg.pipeline.stored import with_worst
from promptreg.policy import Policy
from promptreg.records import Run, ScenarioSet
from promptreg.stages.compare import RunPair, check_gaps, check_limits
from promptreg.stages.gate import inconclusive_gate, limit_reasons
from promptreg.stages.score import Scoring
from promptreg.verdicts import Comparison, Gate, GateVerdict, Limit

__all__ = ["judge_alone", "with_alone"]


def judge_alone(
    alone: Mapping[str, Run], scoring: Scoring, scenarios: ScenarioSet, policy: Policy
) -> tuple[Limit, ...]:
    """Return every absolute limit on runs without a baseline.

    Raises:
        NotComparableError: too many trials of a run were lost to the infrastructure.
    """
    pairs = []
    worst = {s.id: scoring.worst(s) for s in scenarios.scenarios}
    for name, run in alone.items():
        check_gaps(run, f"the trials of {name}")
        # Limits look at the candidate alone; the other half of the pair is never read.
        full = with_worst(run, worst)
        pairs.append(RunPair(name, full, full))
    return check_limits(pairs, policy.of_runs)


def with_alone(
    comparison: Comparison, alone: Mapping[str, Run], limits: Sequence[Limit], policy: Policy
) -> Comparison:
    """Return the comparison with runs without a baseline, and with what their limits decide."""
    candidate = comparison.candidate
    failed = {side: dict(causes) for side, causes in comparison.counts.failed.items()}
    for run in alone.values():
        for cause, count in run.failures.items():
            failed["candidate"][cause] = failed["candidate"].get(cause, 0) + count
    planned = sum(run.counts.get("planned", 0) for run in alone.values())
    counts = comparison.counts
    return replace(
        comparison,
        gate=_gate(comparison.gate, alone, limits, policy),
        limits=(*comparison.limits, *limits),
        candidate=replace(
            candidate,
            template_sha256={
                **candidate.template_sha256,
                **{name: run.facts.template_sha256 for name, run in alone.items()},
            },
            run_ids={**candidate.run_ids, **{name: run.id for name, run in alone.items()}},
            sources={**candidate.sources, **{n: run.facts.source for n, run in alone.items()}},
        ),
        counts=replace(counts, planned=counts.planned + planned, failed=failed),
    )


def _gate(gate: Gate, alone: Mapping[str, Run], limits: Sequence[Limit], policy: Policy) -> Gate:
    missed, unshown, lost = limit_reasons(limits, several=True)
    new = tuple(_new(name, [x for x in limits if x.template == name]) for name in alone)
    if missed:
        accused = gate.reasons if gate.verdict is GateVerdict.FAIL else ()
        return Gate(GateVerdict.FAIL, (*accused, *missed, *lost, *new), ExitCode.REGRESSION)
    reasons = (*lost, *unshown, *gate.reasons, *new)
    if gate.verdict is GateVerdict.FAIL or not (unshown or lost):
        return replace(gate, reasons=reasons)
    found = inconclusive_gate((), policy, lost)
    inconclusive = gate.verdict is GateVerdict.INCONCLUSIVE
    code = gate.exit_code if inconclusive and not lost else found.exit_code
    return Gate(GateVerdict.INCONCLUSIVE, reasons, code)


def _new(name: str, limits: Sequence[Limit]) -> str:
    text = f"{name} is new: only absolute limits apply"
    if not limits:
        return f"{text}, and none is declared (gate.limits)"
    open_ = [limit.metric for limit in limits if limit.status == "not_shown"]
    return f"{text}; neither met nor missed: {', '.join(open_)}" if open_ else text
