"""What both sides' runs of an A/B log say: differences, limits, the draw, the gate's decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from promptreg import numbers
from promptreg.errors import ExitCode, SuiteError
from promptreg.pipeline.judging.consistency import judged_notes
from promptreg.pipeline.keys import seed_of
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.sides import Sides
from promptreg.pipeline.stored import with_worst
from promptreg.policy import DesignPolicy, Policy
from promptreg.records import Run, ScenarioSet
from promptreg.stages.compare import (
    RunPair,
    check_comparable,
    check_criteria,
    check_limits,
    curves,
)
from promptreg.stages.compare.unpaired import (
    ArmPair,
    allocations,
    check_units,
    compare_arms,
    complete_case_arms,
    split_arms,
    unequal_arms,
)
from promptreg.stages.gate import decide_gate
from promptreg.stages.score import Scoring
from promptreg.verdicts import (
    Criterion,
    Curve,
    Design,
    Difference,
    Gate,
    GateVerdict,
    Limit,
)

__all__ = ["Unpaired", "conclude_unpaired"]

SCENARIO = "scenario"


@dataclass(frozen=True, slots=True)
class Unpaired:
    """What is concluded; `runs` are both sides' over their own scenarios, by template."""

    runs: tuple[RunPair, ...]
    differences: tuple[Difference, ...]
    limits: tuple[Limit, ...]
    criteria: tuple[Criterion, ...]
    gate: Gate
    design: Design
    complete_case: Mapping[str, float | None]
    curves: tuple[Curve, ...]


def conclude_unpaired(
    project: Project,
    design: DesignPolicy,
    sides: Sides,
    scenarios: ScenarioSet,
    options: Options,
    scoring: Scoring,
    policy: Policy,
    beside: Sequence[Run] = (),
) -> Unpaired:
    """Return what both sides' runs say; what a reader must know goes to the sides' warnings.

    Raises:
        NotComparableError: the sides differ in more than the template, too much is missing, or the
            scenarios were not each answered by one version.
        SuiteError: a scenario lacks the column that names its unit.
        UsageError: the declared split does not name a version.
    """
    unit = design.unit or project.suite.cluster or SCENARIO
    arms = _arms(unit, sides, scenarios, options, scoring)
    check_units(arms, unit)
    seed = seed_of(_told(arms))
    differences = compare_arms(arms, policy, seed=seed)
    own = tuple(RunPair(a.template, a.baseline, a.candidate) for a in arms)
    # Limits are on the candidate alone, over the scenarios that it answered.
    limits = check_limits([RunPair(a.template, a.candidate, a.candidate) for a in arms], policy)
    criteria = check_criteria(
        [*(r for p in own for r in (p.baseline, p.candidate)), *beside], policy
    )
    found = Design(unit, allocations(arms, design.split))
    sides.warnings += unequal_arms(arms, policy, seed=seed)
    if unit == SCENARIO and project.suite.cluster:
        sides.warnings.append(
            "each scenario was drawn for itself: the change is that of each "
            f"{project.suite.cluster} in this log, and how it would differ in others is not in the "
            "intervals"
        )
    facts = [r.facts for p in own for r in (p.baseline, p.candidate)]
    gate = decide_gate(
        differences,
        limits,
        policy,
        synthetic=any(f.synthetic for f in facts),
        partial=any(f.partial for f in facts),
        criteria=criteria,
    )
    if not found.balanced:
        gate, warning = _broken(found)
        sides.warnings.insert(0, warning)
    if scoring.batched:
        judged = judged_notes(differences, own, alpha=policy.alpha, seed=seed)
        differences = judged.differences
        sides.warnings += judged.warnings
    return Unpaired(
        runs=own,
        differences=tuple(differences),
        limits=limits,
        criteria=criteria,
        gate=gate,
        design=found,
        complete_case=complete_case_arms(arms, policy),
        curves=curves(own, scoring.curves),
    )


def _arms(
    unit: str, sides: Sides, scenarios: ScenarioSet, options: Options, scoring: Scoring
) -> list[ArmPair]:
    worst = {s.id: scoring.worst(s) for s in scenarios.scenarios}
    units = _units(unit, scenarios)
    arms = []
    for name, baseline in sides.baseline.items():
        baseline, candidate = (with_worst(r, worst) for r in (baseline, sides.candidate[name]))
        ids = {*baseline.scenario_ids, *candidate.scenario_ids}
        known = {**{s: s for s in ids}, **units}
        arm, out = split_arms(baseline, candidate, known, allow_unmatched=options.allow_unmatched)
        if out:
            sides.warnings.append(
                f"template {name}: {len(out)} scenarios were answered by neither version and were "
                f"left out (--allow-unmatched): {', '.join(out[:10])}"
                f"{' ...' if len(out) > 10 else ''}"
            )
        sides.warnings += check_comparable(
            arm.baseline, arm.candidate, allow=options.allow_mismatch
        )
        arms.append(arm)
    return arms


def _units(unit: str, scenarios: ScenarioSet) -> dict[str, str]:
    """Return what was drawn as a whole, by scenario id.

    Raises:
        SuiteError: a scenario lacks the column.
    """
    found = {}
    for scenario in scenarios.scenarios:
        if unit == SCENARIO:
            found[scenario.id] = scenario.id
            continue
        value = scenario.attributes.get(unit, scenario.variables.get(unit))
        if value is None or isinstance(value, (list, dict)) or not str(value):
            raise SuiteError(
                f"{scenarios.source}: scenario {scenario.id!r} has no {unit!r}, which names what "
                "was drawn as a whole (design.unit, or else cluster); allowed: a column of text "
                "or numbers that every scenario has, or 'scenario'"
            )
        found[scenario.id] = str(value)
    return found


def _told(arms: Sequence[ArmPair]) -> object:
    """Return what is compared, for a seed that nobody can shop for."""
    return sorted(
        (
            a.template,
            a.baseline.facts.template_sha256,
            a.candidate.facts.template_sha256,
            a.baseline.scenario_ids,
            a.candidate.scenario_ids,
        )
        for a in arms
    )


def _broken(design: Design) -> tuple[Gate, str]:
    """Return the decision where the draw is broken, and the warning: nothing can be decided."""
    words = []
    several = len(design.allocations) > 1
    for a in design.allocations:
        if a.balanced:
            continue
        before, after = a.units
        words.append(
            (f"{a.template}: " if several else "")
            + f"{after:,} of {before + after:,} units went to the candidate "
            f"({after / (before + after):.1%}), {a.share:.1%} were declared "
            f"(p {numbers.p_value(a.p_value)})"
        )
    why = f"sample ratio mismatch: {'; '.join(words)}"
    warning = (
        f"{why}. The draw is broken, or some of the log is missing: the versions were not given "
        "alike scenarios, and no figure below tells what the template did"
    )
    return Gate(GateVerdict.INCONCLUSIVE, (why,), ExitCode.NOT_COMPARABLE), warning
