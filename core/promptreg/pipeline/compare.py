"""`compare`: run what is missing of both sides, interleaved, and say what changed."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from promptreg.errors import NotComparableError, UsageError
from promptreg.pipeline.calibrate.kept import calibration_of
from promptreg.pipeline.evidence import described
from promptreg.pipeline.execute import Executed, execute
from promptreg.pipeline.landscape import laid_out
from promptreg.pipeline.looks import Member, Watch, watch_for
from promptreg.pipeline.parts import default_blocks, make_provider, make_scoring
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.stored import stored_run, with_worst
from promptreg.pipeline.versions import (
    check_looked_up_apart,
    common_templates,
    lookup,
    make_version,
    serves,
)
from promptreg.pipeline.work import Version
from promptreg.policy import Policy, make_policy
from promptreg.records import Run, ScenarioSet, Template
from promptreg.stages.compare import (
    RunPair,
    check_baseline,
    check_comparable,
    check_criteria,
    check_limits,
    compare_pairs,
    compare_slices,
    complete_case,
    matched,
    rank_changes,
    unequal_losses,
    with_remarks,
)
from promptreg.stages.gate import decide_gate
from promptreg.stages.load import RunRef
from promptreg.stages.score import Scoring
from promptreg.verdicts import Comparison, Counts, Side

__all__ = ["Sides", "compare", "conclude", "paired", "policy_for", "resampling_seed"]


@dataclass(slots=True)
class Sides:
    """Both sides' runs by template, and how they came to be."""

    baseline: dict[str, Run]
    candidate: dict[str, Run]
    executed: Executed | None = None
    diffs: dict[str, tuple[str, str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    watch: Watch | None = None
    """Who judged the data while they came, if anybody did."""


def compare(
    project: Project, ref_a: str, ref_b: str, options: Options, *, handle_signals: bool = False
) -> Comparison:
    """Return the comparison of candidate `ref_b` against baseline `ref_a`.

    Trials that are in the store are not asked again.

    Raises:
        NotComparableError: the sides differ in more than the template, or too much is missing.
        ExecutionError: the provider, the store or the budget stopped the work.
        UsageError: a reference, the suite or a template is wrong.
    """
    started = time.perf_counter()
    every = project.every_scenario()
    scenarios = project.narrowed(every, options)
    scoring = make_scoring(project)
    policy = policy_for(project, scoring, every, options)
    sides = _run_sides(project, ref_a, ref_b, scenarios, options, scoring, policy, handle_signals)
    comparison = conclude(
        project, (ref_a, ref_b), sides, scenarios, options, scoring, policy, started
    )
    project.plugins.emit("promptreg_comparison_finished", comparison=comparison)
    return comparison


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
) -> Comparison:
    """Return what both sides' runs say; `labels` name them, `started` is of `perf_counter`.

    Runs `beside` them, of versions without a baseline, have a say only in which scenarios there
    are.

    Raises:
        NotComparableError: the sides differ in more than the template, or too much is missing.
    """
    watch, chosen = sides.watch, scenarios
    if watch is not None:
        scenarios = watch.asked(chosen)
    pairs = paired(sides, scenarios, options, scoring)
    policy = _with_run_scales(policy, pairs)
    seed = resampling_seed(pairs)
    if watch is None:
        differences, limits = compare_pairs(pairs, policy, seed=seed), check_limits(pairs, policy)
    else:  # judged at the last look, at what that one may err
        differences = (*watch.differences, *compare_slices(pairs, policy, seed=seed))
        limits = watch.limits
    differences = with_remarks(differences, pairs, scoring.remarks)
    criteria = check_criteria([*(p.candidate for p in pairs), *beside], policy)
    sides.warnings += unequal_losses(pairs, policy, seed=seed)
    facts = [r.facts for p in pairs for r in (p.baseline, p.candidate)]
    synthetic = any(f.synthetic for f in facts)
    # Stopping by the rule is no choice of scenarios: such a comparison may pass, though none of
    # its runs can be a baseline.
    partial = any(f.partial for f in facts) if watch is None else chosen.partial
    gate = decide_gate(
        differences, limits, policy, synthetic=synthetic, partial=partial, criteria=criteria
    )
    changes = rank_changes(pairs, policy)
    shown, scenario_map, troubles = laid_out(
        project, scenarios, changes, described(changes, pairs, scenarios)
    )
    sides.warnings += troubles
    calibration, remarks = calibration_of(project, pairs, policy)  # shown; it decides nothing
    sides.warnings += remarks
    return Comparison(
        suite=project.suite.suite,
        baseline=_side(labels[0], [p.baseline for p in pairs]),
        candidate=_side(labels[1], [p.candidate for p in pairs]),
        gate=gate,
        differences=differences,
        limits=limits,
        counts=_counts(pairs, sides.executed),
        cost=sides.executed.tally.cost if sides.executed else None,
        duration_s=time.perf_counter() - started,
        alpha=policy.alpha,
        policy_sha256=policy.sha256,
        provider=facts[0].provider,
        synthetic=synthetic,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        changes=shown,
        changes_total=len(changes),
        template_diffs=sides.diffs,
        warnings=tuple(_warnings(sides, synthetic, scenarios)),
        complete_case=complete_case(pairs, policy),
        stopping=watch.stopping() if watch else None,
        criteria=criteria,
        preset=policy.preset,
        suite_file=str(project.path.resolve()),
        scenario_map=scenario_map,
        calibration=calibration,
        partial=partial,
    )


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


def policy_for(
    project: Project, scoring: Scoring, scenarios: ScenarioSet, options: Options
) -> Policy:
    """Return the suite's policy with the command line's word, checked against what exists.

    Takes every scenario, whatever a filter keeps: a filter does not make a policy wrong.

    Raises:
        SuiteError: it names a metric, attribute or value that does not exist.
    """
    values: dict[str, set[str]] = {}
    for scenario in scenarios.scenarios:
        for attribute, value in scenario.attributes.items():
            values.setdefault(attribute, set()).add(value)
    return make_policy(
        project.suite.gate,
        scoring.scales,
        default_blocks(scoring),
        values,
        where=str(project.path),
        alpha=options.alpha,
        margins=options.margins,
        looks=options.looks,
        shown_only=scoring.shown_only,
    )


def _run_sides(
    project: Project,
    ref_a: str,
    ref_b: str,
    scenarios: ScenarioSet,
    options: Options,
    scoring: Scoring,
    policy: Policy,
    handle_signals: bool,
) -> Sides:
    a, b = lookup(project, ref_a, options), lookup(project, ref_b, options)
    stored_a = _stored(project, a, scoring)
    stored_b = _stored(project, b, scoring)
    told: tuple[str, ...] = ()
    whole = _looked_once(options, policy) if stored_a or stored_b else []
    if stored_a is not None:  # before any call is made
        told = check_baseline(stored_a, allow=options.allow_mismatch, decides=options.deciding)
    if stored_a is not None and stored_b is not None:
        if stored_a.facts.template != stored_b.facts.template and not options.allow_mismatch:
            raise NotComparableError(
                f"not comparable: {stored_a.id} is of template {stored_a.facts.template!r}, "
                f"{stored_b.id} of {stored_b.facts.template!r}"
            )
        name = stored_a.facts.template
        return Sides({name: stored_a}, {name: stored_b}, warnings=[*told, *whole])
    if stored_a is not None or stored_b is not None:
        stored = stored_a or stored_b
        assert stored is not None  # noqa: S101 - for the type checker; just tested
        other = b if stored_a is not None else a
        name = stored.facts.template
        if isinstance(other, RunRef) or name not in other:
            raise UsageError(f"run {stored.id} is of template {name!r}, which the other side lacks")
        version = make_version(project, other[name], serves(project, name, scenarios))
        executed = execute(
            project, [version], scenarios, options, scoring, handle_signals=handle_signals
        )
        fresh = executed.runs[0]
        age = f"run {stored.id} was made at {stored.facts.created_at}; provider drift since then "
        warnings = [*told, *executed.warnings, age + "is not excluded", *whole]
        if stored_a is not None:
            return Sides({name: stored}, {name: fresh}, executed, {}, warnings)
        return Sides({name: fresh}, {name: stored}, executed, {}, warnings)
    assert not isinstance(a, RunRef)  # noqa: S101 - for the type checker; both were looked up
    assert not isinstance(b, RunRef)  # noqa: S101
    return _run_both(
        project, a, b, ref_a, ref_b, scenarios, options, scoring, policy, handle_signals
    )


def _looked_once(options: Options, policy: Policy) -> list[str]:
    """Return the warning that a stored run is compared as a whole, if looks were planned.

    Raises:
        UsageError: the command line asked for several looks.
    """
    if not policy.looks.several:
        return []
    if options.looks is not None and options.looks != 1:
        raise UsageError(
            "--sequential asks both sides in steps; a stored run (run:ID) is already asked. Name "
            "two versions, or leave --sequential out"
        )
    return ["a stored run is compared as a whole: gate.sequential and gate.more do not apply"]


def _run_both(
    project: Project,
    a: Mapping[str, Template],
    b: Mapping[str, Template],
    ref_a: str,
    ref_b: str,
    scenarios: ScenarioSet,
    options: Options,
    scoring: Scoring,
    policy: Policy,
    handle_signals: bool,
) -> Sides:
    names = common_templates(a, b, ref_a, ref_b)
    warnings: list[str] = []
    versions: list[Version] = []
    kept: list[str] = []
    repeats = project.repeats(options)
    asks_anew = make_provider(project).cacheable
    for name in names:
        served = serves(project, name, scenarios)
        if not served:
            warnings.append(f"template {name} serves none of the chosen scenarios; left out")
            continue
        kept.append(name)
        check_looked_up_apart(a[name], b[name], cacheable=asks_anew)
        same = a[name].sha256 == b[name].sha256
        if same:
            warnings.append(
                f"template {name}: {ref_a} and {ref_b} have the same text: an A/A comparison"
            )
        # Comparing a version with itself is the self-test: its second half is asked anew.
        offset = max(repeats, policy.looks.more_repeats) if same and asks_anew else 0
        for side, template, first in (("baseline", a[name], 0), ("candidate", b[name], offset)):
            lane = len(versions)
            versions.append(
                make_version(project, template, served, side=side, lane=lane, first_repeat=first)
            )
    if not versions:
        raise UsageError(
            "no template serves any of the chosen scenarios; see 'select' and --filter"
        )
    members = [Member(v.template.name, v.side) for v in versions]
    watch, notes = watch_for(project, policy, versions, members, scenarios, options, scoring)
    executed = execute(
        project, versions, scenarios, options, scoring, handle_signals=handle_signals, watch=watch
    )
    pairs = list(zip(executed.runs[::2], executed.runs[1::2], strict=True))
    return Sides(
        baseline={n: pair[0] for n, pair in zip(kept, pairs, strict=True)},
        candidate={n: pair[1] for n, pair in zip(kept, pairs, strict=True)},
        executed=executed,
        diffs={n: (a[n].text, b[n].text) for n in kept},
        warnings=[*warnings, *notes, *executed.warnings],
        watch=watch,
    )


def _stored(
    project: Project, found: Mapping[str, Template] | RunRef, scoring: Scoring
) -> Run | None:
    if not isinstance(found, RunRef):
        return None
    return stored_run(project, found.id, scoring.aggregates)


def _with_run_scales(policy: Policy, pairs: Sequence[RunPair]) -> Policy:
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
    return policy


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
    text = repr(told)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def _side(label: str, runs: Sequence[Run]) -> Side:
    return Side(
        label=label,
        template_sha256={r.facts.template: r.facts.template_sha256 for r in runs},
        run_ids={r.facts.template: r.id for r in runs},
        fingerprints=dict(runs[0].facts.fingerprints),
        sources={r.facts.template: r.facts.source for r in runs},
    )


def _counts(pairs: Sequence[RunPair], executed: Executed | None) -> Counts:
    failed: dict[str, dict[str, int]] = {"baseline": {}, "candidate": {}}
    for pair in pairs:
        for side, run in (("baseline", pair.baseline), ("candidate", pair.candidate)):
            for cause, n in run.failures.items():
                failed[side][cause] = failed[side].get(cause, 0) + n
    planned = sum(r.counts.get("planned", 0) for p in pairs for r in (p.baseline, p.candidate))
    if executed is None:
        return Counts(planned, planned, 0, failed)
    t = executed.tally
    extra = planned - t.planned  # trials of a stored run
    return Counts(
        planned, t.cached + max(extra, 0), t.called, failed, t.prompt_tokens, t.completion_tokens
    )


def _warnings(sides: Sides, synthetic: bool, scenarios: ScenarioSet) -> Iterator[str]:
    if synthetic:
        yield "answers came from a scripted provider: they say nothing about any model"
    if scenarios.partial:
        yield (
            f"only {len(scenarios.scenarios)} of {scenarios.total} scenarios were compared "
            f"({scenarios.selection}); such a run can never become a baseline"
        )
    yield from dict.fromkeys(sides.warnings)
