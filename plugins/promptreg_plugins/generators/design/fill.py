"""More rows, once everything is covered: up to quotas and a size, as evenly as possible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from promptreg_plugins.generators.design.dice import Dice
from promptreg_plugins.generators.design.space import Space

__all__ = ["Quota", "fill"]

_TRIES = 8
"""Candidates for each row; the one whose combination was used least is taken."""


@dataclass(frozen=True, slots=True)
class Quota:
    """At least so many rows with these values.

    Attributes:
        where: attribute to value.
        at_least: rows.
    """

    where: Mapping[str, str]
    at_least: int


def fill(
    space: Space, rows: Sequence[int], quotas: Sequence[Quota], size: int | None, dice: Dice
) -> list[int]:
    """Return more rows, in order: what quotas still lack, then up to the size.

    A row takes, attribute by attribute, the value that its other values were seen with least.

    Args:
        space: of the rows.
        rows: what there is already.
        quotas: each possible in the space; one row may serve several.
        size: of all rows together; None: no more than quotas need.
        dice: decides ties.
    """
    made = list(rows)
    pairs: Counter[int] = Counter()
    cells: Counter[int] = Counter()
    for row in made:
        _count(space, row, pairs, cells)
    wanted = [(space.mask(q.where), q.at_least) for q in quotas]
    lacking = [n - sum(row & mask == mask for row in made) for mask, n in wanted]
    while size is None or len(made) < size:
        open_ = [i for i, n in enumerate(lacking) if n > 0]
        if not open_ and size is None:
            break
        fixed = wanted[max(open_, key=lambda i: (lacking[i], -i))][0] if open_ else 0
        row = min((_row(space, fixed, pairs, dice) for _ in range(_TRIES)), key=lambda r: cells[r])
        made.append(row)
        _count(space, row, pairs, cells)
        for i, (mask, _) in enumerate(wanted):
            lacking[i] -= row & mask == mask
    return made[len(rows) :]


def _row(space: Space, fixed: int, pairs: Counter[int], dice: Dice) -> int:
    row = fixed
    chosen = [bit for bits in space.bits for bit in bits if bit & fixed]
    for bits in dice.shuffled([bits for bits in space.bits if not sum(bits) & fixed]):
        best: list[int] = []
        least = -1
        for bit in bits:
            if not space.possible(row | bit):
                continue
            seen = sum([pairs[bit | other] for other in chosen]) if chosen else pairs[bit]
            if least < 0 or seen < least:
                best, least = [], seen
            if seen == least:
                best.append(bit)
        bit = dice.pick(best)
        row |= bit
        chosen.append(bit)
    return row


def _count(space: Space, row: int, pairs: Counter[int], cells: Counter[int]) -> None:
    chosen = [bit for bits in space.bits for bit in bits if bit & row]
    pairs.update(chosen)
    pairs.update(a | b for a, b in combinations(chosen, 2))
    cells[row] += 1
