"""One test of one subset: what it may say, how often it may be asked, and what it said before."""

from __future__ import annotations

import enum
from collections.abc import Callable, Hashable, Mapping
from typing import Generic, TypeVar

__all__ = ["Bench", "ExhaustedError", "Outcome"]

Subject = TypeVar("Subject", bound=Hashable)


class Outcome(enum.StrEnum):
    """What a test says of a text between GOOD and BAD, compared with GOOD."""

    REGRESSED = "regressed"
    """Worse, at the corrected level."""
    HARMLESS = "harmless"
    """Shown to be no worse than GOOD by more than the margin; never merely 'not significant'."""
    UNCLEAR = "unclear"
    """Neither; more scenarios or repeats would tell."""
    BROKEN = "broken"
    """Cannot be tested: the text does not compile or does not render. Never counted as good."""


class ExhaustedError(Exception):
    """As many tests as were planned have been made."""


class Bench(Generic[Subject]):
    """Tests each subject once and no more of them than planned.

    Args:
        judge: makes the test; it is called with subjects that are not known yet.
        most: tests that may be made; those that find the subject broken are not counted, since
            they ask nothing and accuse nobody.
        known: outcomes that need no test.
    """

    def __init__(
        self,
        judge: Callable[[Subject], Outcome],
        most: int,
        known: Mapping[Subject, Outcome],
    ) -> None:
        self._judge = judge
        self._most = most
        self._known = dict(known)
        self.made = 0

    def test(self, subject: Subject) -> Outcome:
        """Return what the test of a subject says.

        Raises:
            ExhaustedError: it would be one test too many.
        """
        outcome = self._known.get(subject)
        if outcome is None:
            if self.made >= self._most:
                raise ExhaustedError
            outcome = self._judge(subject)
            self._known[subject] = outcome
            self.made += outcome is not Outcome.BROKEN
        return outcome

    def seen(self, subject: Subject) -> Outcome | None:
        """Return what is known of a subject without a test."""
        return self._known.get(subject)
