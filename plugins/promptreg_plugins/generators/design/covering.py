"""Few rows that hold every combination of t attributes' values: a covering array.

Greedy, row by row, after Cohen, Dalal, Fredman and Patton (1997), "The AETG system", IEEE
Transactions on Software Engineering 23(7): of several candidate rows the one that covers most is
taken; a candidate starts from an uncovered combination and takes the other attributes in random
order, each with the value that covers most. It deviates in where candidates start (from the next
combinations of one shuffled list, which spares counting), and a value is only taken if the rules
leave a completion, so no row is ever thrown away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from promptreg_plugins.generators.design.dice import Dice
from promptreg_plugins.generators.design.space import Space

__all__ = ["Cover", "cover"]

_CANDIDATES = {1: 10, 2: 50, 3: 30}
_OTHERWISE = 20
_STARTS = 6
_CHEAP = 1_000
"""Up to so many combinations the work is done several times, and the shortest array is taken."""


@dataclass(frozen=True, slots=True)
class Cover:
    """A covering array.

    Attributes:
        rows: masks of whole rows.
        wanted: how many combinations are covered: all that are possible.
        excluded: masks of the combinations that the rules leave no row for.
    """

    rows: tuple[int, ...]
    wanted: int
    excluded: tuple[int, ...]


def cover(space: Space, strength: int, dice: Dice) -> Cover:
    """Return rows that together hold every possible combination of `strength` attributes' values.

    Args:
        space: with at least one possible row.
        strength: 1 to the number of attributes.
        dice: decides ties.
    """
    possible: list[int] = []
    excluded: list[int] = []
    for mask in space.tuples(strength):
        (possible if space.possible(mask) else excluded).append(mask)
    starts = _STARTS if len(possible) <= _CHEAP else 1
    arrays = [_array(space, strength, possible, dice) for _ in range(starts)]
    shortest: list[int] = min(arrays, key=len)
    return Cover(tuple(shortest), len(possible), tuple(excluded))


def _array(space: Space, strength: int, wanted: Sequence[int], dice: Dice) -> list[int]:
    waiting = dice.shuffled(wanted)
    uncovered = set(wanted)
    tries = _CANDIDATES.get(strength, _OTHERWISE)
    rows: list[int] = []
    first = 0
    while uncovered:
        while waiting[first] not in uncovered:
            first += 1
        best, best_gain = 0, -1
        at = first
        for _ in range(tries):
            row = _candidate(space, strength, waiting[at], uncovered, dice)
            gain = len(_held(space, row, strength) & uncovered)
            if gain > best_gain:
                best, best_gain = row, gain
            at = next((i for i in range(at + 1, len(waiting)) if waiting[i] in uncovered), first)
        rows.append(best)
        uncovered -= _held(space, best, strength)
    return rows


def _candidate(space: Space, strength: int, start: int, uncovered: set[int], dice: Dice) -> int:
    """Return a row that holds `start`."""
    row = start
    chosen = [mask for bits in space.bits for mask in bits if mask & start]
    free = [bits for bits in space.bits if not sum(bits) & start]
    for bits in dice.shuffled(free):
        # Combinations of t - 1 values already chosen: each new value may complete them.
        rest = [sum(some) for some in combinations(chosen, strength - 1)]
        best: list[int] = []
        most = -1
        for bit in bits:
            gain = sum([(some | bit) in uncovered for some in rest])
            if gain >= most and space.possible(row | bit):
                if gain > most:
                    best, most = [], gain
                best.append(bit)
        bit = dice.pick(best)
        row |= bit
        chosen.append(bit)
    return row


def _held(space: Space, row: int, strength: int) -> set[int]:
    """Return the combinations that a row holds."""
    chosen = [bit for bits in space.bits for bit in bits if bit & row]
    return {sum(some) for some in combinations(chosen, strength)}
