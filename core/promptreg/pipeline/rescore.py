"""`rescore`: new scorers on stored completions; no generation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from promptreg.clock import utc_now
from promptreg.errors import NotComparableError
from promptreg.pipeline.event_loop import run_loop
from promptreg.pipeline.facts import scorer_facts
from promptreg.pipeline.keys import digest
from promptreg.pipeline.parts import make_scoring, told
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.services import Batches, SuiteServices
from promptreg.records import Cause, Completion, Failure, Prompt, Run, Template, Trial
from promptreg.stages.call import Budget, Spent
from promptreg.stages.parse import AnswerReader
from promptreg.stages.score import Given, Scoring
from promptreg.store.runs import RunWriter, load_run, read_trials

__all__ = ["rescore"]

_MODEL_FAULTS = frozenset(
    {
        Cause.TRUNCATED,
        Cause.REFUSED,
        Cause.EMPTY,
        Cause.UNPARSEABLE,
        Cause.INVALID,
        Cause.FALLBACK,
    }
)
"""Failures that reading decides; they are decided anew. Others are facts about the call."""


def rescore(
    project: Project, run_id: str, options: Options | None = None, spent: Spent | None = None
) -> tuple[str, Run, tuple[str, ...]]:
    """Return the id of the stored run, the run made from its completions, and warnings.

    The suite's provider is never asked; models that scorers ask are, for what the store lacks,
    within the options' budget, on which `spent` counts.

    Raises:
        NotComparableError: the run's scenarios are no longer in the suite's file.
        StoreError: there is no such run, or it is damaged.
        ProviderError, BudgetError: a scorer's model stopped the work; the next call goes on.
    """
    return run_loop(_rescore(project, run_id, options or Options(), spent))


async def _rescore(
    project: Project, run_id: str, options: Options, spent: Spent | None
) -> tuple[str, Run, tuple[str, ...]]:
    old = load_run(project.store, run_id)
    scenarios = {s.id: s for s in project.scenarios(Options()).scenarios}
    lost = [s for s in old.scenario_ids if s not in scenarios]
    if lost:
        raise NotComparableError(
            f"run {old.id}: {len(lost)} of its scenarios are no longer in "
            f"{project.suite.scenarios}: {', '.join(lost[:5])}"
        )
    suite = project.suite
    scoring, reader = make_scoring(project), AnswerReader(suite.answer)
    budget = Budget.parse(options.budget) if options.budget else None
    services = SuiteServices(project, options, budget, spent)
    try:
        outside = await services.identities(scoring)
    except BaseException:
        await services.aclose()
        raise
    prints = dict(old.facts.fingerprints) | {
        "scorers": scorer_facts(suite.scorers, project.plugins, outside),
        "parser": digest(suite.answer.model_dump(mode="json")),
    }
    facts = replace(
        old.facts,
        fingerprints=prints,
        synthetic=old.facts.synthetic or services.synthetic,
        created_at=utc_now(),
    )
    template = Template(facts.template, facts.label, "raw", "", source=facts.source)
    writer = RunWriter(
        project.store,
        facts,
        old.repeats,
        scoring.scales,
        attributes=sorted({a for s in scenarios.values() for a in s.attributes}),
        aggregates=scoring.aggregates,
    )

    def record(key: str | None, trial: Trial, batched: Mapping[int, Given] | None = None) -> None:
        writer.add(trial, told(scoring, trial, batched), key=key or "")

    batches = Batches[str | None](scoring, services, record) if scoring.batched else None
    try:
        for row in read_trials(old, ids=None):
            trial = Trial(
                template, scenarios[row["scenario_id"]], row["repeat"], Prompt(row["prompt"])
            )
            _refill(trial, row, reader, effective=suite.answer.effective)
            if batches is None:
                record(row["key"], trial)
            else:
                await batches.room()
                batches.add(row["key"], trial)
        if batches is not None:
            await batches.drain()
        return old.id, writer.finish(), (*services.warnings, *_not_rescored(scoring))
    finally:
        writer.abandon()  # does nothing where the run was finished
        if batches is not None:
            await batches.cancel()
        await services.aclose()


def _not_rescored(scoring: Scoring) -> list[str]:
    """Say what no run has, however it is scored."""
    names = ", ".join(scale.name for scale in scoring.pair_scales)
    return [f"{names}: judged when two runs are compared; a run has none of it"] if names else []


def _refill(trial: Trial, row: Mapping[str, Any], reader: AnswerReader, *, effective: bool) -> None:
    cause = row["error_cause"] or ""
    if row["text"] is not None:
        trial.completion = Completion(
            text=row["text"],
            finish=row["finish"] or "unknown",
            model=row["model"] or "",
            prompt_tokens=row["prompt_tokens"],
            completion_tokens=row["completion_tokens"],
            latency_s=row["latency_s"],
            cost=row["cost"],
            cached=True,
        )
    if cause and (trial.completion is None or Cause(cause) not in _MODEL_FAULTS):
        trial.failure = Failure(
            Cause(cause), row["error_detail"] or "", row["error_status"], row["attempts"] or 0
        )
    elif trial.completion is not None:
        read = reader.read(trial.completion)
        if isinstance(read, Failure):
            trial.failure = read
        else:
            trial.answer = read
    if effective:
        trial.effective = reader.effective(trial.completion, trial.failure)
