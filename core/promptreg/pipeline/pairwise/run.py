"""Has both sides' answers held against each other, where the suite has a scorer for it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from promptreg.errors import PromptregError
from promptreg.pipeline.code import code_digest
from promptreg.pipeline.event_loop import run_loop
from promptreg.pipeline.keys import digest, seed_of
from promptreg.pipeline.pairwise.judged import UNCALIBRATED, PairsJudged, summed_up
from promptreg.pipeline.pairwise.sheet import Sheet, blank_sheet
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.services import SuiteServices
from promptreg.protocols import Pair
from promptreg.records import (
    Answer,
    Completion,
    Json,
    Prompt,
    Run,
    Scenario,
    ScenarioSet,
    Template,
    Trial,
)
from promptreg.stages.call import Budget, Spent
from promptreg.stages.compare import RunPair
from promptreg.stages.score import Scoring, ask_pairs, batch_size
from promptreg.stages.score.facts import Plan, applies_to
from promptreg.store.runs import read_trials

__all__ = ["judge_pairs", "pair_fingerprint"]

_COLUMNS = ("scenario_id", "repeat", "prompt", "text", "finish", "model", "answer")
_Key = tuple[str, int]


def judge_pairs(
    project: Project,
    pairs: Sequence[RunPair],
    scenarios: ScenarioSet,
    options: Options,
    scoring: Scoring,
    spent: Spent | None = None,
) -> PairsJudged:
    """Return the pairs with a column for each metric that is measured on pairs of answers.

    Without such a metric they are returned as they are. What was said once is read from the run
    store; calls count against the options' budget, on which `spent` counts.

    Args:
        project: the opened suite.
        pairs: both sides' stored runs, by template.
        scenarios: what judges are shown of a scenario comes from here.
        options: the command line's word.
        scoring: the suite's scorers.
        spent: what the runs took of the budget.

    Raises:
        ProviderError, BudgetError: a judge stopped the work; the same call goes on from there.
        StoreError: a run is damaged, or not stored.
    """
    if not scoring.pairwise or not pairs:
        return PairsJudged(list(pairs))
    return run_loop(_judge_all(project, pairs, scenarios, options, scoring, spent))


async def _judge_all(
    project: Project,
    pairs: Sequence[RunPair],
    scenarios: ScenarioSet,
    options: Options,
    scoring: Scoring,
    spent: Spent | None,
) -> PairsJudged:
    budget = Budget.parse(options.budget) if options.budget else None
    services = SuiteServices(project, options, budget, spent)
    found = PairsJudged([])
    alpha = options.alpha or project.suite.gate.alpha
    try:
        identities = [dict(await _identity(plan, services)) for plan in scoring.pairwise]
        told = []
        for pair in pairs:
            known = {s.id: scoring.facts(s).view for s in scenarios.scenarios}
            answers = [_answers(run) for run in (pair.baseline, pair.candidate)]
            columns: list[dict[str, Any]] = [{}, {}]
            for at, (plan, identity) in enumerate(zip(scoring.pairwise, identities, strict=True)):
                sheet = blank_sheet(pair, plan.own[0], _applies(pair, plan, known))
                await _ask(plan, pair, sheet, known, answers, services)
                print_ = pair_fingerprint(project, scoring, at, identity)
                seed = seed_of([print_, pair.scenario_ids]) % 2**32
                line, notes, warnings = summed_up(
                    pair, sheet, identity, print_, alpha=alpha, seed=seed
                )
                told.append(line)
                found.warnings += warnings
                found.notes[pair.template, line.metric] = notes
                for i, note in sheet.notes.items():
                    place = (pair.template, pair.scenario_ids[i])
                    found.remarks.setdefault(place, {})[line.metric] = note
                for side, column in zip(columns, sheet.columns(), strict=True):
                    side[line.metric] = column
            base, cand = (
                replace(run, columns={**run.columns, **side})
                for run, side in zip((pair.baseline, pair.candidate), columns, strict=True)
            )
            found.pairs.append(replace(pair, baseline=base, candidate=cand))
    finally:
        await services.aclose()
    names = ", ".join(scale.name for scale in scoring.pair_scales)
    found.told = tuple(told)
    found.warnings = [UNCALIBRATED.format(names), *found.warnings, *services.warnings]
    found.warnings += _edited(pairs, scenarios)
    found.synthetic = services.synthetic
    found.cost = services.cost
    found.calls = services.calls
    return found


async def _identity(plan: Plan, services: SuiteServices) -> Mapping[str, Json]:
    identity: Any = getattr(plan.scorer, "identity", None)
    return await identity(services) if callable(identity) else {}


def pair_fingerprint(
    project: Project, scoring: Scoring, at: int, identity: Mapping[str, Json]
) -> str:
    """Return the hash of what shapes the preferences of a scorer of pairs: its number, from 0."""
    entry = project.suite.scorers[scoring.entry_of_pairs(at)]
    known = project.plugins.scorers.get(entry.use)
    code = code_digest(known.factory)
    return digest([entry.use, entry.settings, known.owner, code, dict(identity)])


def _applies(pair: RunPair, plan: Plan, known: Mapping[str, Scenario]) -> list[bool | None]:
    """Return of each scenario whether it is to be judged; None: it is gone, or nobody can tell."""
    found: list[bool | None] = []
    for scenario_id in pair.scenario_ids:
        scenario = known.get(scenario_id)
        told = None if scenario is None else applies_to(plan, scenario, plan.own[0])
        found.append(told if isinstance(told, bool) else None)
    return found


def _answers(run: Run) -> dict[_Key, Mapping[str, Any]]:
    """Return the answered trials of a stored run."""
    rows = read_trials(run, columns=_COLUMNS)
    return {(row["scenario_id"], row["repeat"]): row for row in rows if row["answer"] is not None}


async def _ask(
    plan: Plan,
    pair: RunPair,
    sheet: Sheet,
    known: Mapping[str, Scenario],
    answers: Sequence[Mapping[_Key, Mapping[str, Any]]],
    services: SuiteServices,
) -> None:
    """Fill in what a scorer says of the pairs that both sides answered.

    Raises:
        ProviderError, BudgetError: a model it asks makes no more calls.
    """
    size = batch_size(plan)
    for start in range(0, len(sheet.asked), size):
        places = sheet.asked[start : start + size]
        batch = []
        for i, repeat in places:
            name = pair.scenario_ids[i]
            sides = [
                _trial(run, known[name], repeat, rows[name, repeat])
                for run, rows in zip((pair.baseline, pair.candidate), answers, strict=True)
            ]
            batch.append(Pair(*sides))
        said = await ask_pairs(plan, batch, services)
        stopped: PromptregError | None = services.stopped
        if stopped is not None:
            raise stopped
        for at, item in zip(places, said, strict=True):
            sheet.take(at, item, pair.baseline.families[at[0]])


def _trial(run: Run, scenario: Scenario, repeat: int, row: Mapping[str, Any]) -> Trial:
    """Return a trial as scorers of pairs see it: without its version's name or text."""
    return Trial(
        Template(run.facts.template, "", "raw", ""),
        scenario,
        repeat,
        Prompt(""),
        Completion(row["text"] or "", row["finish"] or "unknown", row["model"] or "", cached=True),
        answer=Answer(json.loads(row["answer"])),
    )


def _edited(pairs: Sequence[RunPair], scenarios: ScenarioSet) -> list[str]:
    """Say so where the runs were not made of the scenarios that judges were shown."""
    there = {s.id for s in scenarios.scenarios}
    for pair in pairs:
        for run in (pair.baseline, pair.candidate):
            ids = digest(sorted(i for i in run.scenario_ids if i in there))
            if run.facts.fingerprints.get("scenarios") != digest([scenarios.sha256, ids]):
                return [
                    "judges of pairs were shown the scenarios as they are now, and a run was made "
                    "of other scenarios, or of another choice of them"
                ]
    return []
