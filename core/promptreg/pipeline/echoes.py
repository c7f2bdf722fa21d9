"""Tells where many scenarios got the very same answer: a model seldom does that, a service does.

A service that puts a record of its own where it has no answer hides its outage from everything
that reads answers: the record is valid, and both sides agree on it.
"""

from __future__ import annotations

from collections.abc import Iterator

from promptreg.stages.report.text import one_line

__all__ = ["Echoes"]

_LEAST = 5
"""Scenarios that must have the same answer."""
_SHARE = 0.1
"""Share of the answered scenarios that must have it."""
_SHORTEST = 40
"""Characters; a label alone is rightly the same for many."""
_MOST = 20_000
"""Different answers that are kept in mind: one that is given so often comes among the first."""


class Echoes:
    """Counts how many scenarios got the same answer, word for word, from one version."""

    def __init__(self) -> None:
        self._answered = 0
        self._counts: dict[int, int] = {}
        self._most = (0, "")

    def add(self, text: str) -> None:
        """Take in the readable answer to one more scenario."""
        self._answered += 1
        key = hash(text)
        if len(text) < _SHORTEST or (key not in self._counts and len(self._counts) >= _MOST):
            return
        count = self._counts[key] = self._counts.get(key, 0) + 1
        if count > self._most[0]:
            self._most = (count, text)

    def remarks(self, name: str) -> Iterator[str]:
        """Yield what a reader must know of the version of that name."""
        count, text = self._most
        if count >= max(_LEAST, _SHARE * self._answered):
            yield (
                f"{name} gave {count:,} of {self._answered:,} scenarios the same answer, word for "
                f"word ({one_line(text, 100)}); if that is what a service says where it has no "
                "answer, list how its summary begins under answer.fallback, so that it counts as "
                "failed, and have all asked anew ('promptreg cache clear')"
            )
