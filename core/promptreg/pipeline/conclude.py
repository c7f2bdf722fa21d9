"""What both sides' runs say: pairs, differences, limits, criteria, and the gate's decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from promptreg.errors import NotComparableError
from promptreg.pipeline.calibrate.kept import calibration_of
from promptreg.pipeline.evidence import described
from promptreg.pipeline.judging.beside import composite_words, labels_beside
from promptreg.pipeline.judging.consistency import judged_notes
from promptreg.pipeline.judging.labelled import Labelled
from promptreg.pipeline.keys import seed_of
from promptreg.pipeline.landscape import laid_out
from promptreg.pipeline.outline import Decided, outline
from promptreg.pipeline.pairwise import judge_pairs, remarked
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.sides import Sides
from promptreg.pipeline.stored import with_worst
from promptreg.pipeline.unpaired import conclude_unpaired
from promptreg.policy import DesignPolicy, Policy
from promptreg.records import Run, ScenarioSet
from promptreg.stages.compare import (
    RunPair,
    breakdowns,
    check_comparable,
    check_criteria,
    check_limits,
    compare_pairs,
    compare_slices,
    complete_case,
    curves,
    matched,
    rank_changes,
    unequal_losses,
    unjudged,
    with_remarks,
)
from promptreg.stages.gate import decide_gate
from promptreg.stages.score import Scoring
from promptreg.verdicts import Comparison, Difference

__all__ = ["conclude", "paired", "resampling_seed"]


def conclude(
    project: Project,
    labels: tuple[str, str],
    sides: Sides,
    scenarios: ScenarioSet,
    options: Options,
    scoring: Scoring,
    policy: Policy,
    started: float,
    beside: Sequence[Run] = (),
    people: Sequence[Labelled] = (),
) -> Comparison:
    """Return what both sides' runs say; `labels` name them, `started` is of `perf_counter`.

    Runs `beside` them, of versions without a baseline, have a say only in which scenarios there
    are. What `people` say takes the bias out of judges' differences and decides them where it is
    enough.

    Raises:
        NotComparableError: the sides differ in more than the template, or too much is missing.
    """
    if policy.design is not None:
        return _unpaired(
            project,
            policy.design,
            labels,
            sides,
            scenarios,
            options,
            scoring,
            policy,
            started,
            beside,
        )
    watch, chosen = sides.watch, scenarios
    if watch is not None:
        scenarios = watch.asked(chosen)
    pairs = paired(sides, scenarios, options, scoring)
    spent = sides.executed.spent if sides.executed else None
    preferred = judge_pairs(project, pairs, scenarios, options, scoring, spent)
    pairs = preferred.pairs
    sides.warnings += preferred.warnings
    _check_scales(policy, pairs)
    seed = resampling_seed(pairs)
    if watch is None:
        differences, limits = compare_pairs(pairs, policy, seed=seed), check_limits(pairs, policy)
    else:  # judged at the last look, at what that one may err
        shown = compare_pairs(pairs, policy.of_pairs, seed=seed) if policy.pairwise else ()
        slices = compare_slices(pairs, policy, seed=seed)
        differences = (*watch.differences, *shown, *slices)
        limits = watch.limits
    differences = with_remarks(differences, pairs, scoring.remarks)
    differences = preferred.noted(differences)
    if scoring.batched:  # some of it may have been said by judges
        differences = _with_judges(differences, pairs, people, policy, sides, seed)
    criteria = check_criteria([*(p.candidate for p in pairs), *beside], policy)
    sides.warnings += unequal_losses(pairs, policy, seed=seed)
    sides.warnings += unjudged(pairs, policy)
    facts = [r.facts for p in pairs for r in (p.baseline, p.candidate)]
    synthetic = preferred.synthetic or any(f.synthetic for f in facts)
    # Stopping by the rule is no choice of scenarios: such a comparison may pass, though none of
    # its runs can be a baseline.
    partial = any(f.partial for f in facts) if watch is None else chosen.partial
    gate = decide_gate(
        differences, limits, policy, synthetic=synthetic, partial=partial, criteria=criteria
    )
    changes = rank_changes(pairs, policy)
    listed = remarked(described(changes, pairs, scenarios), preferred)
    listed, scenario_map, troubles = laid_out(project, scenarios, changes, listed)
    sides.warnings += troubles
    calibration, remarks = calibration_of(project, pairs, policy)  # shown; it decides nothing
    sides.warnings += remarks
    cost = preferred.cost_with(sides.executed.tally.cost if sides.executed else None)
    decided = Decided(gate, differences, limits, criteria, complete_case(pairs, policy))
    whole = outline(
        project,
        policy,
        labels,
        sides,
        pairs,
        scenarios,
        decided,
        started=started,
        synthetic=synthetic,
    )
    return replace(
        whole,
        counts=replace(whole.counts, judges=whole.counts.judges + preferred.calls),
        cost=cost,
        changes=listed,
        changes_total=len(changes),
        all_changes=tuple(c.change for c in changes if c.change is not None),
        stopping=watch.stopping() if watch else None,
        scenario_map=scenario_map,
        calibration=calibration,
        partial=partial,
        breakdowns=breakdowns(pairs, scoring.broken_down, policy.slices[:2]),
        curves=curves(pairs, scoring.curves),
        pairwise=preferred.told,
    )


def _with_judges(
    differences: Sequence[Difference],
    pairs: Sequence[RunPair],
    people: Sequence[Labelled],
    policy: Policy,
    sides: Sides,
    seed: int,
) -> tuple[Difference, ...]:
    """Return the differences with what is known of the judges behind them, warnings included."""
    why_not = "" if sides.watch is None else "its interval is of one look, and there were several"
    told = labels_beside(pairs, differences, people, alpha=policy.alpha, seed=seed, why_not=why_not)
    judged = judged_notes(
        differences, pairs, alpha=policy.alpha, seed=seed, calibrated=told.corrected
    )
    sides.warnings += (*judged.warnings, *told.warnings)
    sides.warnings += composite_words(policy, told.deciding)
    return told.added(judged.differences, alpha=policy.alpha)


def _unpaired(
    project: Project,
    design: DesignPolicy,
    labels: tuple[str, str],
    sides: Sides,
    scenarios: ScenarioSet,
    options: Options,
    scoring: Scoring,
    policy: Policy,
    started: float,
    beside: Sequence[Run],
) -> Comparison:
    """Return the comparison of an A/B log: what needs both answers to a scenario stays empty."""
    _check_scales(
        policy, [RunPair(n, run, sides.candidate[n]) for n, run in sides.baseline.items()]
    )
    found = conclude_unpaired(project, design, sides, scenarios, options, scoring, policy, beside)
    sides.warnings += unjudged(found.runs, policy)
    facts = [r.facts for p in found.runs for r in (p.baseline, p.candidate)]
    synthetic = any(f.synthetic for f in facts)
    decided = Decided(
        found.gate, found.differences, found.limits, found.criteria, found.complete_case
    )
    whole = outline(
        project,
        policy,
        labels,
        sides,
        found.runs,
        scenarios,
        decided,
        started=started,
        synthetic=synthetic,
        asked=False,  # each scenario was one side's
    )
    partial = any(f.partial for f in facts)
    return replace(whole, partial=partial, curves=found.curves, design=found.design)


def paired(
    sides: Sides, scenarios: ScenarioSet, options: Options, scoring: Scoring
) -> list[RunPair]:
    """Return both sides' runs as pairs; what was allowed or left out goes to the warnings.

    Raises:
        NotComparableError: the sides differ in more than the template, or too much is missing.
    """
    pairs: list[RunPair] = []
    worst = {s.id: scoring.worst(s) for s in scenarios.scenarios}
    for name, baseline in sides.baseline.items():
        candidate = sides.candidate[name]
        baseline, candidate = (with_worst(run, worst) for run in (baseline, candidate))
        sides.warnings += check_comparable(baseline, candidate, allow=options.allow_mismatch)
        pair, out = matched(baseline, candidate, allow_unmatched=options.allow_unmatched)
        if out:
            sides.warnings.append(
                f"template {name}: {len(out)} scenarios are not on both sides and were left out "
                f"(--allow-unmatched): {', '.join(out[:10])}{' ...' if len(out) > 10 else ''}"
            )
        pairs.append(pair)
    return pairs


def resampling_seed(pairs: Sequence[RunPair]) -> int:
    """Return a seed made of what is compared, so that nobody can shop for one.

    Not of the runs' ids: those hold latencies, and the same answers shall give the same numbers,
    however often they are collected.
    """
    told = sorted(
        (
            p.template,
            p.baseline.facts.template_sha256,
            p.candidate.facts.template_sha256,
            p.scenario_ids,
        )
        for p in pairs
    )
    return seed_of(told)


def _check_scales(policy: Policy, pairs: Sequence[RunPair]) -> None:
    """Check that stored runs hold every metric of the policy.

    Raises:
        NotComparableError: one does not; `rescore` makes up for it.
    """
    for pair in pairs:
        for run in (pair.baseline, pair.candidate):
            lacking = sorted(set(policy.scales) - set(run.columns))
            if lacking:
                raise NotComparableError(
                    f"not comparable: run {run.id} has no {', '.join(lacking)}; "
                    f"'promptreg rescore {run.id}' scores it as the suite does now"
                )
