"""Watches a comparison while it runs: judges each look, and says when to stop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from promptreg.errors import NotComparableError
from promptreg.pipeline.design import only_paired
from promptreg.pipeline.keys import seed_of
from promptreg.pipeline.looks.agenda import Agenda, make_agenda
from promptreg.pipeline.looks.looked import LookedGate
from promptreg.pipeline.looks.reach import reach_of
from promptreg.pipeline.parts import answering
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.stored import with_worst
from promptreg.pipeline.work import Version, Work
from promptreg.policy import Policy
from promptreg.records import Run, ScenarioSet
from promptreg.stages.compare import (
    RunPair,
    check_criteria,
    check_gaps,
    matched,
)
from promptreg.stages.load.digest import digest
from promptreg.stages.score import Scoring
from promptreg.verdicts import Difference, Limit, Look, Stopping, StopReason

__all__ = ["Member", "Watch", "watch_for"]

_MOST_DRAWS = 99_999
"""Flips that the first look may take, so that it can accuse at all."""


@dataclass(frozen=True, slots=True)
class Member:
    """The place of a version in the comparison: what reports call its template, and its side."""

    shown: str
    side: str


class Watch:
    """Judges the data at every look; the looks' errors together are those of a single one.

    Args:
        agenda: what is asked before each look.
        policy: what gates.
        versions: what is run.
        members: each version's place; None for a version without a baseline.
        scenarios: the set the versions' scenarios come from.
        scoring: the suite's scorers.
        allow_unmatched: compare what both sides hold.
    """

    def __init__(
        self,
        agenda: Agenda,
        policy: Policy,
        versions: Sequence[Version],
        members: Sequence[Member | None],
        scenarios: ScenarioSet,
        scoring: Scoring,
        *,
        allow_unmatched: bool,
    ) -> None:
        self.agenda = agenda
        self.policy = policy
        self.members = tuple(members)
        self.calls_saved = 0
        self._looks: list[Look] = []
        self._scenarios = scenarios
        self._worst = {s.id: scoring.worst(s) for s in scenarios.scenarios}
        self._allow_unmatched = allow_unmatched
        pairs = zip(versions, members, strict=True)
        candidates = [v.scenarios for v, m in pairs if m is not None and m.side == "candidate"]
        self.gate = LookedGate(
            policy,
            agenda.schedule,
            scenario_looks=agenda.scenario_looks,
            families=agenda.families,
            largest=agenda.largest,
            reach=reach_of(candidates, policy, scoring),
            seed=_seed(versions),
            draws=agenda.schedule.draws(policy.draws, _MOST_DRAWS),
        )

    @property
    def reason(self) -> StopReason | None:
        """Why no further look is taken; None while there may be one."""
        return self.gate.reason

    @property
    def differences(self) -> tuple[Difference, ...]:
        """What the last look found, slices left out."""
        return self.gate.differences

    @property
    def limits(self) -> tuple[Limit, ...]:
        """The limits at the last look's level."""
        return self.gate.limits

    @property
    def made(self) -> int:
        """Looks that were made."""
        return len(self._looks)

    @property
    def partial(self) -> bool:
        """Whether it stopped before all planned scenarios were asked."""
        return self.made < self.agenda.scenario_looks

    @property
    def next_repeats(self) -> int:
        """Askings of each scenario at the look that comes now."""
        return self.agenda.batches[self.made].repeats

    def works(self, work: Work) -> list[Work]:
        """Return the work before each look."""
        return [
            replace(
                work,
                versions=tuple(
                    replace(version, scenarios=share)
                    for version, share in zip(work.versions, batch.scenarios, strict=True)
                ),
                repeats=batch.repeats,
                from_repeat=batch.first,
            )
            for batch in self.agenda.batches
        ]

    def repeats_of(self, version: int) -> int:
        """Return how often each scenario of a version was asked."""
        if self.members[version] is None:
            return self.agenda.repeats
        return self.agenda.batches[self.made - 1].repeats

    def look(self, runs: Sequence[Run]) -> bool:
        """Look at the versions' runs so far; return whether to stop.

        Raises:
            NotComparableError: a scenario is on one side only, and that was not allowed.
        """
        at, agenda = self.made, self.agenda
        pairs, whole = self._pairs(runs)
        trials = self._trials(at + 1)
        stop = self.gate.look(
            pairs,
            share=trials / self._trials(len(agenda.batches)),
            criteria=check_criteria([pair.candidate for pair in pairs], self.policy),
            whole=whole,
            never=self._scenarios.partial or any(run.facts.synthetic for run in runs),
        )
        spent = agenda.schedule.spent(at)
        self._looks.append(
            Look(
                scenarios=sum(len(pair.scenario_ids) for pair in pairs),
                repeats=agenda.batches[at].repeats,
                trials=trials,
                level=1 - agenda.schedule.increment(at),
                alpha_spent=self.policy.alpha if self.policy.looks.anytime else spent,
                boundary=self.gate.boundary,
            )
        )
        return stop

    def stopping(self) -> Stopping:
        """Return how it ended."""
        agenda = self.agenda
        planned = len(agenda.batches)
        if self.made <= agenda.scenario_looks:  # nobody had to ask for more
            planned = agenda.scenario_looks
        return Stopping(
            reason=self.reason or StopReason.END,
            looks_planned=len(agenda.batches),
            looks=tuple(self._looks),
            repeats_planned=agenda.repeats,
            trials_planned=self._trials(planned),
            trials_made=self._trials(self.made),
            calls_saved=self.calls_saved,
            anytime=self.policy.looks.anytime,
            strict=self.policy.looks.strict,
        )

    def left_out(self) -> Sequence[int]:
        """Return the looks (from 0) whose batches were planned and not needed."""
        end = len(self.agenda.batches)
        if self.made <= self.agenda.scenario_looks:
            end = self.agenda.scenario_looks
        return range(self.made, end)

    def asked(self, scenarios: ScenarioSet) -> ScenarioSet:
        """Return the scenarios that were compared, marked as a selection if not all were.

        What versions without a baseline were asked about is compared with nothing.
        """
        if not self.partial:
            return scenarios
        ids = {
            s.id
            for batch in self.agenda.batches[: self.made]
            for share, member in zip(batch.scenarios, self.members, strict=True)
            for s in share
            if member is not None
        }
        kept = tuple(s for s in scenarios.scenarios if s.id in ids)
        said = f"stopped at look {self.made} of {len(self.agenda.batches)}"
        return replace(
            scenarios,
            scenarios=kept,
            sha256=digest(kept),
            selection="; ".join(filter(None, (scenarios.selection, said))),
        )

    def _trials(self, looks: int) -> int:
        """Return the trials of the first looks; versions without a baseline do not count."""
        return sum(
            (batch.repeats - batch.first) * len(share)
            for batch in self.agenda.batches[:looks]
            for share, member in zip(batch.scenarios, self.members, strict=True)
            if member is not None
        )

    def _pairs(self, runs: Sequence[Run]) -> tuple[list[RunPair], bool]:
        """Return the pairs, and whether enough of them is there to decide by."""
        sides: dict[str, dict[str, Run]] = {}
        whole = True
        for member, run in zip(self.members, runs, strict=True):
            if member is None or not run.scenario_ids:
                continue
            try:
                check_gaps(run, "a side's trials")
            except NotComparableError:
                whole = False
            full = with_worst(run, self._worst)
            facts = replace(full.facts, template=member.shown)
            sides.setdefault(member.shown, {})[member.side] = replace(full, facts=facts)
        # A template of which nothing came yet may hold what decides.
        whole = whole and len(sides) == len({m.shown for m in self.members if m is not None})
        pairs = [
            matched(side["baseline"], side["candidate"], allow_unmatched=self._allow_unmatched)[0]
            for side in sides.values()
        ]
        return pairs, whole


def watch_for(
    project: Project,
    policy: Policy,
    versions: Sequence[Version],
    members: Sequence[Member | None],
    scenarios: ScenarioSet,
    options: Options,
    scoring: Scoring,
) -> tuple[Watch | None, tuple[str, ...]]:
    """Return what watches over these versions, None for a single look; and what a reader must know.

    A single look is no look while data come: it is analysed as a fixed sample.
    """
    paired = [member is not None for member in members]
    if not policy.looks.several or not any(paired):
        return None, ()
    only_paired(project.suite, "looking several times (--sequential, gate.more)")
    policy = policy.of_runs  # what is measured on pairs gates nothing here: it is judged at the end
    agenda = make_agenda(
        versions,
        paired,
        policy.looks,
        alpha=policy.alpha,
        repeats=project.repeats(options),
        asks_anew=all(
            made.cacheable for made in answering(project, (v.template for v in versions)).values()
        ),
    )
    if len(agenda.batches) == 1:
        return None, agenda.notes
    watch = Watch(
        agenda,
        policy,
        versions,
        members,
        scenarios,
        scoring,
        allow_unmatched=options.allow_unmatched,
    )
    return watch, agenda.notes


def _seed(versions: Sequence[Version]) -> int:
    """Return a seed made of what is planned, so that nobody can shop for one."""
    told = sorted(
        (v.template.name, v.side, v.template.sha256, sorted(s.id for s in v.scenarios))
        for v in versions
    )
    return seed_of(told)
