"""What a comparison says of itself besides differences: sides, provider, counts, warnings."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from promptreg.clock import utc_now
from promptreg.pipeline.execute import Executed
from promptreg.pipeline.project import Project
from promptreg.pipeline.reviewed import unreviewed_words
from promptreg.pipeline.sides import Sides
from promptreg.policy import Policy
from promptreg.records import Run, RunFacts, ScenarioSet
from promptreg.stages.compare import RunPair, between_providers
from promptreg.verdicts import (
    Comparison,
    Counts,
    Criterion,
    Difference,
    Gate,
    Limit,
    Side,
    StopReason,
)

__all__ = ["Decided", "outline"]


@dataclass(frozen=True, slots=True)
class Decided:
    """What any design's comparison comes to."""

    gate: Gate
    differences: tuple[Difference, ...]
    limits: tuple[Limit, ...]
    criteria: tuple[Criterion, ...]
    complete_case: Mapping[str, float | None]


def outline(
    project: Project,
    policy: Policy,
    labels: tuple[str, str],
    sides: Sides,
    runs: Sequence[RunPair],
    scenarios: ScenarioSet,
    decided: Decided,
    *,
    started: float,
    synthetic: bool,
    asked: bool = True,
) -> Comparison:
    """Return a comparison that holds what is the same for every design; the rest is empty.

    Args:
        project: the opened suite.
        policy: what gated.
        labels: what the sides are called.
        sides: what was run, and what readers must know.
        runs: both sides' runs, by template.
        scenarios: the chosen ones.
        decided: what it comes to.
        started: when it began, of `perf_counter`.
        synthetic: whether answers were made up.
        asked: whether both sides were asked about these scenarios; else trials count as they are.
    """
    facts = [r.facts for p in runs for r in (p.baseline, p.candidate)]
    executed = sides.executed
    return Comparison(
        suite=project.suite.suite,
        baseline=_side(labels[0], [p.baseline for p in runs]),
        candidate=_side(labels[1], [p.candidate for p in runs]),
        gate=decided.gate,
        differences=decided.differences,
        limits=decided.limits,
        counts=_counts(runs, executed if asked else None),
        cost=executed.tally.cost if executed else None,
        duration_s=time.perf_counter() - started,
        alpha=policy.alpha,
        policy_sha256=policy.sha256,
        provider=executed.provider if executed else _providers(facts),
        synthetic=synthetic,
        created_at=utc_now(),
        template_diffs=sides.diffs,
        warnings=tuple(_warnings(sides, synthetic, scenarios)),
        complete_case=decided.complete_case,
        criteria=decided.criteria,
        preset=policy.preset,
        suite_file=str(project.path.resolve()),
        subject=_subject(runs),
    )


def _side(label: str, runs: Sequence[Run]) -> Side:
    return Side(
        label=label,
        template_sha256={r.facts.template: r.facts.template_sha256 for r in runs},
        run_ids={r.facts.template: r.id for r in runs},
        fingerprints=dict(runs[0].facts.fingerprints),
        sources={r.facts.template: r.facts.source for r in runs},
    )


def _subject(pairs: Sequence[RunPair]) -> str:
    """Return what is compared where the versions name different providers; else nothing."""
    told: dict[str, list[bool]] = {}
    for pair in pairs:
        left, right = pair.baseline.facts, pair.candidate.facts
        if between_providers(pair.baseline, pair.candidate):
            said = f"{left.provider_name} ({left.provider}) with {right.provider_name} "
            said += f"({right.provider})"
            told.setdefault(said, []).append(left.template_sha256 == right.template_sha256)
    if not told:
        return ""
    texts = [same for found in told.values() for same in found]
    both = sum(map(len, told.values())) < len(pairs)
    if all(texts):
        text = "the template text is the same on both sides"
    elif any(texts):
        text = "some template texts differ too, and there a change may come from either"
    else:
        text = "the template text differs too, so a change may come from either"
    return (
        f"providers are compared{', not templates alone' if not all(texts) else ', not templates'}"
        f": {'; '.join(told)}; {text}"
        + ("; the other templates have one provider on both sides" if both else "")
    )


def _providers(facts: Sequence[RunFacts]) -> str:
    lines = [f"{f.provider_name}: {f.provider}" if f.provider_name else f.provider for f in facts]
    apart = list(dict.fromkeys(lines))
    named = len({f.provider_name for f in facts}) > 1
    return "; ".join(apart) if named else facts[0].provider


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
        planned=planned,
        cached=t.cached + max(extra, 0),
        called=t.called,
        failed=failed,
        prompt_tokens=t.prompt_tokens,
        completion_tokens=t.completion_tokens,
        judges=executed.judges,
    )


def _warnings(sides: Sides, synthetic: bool, scenarios: ScenarioSet) -> Iterator[str]:
    if synthetic:
        yield "answers came from a scripted provider: they say nothing about any model"
    if scenarios.partial:
        yield (
            f"only {len(scenarios.scenarios)} of {scenarios.total} scenarios were compared "
            f"({scenarios.selection}); such a run can never become a baseline"
        )
    if said := unreviewed_words(scenarios):
        yield said
    watch = sides.watch
    if watch is not None and watch.partial and watch.reason is not StopReason.FUTILITY:
        yield (
            "it stopped as soon as it was decided: the verdict holds, and the changes shown lean "
            "towards it more than those of all scenarios would"
        )
    yield from dict.fromkeys(sides.warnings)
