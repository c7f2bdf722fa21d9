"""Asks every scorer about a trial and tells apart: scored, failed, gap, not applicable."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from promptreg.errors import PluginError, SuiteError
from promptreg.protocols import Scorer
from promptreg.records import Outcome, Scale, Scenario, Score, Trial, Unscored
from promptreg.stages.score.aggregate import Aggregate
from promptreg.stages.score.answered import Answered
from promptreg.stages.score.asking import ask, refusal
from promptreg.stages.score.facts import Facts, Plan, applies_to, facts_of
from promptreg.stages.score.plans import plan_of, twin
from promptreg.stages.score.views import answer_view, completion_view

__all__ = ["Scoring"]

_NAME = re.compile(r"[a-z][a-z0-9_.:-]*\Z")
_REMEMBERED = 20_000
"""Scenarios whose facts are kept: repeats and versions come close together, memory is finite."""
_GAP = (math.nan, Outcome.GAP)
_NONE = (math.nan, Outcome.NOT_APPLICABLE)
_NOT_ASKED = "scored in batches, and was not asked"
Given = Sequence[Score | Unscored] | str
Contribution = tuple[float, Outcome]
_NOTHING: Mapping[int, Given] = {}


class Scoring:
    """All scorers of a suite.

    Args:
        scorers: pairs of what a scorer is called in messages (such as `risk_range`, or
            `threshold (scorers[2])`) and the scorer.
        effective: also score effective answers, as metrics called `effective.NAME`, by every
            scorer that reads the answer.

    The metric `answered` is there even if no scorer brings it.

    Raises:
        SuiteError: two metrics have one name, or a name is malformed.
        PluginError: a scorer has no scales, or an aggregate scale without a function.
    """

    scales: list[Scale]
    """Every metric, in the order of the scorers, then `answered`, then the effective ones."""
    sources: dict[str, str]
    """Metric to the scorer that brings it, as it is called in messages."""
    apart: frozenset[str]
    """Metrics of scorers that are no part of the default composite."""
    aggregates: dict[str, Aggregate]
    """Metric to the function from all values of a version to the metric, for aggregate scales."""
    shown_only: frozenset[str]
    """Metrics of scorers that accuse nobody unless the suite names them."""
    broken_down: tuple[str, ...]
    """Pass/fail metrics whose failures reports count by attributes."""
    curves: dict[str, Callable[[Any], Sequence[tuple[float, float, int]]]]
    """Metric to the function from all values of a version to its reliability, by bin."""
    pairwise: tuple[Plan, ...]
    """Scorers that are asked about two versions' answers when runs are compared."""
    remarks: dict[str, Callable[..., Sequence[str]]]
    """Metric to what its scorer says of both versions' columns and the families."""

    def __init__(self, scorers: Sequence[tuple[str, Scorer]], effective: bool = False) -> None:
        every = [plan_of(name, scorer) for name, scorer in scorers]
        self.pairwise = tuple(p for p in every if callable(getattr(p.scorer, "score_pairs", None)))
        self._pair_entries = tuple(i for i, p in enumerate(every) if p in self.pairwise)
        plans = [plan for plan in every if plan not in self.pairwise]
        if not any(scale.name == "answered" for plan in plans for scale in plan.own):
            plans.append(plan_of("answered", Answered()))
        if effective:
            plans += [twin(p) for p in plans if getattr(p.scorer, "reads_answer", True)]
        self._plans = tuple(plans)
        self._any_effective = effective
        self._batched = tuple(i for i, plan in enumerate(plans) if plan.batched)
        self._facts: dict[str, Facts] = {}
        self.scales = [scale for plan in plans for scale in plan.shown]
        self.sources = {}
        self.apart = frozenset(
            scale.name
            for plan in plans
            if not getattr(plan.scorer, "in_composite", True)
            for scale in plan.shown
        )
        self.shown_only = frozenset(
            scale.name
            for plan in (*plans, *self.pairwise)
            if not getattr(plan.scorer, "gates", plan not in self.pairwise)
            for scale in plan.shown
        )
        self.broken_down = tuple(
            scale.name
            for plan in plans
            if getattr(plan.scorer, "breaks_down", False) and not plan.effective
            for scale in plan.shown
            if scale.kind == "binary"
        )
        self.aggregates, self.remarks, self.curves = {}, {}, {}
        for plan in plans:
            for scale in plan.shown:
                self._add(plan, scale)
        for plan in self.pairwise:
            if len(plan.own) > 1 or (plan.own[0].low, plan.own[0].high) != (0.0, 1.0):
                raise PluginError(f"{plan.who}: 'scales' must be one scale from 0 to 1")
            self._add(plan, plan.own[0])

    def entry_of_pairs(self, at: int) -> int:
        """Return the number, among all scorers given, of a scorer of pairs by its own."""
        return self._pair_entries[at]

    @property
    def pair_scales(self) -> tuple[Scale, ...]:
        """The metrics that are measured on pairs of versions' answers, never by a run."""
        return tuple(plan.own[0] for plan in self.pairwise)

    def _add(self, plan: Plan, scale: Scale) -> None:
        if not _NAME.match(scale.name):
            raise SuiteError(
                f"{plan.who}: the metric name {scale.name!r} is malformed; allowed: lower-case "
                "letters, digits, '_', '.', ':' and '-', a letter first; set it with `name:`"
            )
        if scale.name in self.sources:
            raise SuiteError(
                f"{self.sources[scale.name]} and {plan.who} both make the metric "
                f"{scale.name!r}; give one of them another name with `name:`"
            )
        self.sources[scale.name] = plan.who
        if scale.statistic == "aggregate":
            wanted = ("aggregate_payloads", "worst_payload") if scale.payload else ("aggregate",)
            for name in wanted:
                if not callable(getattr(plan.scorer, name, None)):
                    raise PluginError(
                        f"{plan.who}: the scale {scale.name!r} is an aggregate, "
                        f"but the scorer has no method {name!r}"
                    )
            own = plan.own[plan.shown.index(scale)]
            self.aggregates[scale.name] = Aggregate(plan.scorer, own)
        curve = getattr(plan.scorer, "curve", None)
        if callable(curve) and not plan.effective:
            self.curves[scale.name] = partial(curve, plan.own[plan.shown.index(scale)])
        remarks = getattr(plan.scorer, "remarks", None)
        if callable(remarks):
            self.remarks[scale.name] = partial(remarks, plan.own[plan.shown.index(scale)])

    def facts(self, scenario: Scenario) -> Facts:
        """Return which metrics apply to a scenario and what a failure counts as; cached."""
        known = self._facts.get(scenario.id)
        if known is None or known.scenario is not scenario:
            if len(self._facts) >= _REMEMBERED:
                self._facts.clear()
            known = self._facts[scenario.id] = facts_of(scenario, self._plans)
            for name, payload in known.worst_payloads.items():
                self.aggregates[name].learn(payload)
        return known

    def applying(self, scenario: Scenario) -> list[str]:
        """Return the metrics that apply to a scenario, those of pairs included."""
        facts = self.facts(scenario)
        of_pairs = [
            scale.name
            for plan, scale in zip(self.pairwise, self.pair_scales, strict=True)
            if applies_to(plan, facts.view, scale)
        ]
        return of_pairs + [
            scale.name
            for i, plan in enumerate(self._plans)
            for k, scale in enumerate(plan.shown)
            if facts.applies[i][k]
        ]

    def worst(self, scenario: Scenario) -> dict[str, float]:
        """Return what a failed trial of the scenario counts as, by metric, where it counts."""
        facts = self.facts(scenario)
        return {
            scale.name: facts.worst[i][k]
            for i, plan in enumerate(self._plans)
            for k, scale in enumerate(plan.shown)
            if facts.applies[i][k] is True and not math.isnan(facts.worst[i][k])
        }

    @property
    def batched(self) -> tuple[int, ...]:
        """Numbers of the scorers that are asked about several trials at once, for `Batch`."""
        return self._batched

    def plan(self, at: int) -> Plan:
        """Return a scorer by its number."""
        return self._plans[at]

    def view(self, trial: Trial, at: int) -> Trial | None:
        """Return what a batched scorer is shown of a trial; None where it is not asked."""
        plan, facts = self._plans[at], self.facts(trial.scenario)
        if not facts.any[at]:
            return None
        shown = answer_view(trial.effective) if self._any_effective else None
        answer = shown if plan.effective else answer_view(trial.answer)
        reason, _ = refusal(trial, plan, answer)
        if reason and not (plan.scores_failed and not plan.effective and trial.failure is not None):
            return None
        return Trial(
            trial.template,
            facts.view,
            trial.repeat,
            trial.prompt,
            completion_view(trial.completion),
            None if plan.effective else trial.failure,
            answer,
            shown,
        )

    def apply(self, trial: Trial, batched: Mapping[int, Given] = _NOTHING) -> list[Contribution]:
        """Return (value, outcome) of the trial for each of `scales`; fill `trial.scores`.

        `batched` holds, by number, what batched scorers said of the trial, or why they did not.

        - SCORED: the scorer's value.
        - FAILED: the trial failed, or its answer lacks a field that the scorer needs: the worst
          value of the scenario.
        - GAP, NaN: infrastructure failed, the scorer did not judge, or a failed trial has no worst
          value (open-ended scales).
        - NOT_APPLICABLE, NaN: the metric says nothing about the scenario; not in `trial.scores`.

        An effective answer is scored however the trial failed, unless infrastructure failed: that
        says nothing about what production would have shown.
        """
        facts = self.facts(trial.scenario)
        strict = answer_view(trial.answer)
        shown = answer_view(trial.effective) if self._any_effective else None
        scores: dict[str, Score | Unscored] = {}
        outcomes: list[Contribution] = []
        completion = completion_view(trial.completion)
        failure = trial.failure
        for i, plan in enumerate(self._plans):
            applies = facts.applies[i]
            if not facts.any[i]:
                outcomes += [_NONE] * len(applies)
                continue
            answer = shown if plan.effective else strict
            reason, failed = refusal(trial, plan, answer)
            results: Sequence[Score | Unscored] | str = reason
            if plan.batched:
                if not reason or i in batched:
                    results = batched.get(i, _NOT_ASKED)
            elif not reason or (plan.scores_failed and not plan.effective and failure is not None):
                view = Trial(
                    trial.template,
                    facts.view,
                    trial.repeat,
                    trial.prompt,
                    completion,
                    None if plan.effective else failure,
                    answer,
                    shown,
                )
                results = ask(plan, view)
            worst = facts.worst[i]
            for k, scale in enumerate(plan.shown):
                if applies[k] is not True:
                    if applies[k]:
                        scores[scale.name] = Unscored(scale, str(applies[k]))
                    outcomes.append(_GAP if applies[k] else _NONE)
                    continue
                item = Unscored(scale, results) if type(results) is str else results[k]
                scores[scale.name] = item  # type: ignore[assignment]  # a tuple's item, not a letter
                if type(item) is Score:
                    if scale.payload:
                        self.aggregates[scale.name].learn(item.payload)
                    outcomes.append((item.value, Outcome.SCORED))
                elif failed and worst[k] == worst[k]:  # not NaN
                    outcomes.append((worst[k], Outcome.FAILED))
                else:
                    outcomes.append(_GAP)
        trial.scores = scores
        return outcomes
