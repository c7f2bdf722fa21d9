"""Why something cannot be: the smallest set of rules that together forbid it."""

from __future__ import annotations

from itertools import combinations
from math import comb

from promptreg_plugins.generators.design.space import Rule, Space

__all__ = ["smallest_conflict"]

_MOST_TRIES = 20_000


def smallest_conflict(space: Space, mask: int = 0) -> tuple[Rule, ...]:
    """Return the fewest rules that leave no row with the values of `mask`; none if there is a row.

    Each rule is first left out in turn, and stays out if the rest still contradict each other; that
    gives a set from which nothing can be taken. Then all smaller sets are tried, where there are
    not too many of them.
    """
    if space.possible(mask):
        return ()
    rules = list(space.rules)
    for rule in space.rules:
        fewer = [r for r in rules if r is not rule]
        if not _possible(space, fewer, mask):
            rules = fewer
    for size in range(1, len(rules)):
        if comb(len(space.rules), size) > _MOST_TRIES:
            break
        for few in combinations(space.rules, size):
            if not _possible(space, few, mask):
                return few
    return tuple(rules)


def _possible(space: Space, rules: list[Rule] | tuple[Rule, ...], mask: int) -> bool:
    attributes = dict(zip(space.names, space.values, strict=True))
    return Space(attributes, rules).possible(mask)
