"""What scorers will ask models (judges) besides: calls, those already answered, tokens, cost."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from promptreg.errors import PromptregError
from promptreg.pipeline.event_loop import run_loop
from promptreg.pipeline.parts import model_parts
from promptreg.pipeline.planned import CHARACTERS_PER_TOKEN
from promptreg.pipeline.planned_services import StoredServices
from promptreg.pipeline.project import Project
from promptreg.pipeline.work import Work
from promptreg.protocols import Pair
from promptreg.records import Completion, Failure, Prompt, Template, Trial
from promptreg.stages.parse import AnswerReader
from promptreg.stages.score import Scoring, ask_batch, ask_pairs
from promptreg.stages.score.facts import Plan as ScorerPlan
from promptreg.store.calls import CallStore
from promptreg.suite import ProviderEntry

__all__ = ["Answered", "PlannedModel", "count_models"]

T = TypeVar("T")
Answered = Mapping[tuple[int, str, int], Completion]
"""Version's number, scenario and repeat to the completion that is stored already."""


@dataclass(frozen=True, slots=True)
class PlannedModel:
    """What one scorer will ask.

    Attributes:
        scorer: which one, in words.
        models: what it asks, one line each.
        calls: still to make, at one ask for each verdict; for answers that are not there yet, the
            most.
        cached: verdicts already in the store.
        prompt_tokens, completion_tokens: of the calls; None where nothing tells.
        cost: of the calls; None where it cannot be said, or no price is known.
        measured: whether tokens come from stored verdicts.
    """

    scorer: str
    models: tuple[str, ...]
    calls: int
    cached: int
    prompt_tokens: int | None
    completion_tokens: int | None
    cost: float | None
    measured: bool


def count_models(
    project: Project, work: Work, scoring: Scoring, answered: Answered, *, cache: bool, paired: bool
) -> list[PlannedModel]:
    """Return what each scorer that asks models will ask.

    Where answers are stored, scorers are let look for their verdicts in the store; nobody is asked.

    Args:
        project: the opened suite.
        work: the trials.
        scoring: the suite's scorers.
        answered: completions that are there.
        cache: whether stored verdicts may be used.
        paired: whether versions are two sides, baseline first, template by template.

    Raises:
        SuiteError, PluginError: settings of a model are wrong.
    """
    chosen = [at for at in scoring.batched if _asks(scoring.plan(at), "calls_per_trial")]
    pairwise = [p for p in scoring.pairwise if paired and _asks(p, "calls_per_pair")]
    if not chosen and not pairwise:
        return []
    return run_loop(_count(project, work, scoring, answered, cache, chosen, pairwise))


def _asks(plan: ScorerPlan, name: str) -> int:
    calls = getattr(plan.scorer, name, 0)
    return calls if isinstance(calls, int) and calls > 0 else 0


async def _count(
    project: Project,
    work: Work,
    scoring: Scoring,
    answered: Answered,
    cache: bool,
    chosen: Sequence[int],
    pairwise: Sequence[ScorerPlan],
) -> list[PlannedModel]:
    trials = _trials(project, work, answered)
    readable = cache and CallStore.exists(project.store)
    store = CallStore.open(project.store) if readable else None
    found = []
    try:
        for at in chosen:
            plan, services = scoring.plan(at), StoredServices(project, store)
            items = _of_trials(work, scoring, at, trials)
            count = await _counted(items, plan, "calls_per_trial", services, _batched)
            found.append(_summed(project, plan, count, services))
        for plan in pairwise:
            services = StoredServices(project, store)
            pairs = _of_pairs(work, scoring, plan, trials)
            count = await _counted(pairs, plan, "calls_per_pair", services, _compared)
            found.append(_summed(project, plan, count, services))
    finally:
        if store is not None:
            store.close()
    return found


@dataclass(slots=True)
class _Count:
    calls: int = 0
    cached: int = 0


async def _counted(
    items: Sequence[T | None],
    plan: ScorerPlan,
    name: str,
    services: StoredServices,
    ask: Callable[[ScorerPlan, T, StoredServices], Awaitable[None]],
) -> _Count:
    """Count what items take; None: an answer that is not there yet takes the most."""
    count, most = _Count(), _asks(plan, name)
    for item in items:
        if item is None:
            count.calls += most
            continue
        hits, misses = services.hits, services.misses
        with suppress(PromptregError):
            await ask(plan, item, services)
        hits, misses = services.hits - hits, services.misses - misses
        count.cached += hits
        if misses:  # a scorer may stop at the first verdict that it does not get
            count.calls += max(misses, most - hits)
    await services.aclose()
    return count


async def _batched(plan: ScorerPlan, view: Trial, services: StoredServices) -> None:
    await ask_batch(plan, [view], services)


async def _compared(plan: ScorerPlan, pair: Pair, services: StoredServices) -> None:
    await ask_pairs(plan, [pair], services)


def _trials(project: Project, work: Work, answered: Answered) -> dict[tuple[int, str, int], Trial]:
    """Return the trials that are answered already, read as a run would."""
    reader = AnswerReader(project.suite.answer)
    found = {}
    scenarios = [{s.id: s for s in version.scenarios} for version in work.versions]
    for (at, name, repeat), completion in answered.items():
        trial = Trial(
            Template("", "", "raw", ""), scenarios[at][name], repeat, Prompt(""), completion
        )
        read = reader.read(completion)
        if isinstance(read, Failure):
            trial.failure = read
        else:
            trial.answer = read
        if project.suite.answer.effective:
            trial.effective = reader.effective(completion, trial.failure)
        found[at, name, repeat] = trial
    return found


def _of_trials(
    work: Work, scoring: Scoring, at: int, trials: Mapping[tuple[int, str, int], Trial]
) -> list[Trial | None]:
    """Return what a scorer would be shown: None for an answer that is not there yet."""
    items: list[Trial | None] = []
    for number, version in enumerate(work.versions):
        for scenario in version.scenarios:
            if not scoring.facts(scenario).any[at]:
                continue
            for repeat in range(work.repeats):
                trial = trials.get((number, scenario.id, repeat))
                view = None if trial is None else scoring.view(trial, at)
                if trial is None or view is not None:  # a failed trial is not asked about
                    items.append(view)
    return items


def _of_pairs(
    work: Work,
    scoring: Scoring,
    plan: ScorerPlan,
    trials: Mapping[tuple[int, str, int], Trial],
) -> list[Pair | None]:
    items: list[Pair | None] = []
    for one in range(0, len(work.versions) - 1, 2):
        for scenario in work.versions[one].scenarios:
            if plan.own[0].name not in scoring.applying(scenario):
                continue
            for repeat in range(work.repeats):
                sides = [trials.get((one + side, scenario.id, repeat)) for side in (0, 1)]
                base, cand = sides
                if base is None or cand is None:
                    lost = any(side is not None and side.failure for side in sides)
                    items += [] if lost else [None]
                elif base.failure is None and cand.failure is None:
                    items.append(Pair(base, cand))
    return items


def _summed(
    project: Project, plan: ScorerPlan, count: _Count, services: StoredServices
) -> PlannedModel:
    """Return the count with tokens and cost: by stored verdicts, else by the prompts' length."""
    entries = [
        model_parts(project, settings)[0] for settings in getattr(plan.scorer, "providers", ())
    ]
    prompt: int | None = None
    completion: int | None = None
    if not count.calls:
        prompt = completion = 0
    elif services.seen:
        prompt = round(services.prompt_tokens / services.seen * count.calls)
        completion = round(services.completion_tokens / services.seen * count.calls)
    elif services.misses:
        each = services.characters / services.misses / CHARACTERS_PER_TOKEN
        prompt = math.ceil(each * count.calls)
    cost: float | None = None
    if entries and all(e.prices for e in entries) and completion is not None:
        assert prompt is not None  # noqa: S101 - for the type checker: known with `completion`
        cost = math.fsum(
            prompt * (e.prices or {}).get("prompt", 0.0)
            + completion * (e.prices or {}).get("completion", 0.0)
            for e in entries
        ) / (1e6 * len(entries))
    return PlannedModel(
        scorer=plan.who,
        models=tuple(_words(e) for e in entries),
        calls=count.calls,
        cached=count.cached,
        prompt_tokens=prompt,
        completion_tokens=completion,
        cost=cost,
        measured=bool(services.seen) or not count.calls,
    )


def _words(entry: ProviderEntry) -> str:
    name = entry.settings.get("model")
    return f"{entry.use} {name}" if isinstance(name, str) and name else entry.use
