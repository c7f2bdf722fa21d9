"""A gate that looks at growing data: what each look shows, and when it stops."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from promptreg.pipeline.looks.reach import Reach
from promptreg.pipeline.looks.rule import Look, stop_reason
from promptreg.pipeline.looks.two_ways import TwoWays
from promptreg.policy import Policy
from promptreg.stages.compare import RunPair, check_limits, compare_pairs
from promptreg.stats.model import PairedResult, PairedScores
from promptreg.stats.sequential.looks import LookByLook
from promptreg.stats.sequential.spending import Schedule
from promptreg.verdicts import Criterion, Difference, Limit, StopReason

__all__ = ["LookedGate"]


class LookedGate:
    """Judges the data at every look; the errors of all looks together are those of a single one.

    Args:
        policy: what gates; its slices are left out.
        schedule: when the looks are, and what each may spend.
        scenario_looks: looks until the planned scenarios are used up.
        families: number of every family of the plan.
        largest: scenarios of the largest family.
        reach: what the gating lines have when all is asked.
        seed: of the flips.
        draws: flips at boundaries; at any time the policy's own number is enough.
    """

    def __init__(
        self,
        policy: Policy,
        schedule: Schedule,
        *,
        scenario_looks: int,
        families: Mapping[str, int],
        largest: int,
        reach: Reach,
        seed: int,
        draws: int,
    ) -> None:
        self.policy = policy
        self.schedule = schedule
        self.families = families
        self.made = 0
        self.reason: StopReason | None = None
        self.differences: tuple[Difference, ...] = ()
        self.limits: tuple[Limit, ...] = ()
        self._scenario_looks = scenario_looks
        self._reach = reach
        self._seed = seed
        self._tests = TwoWays(
            LookByLook(
                schedule,
                len(families),
                policy.draws if policy.looks.anytime else draws,
                seed,
                exact=policy.exact,
                anytime=policy.looks.anytime,
                lines=reach.met,
                largest=largest if policy.looks.strict else None,
            )
        )

    @property
    def boundary(self) -> float | None:
        """What accused at the last look; see `verdicts.Look`."""
        return self._tests.boundary

    def analyse(self, favour: str, lines: Sequence[PairedScores]) -> list[PairedResult]:
        """Return one result per line, at the error this look may spend."""
        return self._tests.look(favour, lines)

    def look(
        self,
        pairs: Sequence[RunPair],
        *,
        share: float,
        criteria: Sequence[Criterion],
        whole: bool = True,
        never: bool = False,
    ) -> bool:
        """Take the next look; return whether to stop.

        Args:
            pairs: all data so far.
            share: share of all planned trials that is there.
            criteria: what the policy asks for besides numbers.
            whole: whether enough is there to decide by; else nothing is decided early, and
                nothing more is asked.
            never: whether no proof can pass.
        """
        at, schedule = self.made, self.schedule
        self.made += 1
        policy = replace(self.policy, slices=(), slicings=())
        self.differences = compare_pairs(pairs, policy, seed=self._seed, analysis=self)
        self.limits = check_limits(pairs, replace(policy, alpha=schedule.increment(at)))
        found = Look(
            differences=self.differences,
            results=self._tests.results,
            limits=self.limits,
            criteria=tuple(criteria),
            reach=self._reach,
            planned_done=self.made >= self._scenario_looks,
            last=self.made == len(schedule),
            share=share,
            last_level=schedule.increment(len(schedule) - 1),
            proving=schedule.proves(at) or self.policy.looks.strict,
        )
        if whole:
            self.reason = stop_reason(found, self.policy, never=never)
        elif found.planned_done:
            self.reason = StopReason.END
        if self.reason is not None and not schedule.proves(at):
            self.differences = tuple(
                d if d.level <= 1 - self.policy.alpha else _without_interval(d)
                for d in self.differences
            )
        return self.reason is not None


def _without_interval(d: Difference) -> Difference:
    """Return a difference as a look shows it that only accuses: its interval would say nothing."""
    note = "no interval: this look only accuses"
    return replace(
        d,
        interval=None,
        ratio=None if d.ratio is None else (d.ratio[0], 0.0, math.inf),  # nothing is excluded
        detectable_difference=None,
        notes=(*d.notes, note),
    )
