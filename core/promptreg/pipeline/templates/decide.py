"""The decision behind a promotion: one gate over every template that shall move."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from promptreg.errors import ExitCode, NotComparableError, TemplateError, UsageError
from promptreg.pipeline.base_ref.alone import judge_alone, with_alone
from promptreg.pipeline.base_ref.nothing import nothing_compared
from promptreg.pipeline.conclude import conclude
from promptreg.pipeline.execute import Executed, execute
from promptreg.pipeline.judging.labelled import labelled_by
from promptreg.pipeline.parts import make_provider, make_scoring, policy_for
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.sides import Sides
from promptreg.pipeline.versions import check_looked_up_apart, make_version, serves
from promptreg.pipeline.work import Version
from promptreg.records import Run, Scenario, ScenarioSet, Template
from promptreg.verdicts import Comparison, Gate, GateVerdict, Limit

__all__ = ["Contender", "decide"]


@dataclass(frozen=True, slots=True)
class Contender:
    """A version that shall take an alias; `baseline` None: the alias points nowhere."""

    candidate: Template
    baseline: Template | None


def decide(
    project: Project,
    contenders: Sequence[Contender],
    labels: tuple[str, str],
    options: Options,
    *,
    handle_signals: bool = False,
) -> Comparison:
    """Return the comparison of each contender with what its alias points to.

    One without a baseline is held to the absolute limits alone, and must be shown to meet them.

    Args:
        project: the suite.
        contenders: at least one.
        labels: what reports call the two sides.
        options: the command line's word; it may not narrow the scenarios.
        handle_signals: stop cleanly on SIGINT and SIGTERM (only in the main thread).

    Raises:
        UsageError: only a part of the scenarios was chosen, or a contender serves none.
        NotComparableError: the sides differ in more than the template, or too much is missing.
        ExecutionError: the provider, the store or the budget stopped the work.
    """
    started = time.perf_counter()
    every = project.every_scenario()
    scenarios = project.narrowed(every, options)
    if scenarios.partial:
        raise UsageError(
            f"only {len(scenarios.scenarios)} of {scenarios.total} scenarios were chosen "
            f"({scenarios.selection}); a part of them can never promote"
        )
    scoring = make_scoring(project)
    policy = policy_for(project, scoring, every, options)
    people = labelled_by(project, scoring)
    versions, notes = _versions(project, contenders, scenarios)
    executed = execute(
        project, versions, scenarios, options, scoring, handle_signals=handle_signals
    )
    sides, alone = _sides(contenders, executed)
    if policy.looks.several:
        sides.warnings.append(
            "a promotion asks about every scenario: gate.sequential and gate.more do not apply"
        )
    sides.warnings += [*notes, *executed.warnings]
    if sides.baseline:
        beside = tuple(alone.values())
        comparison = conclude(
            project, labels, sides, scenarios, options, scoring, policy, started, beside, people
        )
    else:
        comparison = nothing_compared(
            project,
            labels,
            policy,
            (),
            (),
            sides.warnings,
            diffs=sides.diffs,
            executed=executed,
            alone=tuple(alone.values()),
            scenarios=scenarios,
            duration_s=time.perf_counter() - started,
        )
    if alone:
        limits = judge_alone(alone, scoring, scenarios, policy)
        comparison = _must_be_met(with_alone(comparison, alone, limits, policy), limits)
    project.tell(comparison)
    return comparison


def _versions(
    project: Project, contenders: Sequence[Contender], scenarios: ScenarioSet
) -> tuple[list[Version], list[str]]:
    """Return what is run, each baseline before its candidate, and what a reader must know."""
    versions: list[Version] = []
    notes: list[str] = []
    for contender in contenders:
        candidate, baseline = contender.candidate, contender.baseline
        cacheable = make_provider(project, candidate.provider_name).cacheable
        if candidate.provider_name:
            notes.append(
                f"template {candidate.name}: an alias points to a text, whoever answers it; both "
                f"sides are asked of the provider {candidate.provider_name!r}"
            )
            if baseline is not None:
                baseline = replace(baseline, provider_name=candidate.provider_name)
        served = serves(project, candidate.name, scenarios)
        if not served:
            raise UsageError(
                f"template {candidate.name} serves none of the scenarios (see 'select'): nothing "
                "could decide whether it may be promoted"
            )
        if baseline is not None:
            check_looked_up_apart(baseline, candidate, cacheable=cacheable)
            versions.append(_baseline(project, baseline, served, len(versions)))
        lane = len(versions)
        versions.append(make_version(project, candidate, served, side="candidate", lane=lane))
    return versions, notes


def _sides(contenders: Sequence[Contender], executed: Executed) -> tuple[Sides, dict[str, Run]]:
    """Return the runs as sides of a comparison, and those of first versions by template."""
    sides, alone = Sides({}, {}, executed), dict[str, Run]()
    runs = iter(executed.runs)
    for contender in contenders:
        name, baseline = contender.candidate.name, contender.baseline
        sides.diffs[name] = (baseline.text if baseline else "", contender.candidate.text)
        if baseline is None:
            alone[name] = next(runs)
        else:
            sides.baseline[name], sides.candidate[name] = next(runs), next(runs)
    return sides, alone


def _baseline(
    project: Project, template: Template, served: tuple[Scenario, ...], lane: int
) -> Version:
    try:
        return make_version(project, template, served, side="baseline", lane=lane)
    except TemplateError as e:
        raise NotComparableError(
            f"not comparable: what the alias points to does not go with today's scenarios: {e}"
        ) from e


def _must_be_met(comparison: Comparison, limits: Sequence[Limit]) -> Comparison:
    """Return the comparison; inconclusive where a first version is not shown to meet a limit.

    Elsewhere an open limit decides nothing, because a baseline does. Here limits are all there is.
    """
    gate = comparison.gate
    open_ = [x for x in limits if x.status == "not_shown"]
    if gate.verdict is not GateVerdict.PASS or not open_:
        return comparison
    why = tuple(f"{x.template}: {x.metric} is not shown to meet its limit" for x in open_)
    gate = Gate(GateVerdict.INCONCLUSIVE, (*why, *gate.reasons), ExitCode.INCONCLUSIVE)
    return replace(comparison, gate=gate)
