"""The search for what did it, among the pieces of an edit. No statistics, no calls, no texts.

It knows tests with four outcomes (see `Outcome`) and asks as few of them as it can. What it
claims rests on tests alone, never on a guess about those that were not made.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from promptreg.stages.bisect.bench import Bench, ExhaustedError, Outcome
from promptreg.stages.bisect.parts import Parts

__all__ = ["FEW", "Finding", "Kind", "most_tests", "search"]

Units = frozenset[int]
FEW = 6
"""Up to so many units each is tested by itself."""


class Kind(enum.StrEnum):
    """What the search can say."""

    SINGLE = "single"
    """One culprit: alone it regresses, and the edit without it is shown no worse."""
    SEVERAL = "several"
    """Several independent culprits: each regresses by itself, and without them nothing does."""
    COMBINATION = "combination"
    """Several units together: none of them alone, and without them nothing does."""
    UNPROVEN = "unproven"
    """Some regress by themselves; that the rest of the edit is harmless is not shown."""
    UNCLEAR = "unclear"
    """The evidence does not single one out."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What the search found.

    Attributes:
        kind: how much can be said.
        culprits: sets of units that regress, each by itself; a set of several does so together.
        among: where the culprit must lie, as far as it is known; for `UNCLEAR` and `UNPROVEN`.
        rest: what the edit without all culprits is.
        mended: units that regress alone and yet do no harm in the whole edit.
        exhausted: the search ended because the tests planned for were used up.
    """

    kind: Kind
    culprits: tuple[Units, ...] = ()
    among: Units = frozenset()
    rest: Outcome | None = None
    mended: Units = frozenset()
    exhausted: bool = False

    @property
    def named(self) -> bool:
        """Whether it answers the question."""
        return self.kind in (Kind.SINGLE, Kind.SEVERAL, Kind.COMBINATION)


def most_tests(units: int) -> int:
    """Return how many tests a search among so many units may make.

    Up to `FEW` units: each alone, the edit without each, and four more. Above: what a search by
    halves needs for a combination of two, and a few to verify it.
    """
    if units < 2:
        return 0
    subsets: int = 2 ** min(units, 10) - 2
    if units <= FEW:
        return min(subsets, 2 * units + 4)
    return min(subsets, 4 * math.ceil(math.log2(units)) + 6)


def search(
    parts: Parts,
    judge: Callable[[Units], Outcome],
    *,
    most: int | None = None,
    known: Mapping[Units, Outcome] | None = None,
) -> Finding:
    """Return which units of an edit do the harm that the whole of it does.

    Up to `FEW` units each is tested alone (with what it needs), then the edit without those that
    regress; where none does, without each. Beyond that, and for what is left, delta debugging
    with an interference step: of halves that regress neither, one is kept while the other is
    searched (Zeller 1999, "Yesterday, my program worked", ESEC/FSE; the minimal set as in Junker
    2004, QuickXplain, AAAI). Tests that are unclear or broken lead to finer cuts (Zeller &
    Hildebrandt 2002, TSE 28:183), and are never taken for harmless.

    A unit is named only if (a) with what it needs it regresses by itself and (b) the edit without
    all that is named is harmless. A combination is named only if none of its units alone does
    harm.

    Args:
        parts: the units; all of them together regress.
        judge: tests GOOD with some units.
        most: tests that may be made; default: `most_tests`.
        known: outcomes that need no test.
    """
    every = frozenset(range(len(parts.units)))
    known = {frozenset(): Outcome.HARMLESS, every: Outcome.REGRESSED, **(known or {})}
    bench = Bench(judge, most_tests(len(every)) if most is None else most, known)
    return _Search(parts, bench, every).run()


@dataclass(slots=True)
class _Search:
    parts: Parts
    bench: Bench[Units]
    every: Units
    culprits: list[Units] = field(default_factory=list)
    narrowed: Units = frozenset()

    def run(self) -> Finding:
        if len(self.every) == 1:
            return Finding(Kind.SINGLE, (self.every,), rest=Outcome.HARMLESS)
        self.narrowed = self.every
        try:
            first, mended = self._first()
            if first:
                self.culprits += first
            else:
                self._add(self._minimal(self.every, frozenset()))
            return self._finish(mended)
        except ExhaustedError:
            kind = Kind.UNPROVEN if self.culprits else Kind.UNCLEAR
            return Finding(kind, tuple(self.culprits), self.narrowed, exhausted=True)
        except _Unresolved:
            kind = Kind.UNPROVEN if self.culprits else Kind.UNCLEAR
            return Finding(kind, tuple(self.culprits), self.narrowed)

    def _first(self) -> tuple[list[Units], Units]:
        """Return what tests of single units tell, and what the rest of the edit mends."""
        if len(self.every) > FEW:
            return [], frozenset()
        bad = [u for u in sorted(self.every) if self._alone(u) is Outcome.REGRESSED]
        # What needs another unit that regresses alone is not accused for the other's sake.
        bad = [u for u in bad if not any(v in self.parts.needs[u] for v in bad if v != u)]
        for u in bad:
            self._needs_harmless(u)
        if bad:
            needed = [u for u in bad if self._without(u) is Outcome.HARMLESS]
            mended = frozenset(bad) - frozenset(needed) if needed else frozenset()
            return [frozenset((u,)) for u in needed or bad], mended
        needed = [u for u in sorted(self.every) if self._without(u) is Outcome.HARMLESS]
        together = self.parts.closed(needed)
        if len(needed) > 1 and self.bench.test(together) is Outcome.REGRESSED:
            return [self._checked(frozenset(needed))], frozenset()
        return [], frozenset()

    def _finish(self, mended: Units) -> Finding:
        """Look for more in the edit without what was found, until that is harmless."""
        while True:
            gone = frozenset().union(*self.culprits)
            rest = self.parts.without(gone)
            self.narrowed = rest
            outcome = self.bench.test(rest)
            if outcome is not Outcome.REGRESSED:
                break
            self._add(self._minimal(rest, frozenset()))
        found = tuple(self.culprits)
        if outcome is not Outcome.HARMLESS:
            return Finding(Kind.UNPROVEN, found, rest, outcome, mended)
        kind = Kind.SEVERAL
        if len(found) == 1:
            kind = Kind.SINGLE if len(found[0]) == 1 else Kind.COMBINATION
        return Finding(kind, found, frozenset(), outcome, mended)

    def _needs_harmless(self, unit: int) -> None:
        """Make sure that a unit regresses by itself, not by what it needs.

        Raises:
            _Unresolved: that is not shown.
        """
        others = self.parts.needs[unit] - {unit}
        if others and self.bench.test(others) is not Outcome.HARMLESS:
            self.narrowed = self.parts.needs[unit]
            raise _Unresolved

    def _alone(self, unit: int) -> Outcome:
        return self.bench.test(self.parts.needs[unit])

    def _without(self, unit: int) -> Outcome:
        return self.bench.test(self.parts.without((unit,)))

    def _add(self, found: Units) -> None:
        # A unit is not accused for what it only needs in order to be tested.
        needed = frozenset().union(*(self.parts.needs[u] - {u} for u in found))
        self.culprits.append(self._checked(found - needed or found))

    def _checked(self, found: Units) -> Units:
        """Return the culprit, where a set of several is one: if no unit alone does harm."""
        self.narrowed = found
        if len(found) == 1:
            return found
        alone = {u: self._alone(u) for u in sorted(found)}
        for unit, outcome in alone.items():
            if outcome is Outcome.REGRESSED:
                return frozenset((unit,))
        if any(outcome is not Outcome.HARMLESS for outcome in alone.values()):
            raise _Unresolved
        return found

    def _minimal(self, units: Units, kept: Units) -> Units:
        """Return a smallest part of `units` that regresses on top of `kept`.

        All of `units` on top of `kept` is known to regress, and `kept` alone not to.

        Raises:
            _Unresolved: unclear or broken tests leave more than one unit.
        """
        if not kept:
            self.narrowed = units
        if len(units) <= 1:
            return units
        for unit in units:
            if self.parts.closed((unit,)) - kept >= units:  # it needs all the others
                others, outcome = self._try(units - {unit}, units, kept)
                if outcome is Outcome.HARMLESS:
                    return units
                if outcome is not Outcome.REGRESSED:
                    raise _Unresolved
                return self._minimal(others, kept)
        pieces = 2
        while True:
            cuts = list(_cuts(units, pieces))
            tested = [self._try(cut, units, kept) for cut in cuts]
            smaller = _regressed(tested)
            if smaller is None and pieces == 2 and all(o is Outcome.HARMLESS for _, o in tested):
                first, second = cuts
                left = self._minimal(first, kept | second)
                return left | self._minimal(second, kept | left)
            if smaller is None and pieces > 2:
                tested = [self._try(units - cut, units, kept) for cut in cuts]
                smaller = _regressed(tested)
            if smaller is not None:
                return self._minimal(smaller, kept)
            if pieces >= len(units):
                raise _Unresolved
            pieces = min(len(units), 2 * pieces)

    def _try(self, cut: Units, units: Units, kept: Units) -> tuple[Units, Outcome]:
        """Return the units that were tested on top of `kept`, with what they need, and how."""
        subset = self.parts.closed(cut) - kept
        if not subset < units:  # no smaller than what is known already
            return units, Outcome.BROKEN
        return subset, self.bench.test(self.parts.closed(subset | kept))


class _Unresolved(Exception):  # noqa: N818 - a way out of a recursion, no error
    pass


def _regressed(tested: list[tuple[Units, Outcome]]) -> Units | None:
    return next((units for units, outcome in tested if outcome is Outcome.REGRESSED), None)


def _cuts(units: Units, pieces: int) -> Iterator[Units]:
    ordered = sorted(units)
    size = len(ordered) / pieces
    for i in range(pieces):
        part = ordered[round(i * size) : round((i + 1) * size)]
        if part:
            yield frozenset(part)
