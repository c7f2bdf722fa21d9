"""The comparison in which nothing is compared: nothing touched, nothing different, or all new."""

from __future__ import annotations

from collections.abc import Sequence

from promptreg.clock import utc_now
from promptreg.errors import ExitCode
from promptreg.pipeline.execute import Executed
from promptreg.pipeline.project import Project
from promptreg.policy import Policy
from promptreg.records import Run, ScenarioSet
from promptreg.stages.compare import check_criteria
from promptreg.stages.gate import inconclusive_gate, open_criteria
from promptreg.verdicts import Comparison, Counts, Gate, GateVerdict, Side

__all__ = ["nothing_compared"]

_BOTH: dict[str, dict[str, int]] = {"baseline": {}, "candidate": {}}


def nothing_compared(
    project: Project,
    labels: tuple[str, str],
    policy: Policy,
    reasons: Sequence[str],
    unasked: Sequence[str],
    warnings: Sequence[str],
    *,
    diffs: dict[str, tuple[str, str]],
    executed: Executed | None,
    alone: Sequence[Run],
    scenarios: ScenarioSet,
    duration_s: float,
) -> Comparison:
    """Return a comparison without differences, which passes for the reasons given.

    It is inconclusive if something had to be asked and was not, with answers of a scripted
    provider, and where versions without a baseline were asked about a part of the scenarios, or
    about scenarios that lack what the policy asks for.
    """
    synthetic = executed is not None and executed.synthetic
    told = list(warnings)
    if synthetic:
        told.insert(0, "answers came from a scripted provider: they say nothing about any model")
    if alone and scenarios.partial:
        told.append(
            f"only {len(scenarios.scenarios)} of {scenarios.total} scenarios were asked about "
            f"({scenarios.selection}); such a run can never become a baseline"
        )
    counts = Counts(0, 0, 0, _BOTH)
    if executed is not None:
        t = executed.tally
        counts = Counts(
            planned=0,
            cached=t.cached,
            called=t.called,
            failed=_BOTH,
            prompt_tokens=t.prompt_tokens,
            completion_tokens=t.completion_tokens,
            judges=executed.judges,
        )
    criteria = check_criteria(alone, policy) if alone else ()
    partial = bool(alone) and scenarios.partial
    open_points = [*unasked, *open_criteria(criteria)]
    if open_points or synthetic or partial:
        gate = inconclusive_gate(
            [*open_points, *reasons], policy, synthetic=synthetic, partial=partial
        )
    else:
        gate = Gate(GateVerdict.PASS, tuple(reasons), ExitCode.OK)
    prints = dict(alone[0].facts.fingerprints) if alone else {}
    return Comparison(
        suite=project.suite.suite,
        baseline=Side(labels[0], {}, {}, {}),
        candidate=Side(labels[1], {}, {}, prints),
        gate=gate,
        differences=(),
        limits=(),
        counts=counts,
        cost=executed.tally.cost if executed else None,
        duration_s=duration_s,
        alpha=policy.alpha,
        policy_sha256=policy.sha256,
        provider=executed.provider if executed else f"{project.suite.provider.use} (not asked)",
        synthetic=synthetic,
        created_at=utc_now(),
        template_diffs=diffs,
        warnings=tuple(dict.fromkeys(told)),
        criteria=criteria,
        preset=policy.preset,
        suite_file=str(project.path.resolve()),
    )
