"""One look of several: intervals, p-values and verdicts of all lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy
from dataclasses import replace

from scipy.special import ndtri

from promptreg.stats.analysis import gather
from promptreg.stats.checks import Checked, check_all
from promptreg.stats.evidence import Evidence, Settings, too_few
from promptreg.stats.flips import Flips
from promptreg.stats.model import PairedResult, PairedScores
from promptreg.stats.results import empty_result, result
from promptreg.stats.sequential.anytime import AnyTime, Strict
from promptreg.stats.sequential.betting import BoundedBets
from promptreg.stats.sequential.nested import Nested
from promptreg.stats.sequential.spending import Schedule

__all__ = ["LookByLook"]

_BOUNDED = "bets on the mean of a bounded score"
_BELOW = "a change, but so far below the margin: no accusation"
_UNWATCHED = "a figure of all rows: nothing accuses it while looks come at any time"


class LookByLook:
    """Analyses growing data, look by look; the errors of all looks together are those of one.

    Accusations cross the boundary of :class:`~promptreg.stats.sequential.nested.Nested`: any false
    one, at any look, has probability at most alpha. Acquittals rest on repeated intervals (Jennison
    & Turnbull 1989, JRSS B 51:305): the interval of a look has level 1 - increment, and the
    increments sum to alpha, so each acquittal errs at most alpha/2 over all looks (union bound).
    A change that a single look would call equivalent is not accused (:meth:`_kept`): early looks
    have intervals too wide to show that it is below the margin.

    Args:
        schedule: When there are looks.
        n_families: Families of the whole plan; every look numbers them alike, so that a family
            keeps its flips.
        draws: Flips to draw; all are enumerated where there are no more.
        seed: Seed of the flips, the same at every look.
        exact: Never count ties half, at the last look either.
        anytime: Accuse by e-processes (:class:`~promptreg.stats.sequential.anytime.AnyTime`)
            instead of boundaries: more looks cost nothing, and each accusation needs more data.
            It also needs the flips of all data so far: an E-process remembers a stretch that went
            one way.
        lines: Gating lines that have scenarios when all is asked, for accusations at any time.
        largest: Scenarios of the largest planned family, to be strict: at any time, means of
            bounded scores are judged by bets that hold whatever their distribution, and their
            intervals, which cover at all looks together, prove at each; None: not strict.
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
        lines: int = 0,
        largest: int | None = None,
    ) -> None:
        self.schedule = schedule
        self.flips = Flips(n_families, draws, seed)
        self.exact = exact
        self.made = 0
        self.boundary: float | None = None
        self._nested = Nested(self.flips.rows)
        strict = None if largest is None else Strict(largest, schedule.alpha)
        self._anytime = AnyTime(n_families, lines, strict) if anytime else None

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
            adjusted = self._by_flips(checked, found, gating, spent)
        else:
            spent = self.schedule.alpha
            adjusted = self._by_wagers(checked, found)
        results = []
        for data, evidence in zip(checked, found, strict=True):
            if evidence is None:
                results.append(empty_result(data, settings))
                continue
            p: float | None = None
            if data.metric.gating:
                p = adjusted.get(data.metric.name, 1.0)
            accuse_at = level if p is None else spent
            bets = self._anytime and self._anytime.bets(data.metric.name)
            if bets:
                results.append(self._strict(data, evidence, p, bets))
                continue
            one = result(data, evidence, p, settings, accuse_at=accuse_at)
            if self._anytime and data.metric.gating:
                unwatched = (_UNWATCHED,) if data.metric.name not in adjusted else ()
                one = replace(one, notes=(*self._notes(one, level), *unwatched))
            results.append(one)
        return self._kept(checked, results)

    def _strict(
        self, data: Checked, evidence: Evidence, p: float | None, bets: BoundedBets
    ) -> PairedResult:
        """Return the result of a line by its bets, without figures that only flips can give.

        What could have been seen is half the interval, and as many standard errors as 80 % power
        takes: an approximation, since the interval depends on what came.
        """
        alpha, (low, high) = self.schedule.alpha, bets.interval()
        held = bets.up if evidence.estimate > 0 else bets.down
        own = replace(
            evidence,
            low=low,
            high=high,
            p_value=math.exp(min(0.0, -held)) if evidence.estimate else 1.0,
            test=_BOUNDED,
            beyond_margin=None,
            notes=too_few(data.n_clusters, alpha),
        )
        one = result(data, own, p, Settings(alpha, self.exact))
        seen = None if evidence.se is None else (high - low) / 2 + float(ndtri(0.80)) * evidence.se
        return replace(one, detectable_difference=seen, scenarios_needed=None)

    def _notes(self, one: PairedResult, level: float) -> Sequence[str]:
        """Return notes, those on too few families at the level of accusations, not of intervals."""
        wrong = too_few(one.n_clusters, level)
        few = too_few(one.n_clusters, self.schedule.alpha)
        return [*few, *(note for note in one.notes if note not in wrong)]

    def _kept(self, checked: Sequence[Checked], results: list[PairedResult]) -> list[PairedResult]:
        """Return results without accusations of changes that one look would call equivalent.

        A single look of the same data, at level 1 - alpha, decides what is below the margin. Its
        interval proves nothing here, and withholding an accusation costs no error.
        """
        accused = [one.verdict in ("regressed", "improved") for one in results]
        if not any(accused):
            return results
        settings = Settings(self.schedule.alpha, self.exact)
        plain = gather(checked, accused, self.flips, settings, jointly=False)
        kept = []
        for data, one, there, evidence in zip(checked, results, accused, plain, strict=True):
            if there and evidence and data.metric.gating:
                alone = result(data, evidence, one.p_adjusted, settings)
                if alone.verdict == "equivalent":
                    one = replace(one, verdict="inconclusive", notes=(*one.notes, _BELOW))
            kept.append(one)
        return kept

    def _by_flips(
        self,
        checked: Sequence[Checked],
        found: Sequence[Evidence | None],
        gating: Sequence[bool],
        spent: float,
    ) -> dict[str, float]:
        """Return the p-values of nested flips."""
        there = {
            data.metric.name: evidence
            for data, evidence, gate in zip(checked, found, gating, strict=True)
            if gate and evidence is not None
        }
        swings = {name: e.swing for name, e in there.items() if e.swing is not None}
        last = self.made == len(self.schedule)
        adjusted, self.boundary = self._nested.look(swings, spent, last=last)
        for name, (_, t) in self._nested.crossed.items():
            # Accused of one direction earlier, it now leans to the other: no accusation.
            if name in there and t * _sign(there[name].estimate) < 0:
                adjusted[name] = 1.0
        return adjusted

    def _by_wagers(
        self, checked: Sequence[Checked], found: Sequence[Evidence | None]
    ) -> dict[str, float]:
        """Return the p-values of wagers on the side each line leans to, never below its own."""
        assert self._anytime is not None  # noqa: S101 - else there are flips
        sides = self._anytime.look(checked)
        self.boundary = self._anytime.lines / self.schedule.alpha if sides else None
        adjusted = {}
        for data, evidence in zip(checked, found, strict=True):
            if evidence is not None and data.metric.name in sides:
                up, down = sides[data.metric.name]
                p = up if evidence.estimate > 0 else down if evidence.estimate < 0 else 1.0
                adjusted[data.metric.name] = max(p, evidence.p_value)
        return adjusted


def _sign(value: float) -> float:
    return math.copysign(1.0, value) if value else 0.0
