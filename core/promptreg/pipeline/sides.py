"""Both sides of a comparison: stored runs, or what is missing of two versions, interleaved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from promptreg.errors import NotComparableError, UsageError
from promptreg.pipeline.execute import Executed, execute
from promptreg.pipeline.looks import Member, Watch, watch_for
from promptreg.pipeline.parts import make_provider
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.stored import stored_run
from promptreg.pipeline.versions import (
    check_looked_up_apart,
    common_templates,
    lookup,
    make_version,
    same_asked,
    serves,
)
from promptreg.pipeline.work import Version
from promptreg.policy import Policy
from promptreg.records import Run, ScenarioSet, Template
from promptreg.stages.compare import check_baseline
from promptreg.stages.load import RunRef
from promptreg.stages.score import Scoring

__all__ = ["Sides", "run_sides"]


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


def run_sides(
    project: Project,
    ref_a: str,
    ref_b: str,
    scenarios: ScenarioSet,
    options: Options,
    scoring: Scoring,
    policy: Policy,
    handle_signals: bool,
) -> Sides:
    """Return both sides' runs; what is in the store is not asked again.

    Raises:
        NotComparableError: a stored run cannot be the baseline, or is of another template.
        ExecutionError: the provider, the store or the budget stopped the work.
        UsageError: a reference or a template is wrong.
    """
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
    if options.anytime or (options.looks is not None and options.looks != 1):
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
    for name in names:
        served = serves(project, name, scenarios)
        if not served:
            warnings.append(f"template {name} serves none of the chosen scenarios; left out")
            continue
        kept.append(name)
        asks_anew = make_provider(project, a[name].provider_name).cacheable
        same = same_asked(a[name], b[name])
        if a[name].provider_name == b[name].provider_name:
            check_looked_up_apart(a[name], b[name], cacheable=asks_anew)
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
