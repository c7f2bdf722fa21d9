"""One look of several: intervals, p-values and verdicts of all lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy
from dataclasses import replace

from promptreg.stats.analysis import gather
from promptreg.stats.checks import Checked, check_all
from promptreg.stats.evidence import Evidence, Settings
from promptreg.stats.flips import Flips
from promptreg.stats.model import PairedResult, PairedScores
from promptreg.stats.results import empty_result, result
from promptreg.stats.sequential.anytime import AnyTime
from promptreg.stats.sequential.nested import Nested
from promptreg.stats.sequential.spending import Schedule

__all__ = ["LookByLook"]

_UNWATCHED = "a figure of all rows: nothing accuses it while looks come at any time"


class LookByLook:
    """Analyses growing data, look by look; the errors of all looks together are those of one.

    Accusations cross the boundary of :class:`~promptreg.stats.sequential.nested.Nested`: any false
    one, at any look, has probability at most alpha. Acquittals rest on repeated intervals (Jennison
    & Turnbull 1989, JRSS B 51:305): the interval of a look has level 1 - increment, and the
    increments sum to alpha, so each acquittal errs at most alpha/2 over all looks (union bound).

    Args:
        schedule: When there are looks.
        n_families: Families of the whole plan; every look numbers them alike, so that a family
            keeps its flips.
        draws: Flips to draw; all are enumerated where there are no more.
        seed: Seed of the flips, the same at every look.
        exact: Never count ties half, at the last look either.
        anytime: Accuse by e-processes (:class:`~promptreg.stats.sequential.anytime.AnyTime`)
            instead of boundaries: more looks cost nothing, and each accusation needs more data.
    """

    def __init__(
        self,
        schedule: Schedule,
        n_families: int,
        draws: int,
        seed: int,
        *,
        exact: bool = False,
        anytime: bool = False,
    ) -> None:
        self.schedule = schedule
        self.flips = Flips(n_families, draws, seed)
        self.exact = exact
        self.made = 0
        self.boundary: float | None = None
        self._nested = Nested(self.flips.rows)
        self._anytime = AnyTime(n_families) if anytime else None

    @property
    def used(self) -> float:
        """Error spent on accusations so far."""
        return self._nested.used

    def copy(self) -> LookByLook:
        """Return a test in the same state, for data that differ from here on."""
        other = copy(self)
        other._nested = self._nested.copy()
        other._anytime = self._anytime.copy() if self._anytime else None
        return other

    def look(self, lines: Sequence[PairedScores]) -> list[PairedResult]:
        """Return one result per line from the data so far, in the order given.

        Args:
            lines: At most one per name; a line has the same name at every look. Families are
                numbered from 0 as in the plan.

        Raises:
            ValueError: A line is malformed, or no look is left.
        """
        if self.made >= len(self.schedule):
            raise ValueError(f"all {len(self.schedule)} planned looks were made")
        at, self.made = self.made, self.made + 1
        spent, level = self.schedule.spent(at), self.schedule.increment(at)
        settings = Settings(level, self.exact)
        checked = check_all(lines, self.flips.n_families)
        gating = [data.metric.gating and data.n > 0 for data in checked]
        found = gather(checked, gating, self.flips, settings, jointly=True)
        if self._anytime is None:
            adjusted, crossed = self._by_flips(checked, found, gating, spent)
        else:
            spent = self.schedule.alpha
            lines_that_gate = [data for data in checked if data.metric.gating]
            adjusted = self._anytime.look(lines_that_gate, spent)
            crossed = self._anytime.crossed
            self.boundary = len(adjusted) / spent if adjusted else None
        results = []
        for data, evidence in zip(checked, found, strict=True):
            if evidence is None:
                results.append(empty_result(data, settings))
                continue
            p: float | None = None
            if data.metric.gating:
                p = adjusted.get(data.metric.name, 1.0)
                # Accused of one direction earlier, it now leans to the other: no accusation.
                if crossed.get(data.metric.name, 0.0) * _sign(evidence.estimate) < 0:
                    p = 1.0
            accuse_at = level if p is None else spent
            one = result(data, evidence, p, settings, accuse_at=accuse_at)
            if self._anytime and data.metric.gating and data.metric.name not in adjusted:
                one = replace(one, notes=(*one.notes, _UNWATCHED))
            results.append(one)
        return results

    def _by_flips(
        self,
        checked: Sequence[Checked],
        found: Sequence[Evidence | None],
        gating: Sequence[bool],
        spent: float,
    ) -> tuple[dict[str, float], dict[str, float]]:
        """Return the p-values of nested flips, and to which side lines leant that crossed."""
        swings = {
            data.metric.name: evidence.swing
            for data, evidence, gate in zip(checked, found, gating, strict=True)
            if gate and evidence is not None and evidence.swing is not None
        }
        last = self.made == len(self.schedule)
        adjusted, self.boundary = self._nested.look(swings, spent, last=last)
        return adjusted, {name: t for name, (_, t) in self._nested.crossed.items()}


def _sign(value: float) -> float:
    return math.copysign(1.0, value) if value else 0.0
