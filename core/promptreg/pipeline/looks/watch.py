"""Watches a comparison while it runs: judges each look, and says when to stop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from promptreg.errors import NotComparableError
from promptreg.pipeline.design import only_paired
from promptreg.pipeline.keys import seed_of
from promptreg.pipeline.looks.agenda import Agenda, make_agenda
from promptreg.pipeline.looks.reach import reach_of
from promptreg.pipeline.looks.rule import Look as Found
from promptreg.pipeline.looks.rule import stop_reason
from promptreg.pipeline.looks.two_ways import TwoWays
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
    check_limits,
    compare_pairs,
    compare_slices,
    matched,
)
from promptreg.stages.load.digest import digest
from promptreg.stages.score import Scoring
from promptreg.stats.model import PairedResult, PairedScores
from promptreg.stats.sequential.looks import LookByLook
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
        self.families: Mapping[str, int] = agenda.families
        self.reason: StopReason | None = None
        self.differences: tuple[Difference, ...] = ()
        self.limits: tuple[Limit, ...] = ()
        self.calls_saved = 0
        self._looks: list[Look] = []
        self._scenarios = scenarios
        self._worst = {s.id: scoring.worst(s) for s in scenarios.scenarios}
        self._allow_unmatched = allow_unmatched
        self._seed = _seed(versions)
        pairs = zip(versions, members, strict=True)
        candidates = [v.scenarios for v, m in pairs if m is not None and m.side == "candidate"]
        self._reach = reach_of(candidates, policy, scoring)
        draws = agenda.schedule.draws(policy.draws, _MOST_DRAWS)
        self._tests = TwoWays(
            LookByLook(
                agenda.schedule,
                len(agenda.families),
                policy.draws if policy.looks.anytime else draws,
                self._seed,
                exact=policy.exact,
                anytime=policy.looks.anytime,
                lines=self._reach.met,
            )
        )

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

    def judge(self, favour: str, lines: Sequence[PairedScores]) -> list[PairedResult]:
        """Return one result per line, at the error this look may spend."""
        return self._tests.look(favour, lines)

    def look(self, runs: Sequence[Run]) -> bool:
        """Look at the versions' runs so far; return whether to stop.

        Raises:
            NotComparableError: a scenario is on one side only, and that was not allowed.
        """
        at, agenda = self.made, self.agenda
        level = agenda.schedule.increment(at)
        pairs, whole = self._pairs(runs)
        policy = replace(self.policy, slices=(), slicings=())
        self.differences = compare_pairs(pairs, policy, seed=self._seed, judge=self)
        self.limits = check_limits(pairs, replace(policy, alpha=level))
        trials = self._trials(at + 1)
        self._looks.append(
            Look(
                scenarios=sum(len(pair.scenario_ids) for pair in pairs),
                repeats=agenda.batches[at].repeats,
                trials=trials,
                level=1 - level,
                alpha_spent=(
                    self.policy.alpha if self.policy.looks.anytime else agenda.schedule.spent(at)
                ),
                boundary=self._tests.boundary,
            )
        )
        found = Found(
            differences=self.differences,
            results=self._tests.results,
            limits=self.limits,
            criteria=check_criteria([pair.candidate for pair in pairs], self.policy),
            reach=self._reach,
            planned_done=self.made >= agenda.scenario_looks,
            last=self.made == len(agenda.batches),
            share=trials / self._trials(len(agenda.batches)),
            last_level=agenda.schedule.increment(len(agenda.batches) - 1),
            proving=agenda.schedule.proves(at),
            slice_lost=lambda: any(map(_lost, compare_slices(pairs, self.policy, seed=self._seed))),
        )
        never = self._scenarios.partial or any(run.facts.synthetic for run in runs)
        # With too much lost nothing is decided early, and nothing more is asked.
        if whole:
            self.reason = stop_reason(found, self.policy, never=never)
        elif found.planned_done:
            self.reason = StopReason.END
        if self.reason is not None and not found.proving:
            self.differences = tuple(map(_without_interval, self.differences))
        return self.reason is not None

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
        seed=project.seed(options),
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


def _lost(d: Difference) -> bool:
    """Return whether a slice's whole interval is worse than its margin allows.

    Of one with too few families so far: whether each of them lost, which is the least likely there.
    """
    if d.interval is None or d.difference is None or d.margin is None or d.ratio is not None:
        return False
    worse = -1 if d.direction == "higher_is_better" else 1
    if d.insufficient:
        rarest = 2.0 ** (1 - d.n_clusters)
        each = d.p_value is not None and d.p_value <= 1.001 * rarest
        return d.n_clusters > 1 and each and worse * d.difference > d.margin
    return min(worse * bound for bound in d.interval) > d.margin


def _without_interval(d: Difference) -> Difference:
    """Return a difference as a look shows it that only accuses: its interval would say nothing."""
    if d.ratio is not None:
        return d
    note = "no interval: this look only accuses"
    return replace(d, interval=None, detectable_difference=None, notes=(*d.notes, note))


def _seed(versions: Sequence[Version]) -> int:
    """Return a seed made of what is planned, so that nobody can shop for one."""
    told = sorted(
        (v.template.name, v.side, v.template.sha256, sorted(s.id for s in v.scenarios))
        for v in versions
    )
    return seed_of(told)
