"""Random choices that are the same on every machine, in every process and release of Python."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

__all__ = ["Dice"]

T = TypeVar("T")


class Dice:
    """Choices that follow from a text alone.

    Only `random.Random.random` is used: Python promises its sequence for all times, and promises
    nothing of `choice`, `sample` and `shuffle`.

    Args:
        *parts: what the choices follow from, such as a seed and the name of a row.
    """

    __slots__ = ("_next",)

    def __init__(self, *parts: object) -> None:
        text = "\x1f".join(map(str, parts))
        self._next = random.Random(text).random  # noqa: S311 - scenarios are no secrets

    def below(self, n: int) -> int:
        """Return a whole number from 0 to n - 1."""
        return int(self._next() * n)

    def between(self, low: int, high: int) -> int:
        """Return a whole number from low to high, both included."""
        return low + int(self._next() * (high - low + 1))

    def pick(self, items: Sequence[T]) -> T:
        """Return one of the items."""
        return items[int(self._next() * len(items))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return the items in random order."""
        made = list(items)
        for i in range(len(made) - 1, 0, -1):
            j = int(self._next() * (i + 1))
            made[i], made[j] = made[j], made[i]
        return made
