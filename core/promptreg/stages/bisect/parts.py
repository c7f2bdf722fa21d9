"""Which pieces of an edit can be tested without which others; no call is made for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

__all__ = ["Parts", "Subset", "find_parts"]

Subset = frozenset[int]
Valid = Callable[[Subset], bool]
_NEAREST = 12
"""Of how many neighbours two are tried together."""
_MAX_CHECKS = 5_000
"""Texts that are compiled and rendered to find out what needs what; some milliseconds each."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The pieces of an edit as they can be tested.

    Attributes:
        units: what can be told apart, in order: single pieces, or several of which none works
            without the others (an `{% if %}` and its `{% endif %}`).
        needs: unit to all units it needs, itself included; a piece that uses a variable needs
            the one that sets it.
    """

    units: tuple[Subset, ...]
    needs: tuple[frozenset[int], ...]

    def closed(self, units: Iterable[int]) -> frozenset[int]:
        """Return the units with all they need."""
        return frozenset().union(*(self.needs[u] for u in units))

    def without(self, units: Iterable[int]) -> frozenset[int]:
        """Return every unit but these and those that need them."""
        gone = set(units)
        return frozenset(u for u, needs in enumerate(self.needs) if not needs & gone)

    def pieces(self, units: Iterable[int]) -> Subset:
        """Return the pieces of units."""
        return frozenset().union(*(self.units[u] for u in units))


def find_parts(numbers: Sequence[int], valid: Valid) -> Parts:
    """Return how the pieces depend on each other.

    Each piece is tried alone, then with one and with two others, the nearest first, and at last
    with as few of all the others as taking them away one by one leaves. After `_MAX_CHECKS`
    checks what is still open counts as inseparable.

    Args:
        numbers: the pieces, in order; all of them together are valid.
        valid: whether GOOD with a subset of the pieces compiles and renders.
    """
    left = _MAX_CHECKS

    def affordable(subset: Subset) -> bool:
        nonlocal left
        left -= 1
        return left >= 0 and valid(subset)

    alone = {n: _fewest(n, numbers, affordable) for n in numbers}
    units: list[Subset] = []
    for n in numbers:
        if not any(n in unit for unit in units):
            units.append(frozenset(m for m in alone[n] if n in alone[m]))
    place = {n: u for u, unit in enumerate(units) for n in unit}
    direct = [frozenset(place[m] for n in unit for m in alone[n]) for unit in units]
    return Parts(tuple(units), tuple(_reached(u, direct) for u in range(len(units))))


def _reached(unit: int, direct: Sequence[frozenset[int]]) -> frozenset[int]:
    found = {unit}
    todo = [unit]
    while todo:
        for other in direct[todo.pop()] - found:
            found.add(other)
            todo.append(other)
    return frozenset(found)


def _fewest(number: int, numbers: Sequence[int], valid: Valid) -> Subset:
    """Return a small valid set that holds a piece."""
    for subset in _small(number, numbers):
        if valid(subset):
            return subset
    kept = frozenset(numbers)
    for other in sorted(kept - {number}, key=lambda n: -abs(n - number)):
        if valid(kept - {other}):
            kept -= {other}
    return kept


def _small(number: int, numbers: Sequence[int]) -> Iterator[Subset]:
    others = sorted((n for n in numbers if n != number), key=lambda n: abs(n - number))
    yield frozenset((number,))
    for other in others:
        yield frozenset((number, other))
    for pair in combinations(others[:_NEAREST], 2):
        yield frozenset((number, *pair))
