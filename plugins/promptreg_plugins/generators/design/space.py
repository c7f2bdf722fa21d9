"""Attributes, their values, and combinations that must not occur."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

__all__ = ["Rule", "Space"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A forbidden combination: no row may have one of these values in each of these attributes.

    Attributes:
        where: attribute to values.
        name: where it comes from, such as `constraints[2]`.
    """

    where: Mapping[str, Sequence[str]]
    name: str

    def __str__(self) -> str:
        words = [f"{a}: {v[0] if len(v) == 1 else list(v)}" for a, v in self.where.items()]
        return f"{self.name} {{{', '.join(words)}}}".replace("'", "")


class Space:
    """All rows that the rules leave.

    A set of values is a number with one bit per value of any attribute, so that "has this row that
    combination" is one machine operation.

    Args:
        attributes: name to values; at least one each, without repetition.
        rules: forbidden combinations of known attributes and values.
    """

    def __init__(self, attributes: Mapping[str, Sequence[str]], rules: Sequence[Rule] = ()) -> None:
        self.names = tuple(attributes)
        self.values = tuple(tuple(v) for v in attributes.values())
        self.rules = tuple(rules)
        self.bits: list[list[int]] = []
        at = 0
        for values in self.values:
            self.bits.append([1 << (at + i) for i in range(len(values))])
            at += len(values)
        self._all = [sum(bits) for bits in self.bits]
        self._rules = [self._masks(rule) for rule in self.rules]
        touched = {i for rule in self._rules for i, _ in rule}
        self._touched = sum(self._all[i] for i in touched)
        self._known: dict[int, bool] = {}

    def _masks(self, rule: Rule) -> list[tuple[int, int]]:
        """Return a rule as (attribute, bits of the values) pairs."""
        masks = []
        for name, words in rule.where.items():
            i = self.names.index(name)
            masks.append((i, sum(self.bits[i][self.values[i].index(w)] for w in words)))
        return masks

    def mask(self, where: Mapping[str, str]) -> int:
        """Return the bits of some attributes' values."""
        return sum(
            self.bits[i][self.values[i].index(where[name])]
            for i, name in enumerate(self.names)
            if name in where
        )

    def words(self, mask: int) -> dict[str, str]:
        """Return attribute to value for the bits of a mask."""
        return {
            name: self.values[i][v]
            for i, name in enumerate(self.names)
            for v, bit in enumerate(self.bits[i])
            if mask & bit
        }

    def possible(self, mask: int) -> bool:
        """Return whether some allowed row has these values."""
        key = mask & self._touched
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._search(key)
        return known

    def _search(self, mask: int) -> bool:
        """Look for a completion: branch on an attribute of the rule that is nearest to biting."""
        nearest: list[int] = []
        for rule in self._rules:
            free = []
            for i, bits in rule:
                if not mask & self._all[i]:
                    free.append(i)
                elif not mask & bits:
                    break
            else:
                if not free:
                    return False
                if not nearest or len(free) < len(nearest):
                    nearest = free
        if not nearest:
            return True
        return any(self.possible(mask | bit) for bit in self.bits[nearest[0]])

    def tuples(self, strength: int) -> Iterator[int]:
        """Yield every combination of `strength` attributes' values, possible or not."""
        for chosen in combinations(range(len(self.names)), strength):
            for bits in product(*(self.bits[i] for i in chosen)):
                yield sum(bits)

    def count(self, strength: int) -> int:
        """Return how many combinations of `strength` attributes' values there are."""
        total = 0
        for chosen in combinations(self.values, strength):
            n = 1
            for values in chosen:
                n *= len(values)
            total += n
        return total
