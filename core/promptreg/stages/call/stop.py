"""Why a caller makes no more calls, and the breaker that finds out early."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from promptreg.errors import CallError
from promptreg.records import Cause

__all__ = ["Breaker", "Stop", "StopKind"]

_AT_ONCE = frozenset({401, 402})
"""No key, or no money: another prompt will not change that."""
_NOBODY_THERE = frozenset({404, 405, 501})
"""The address is wrong; a few are enough to know."""
_PATIENCE = 10
"""How many times longer a provider is waited for that has answered before."""
_BROKEN_S = 60.0
"""Without any success; a server that loads its model answers 503 for half a minute."""


class StopKind(enum.StrEnum):
    """Who stopped the calls."""

    ASKED = "asked"
    """Ctrl-C, SIGTERM, or whoever holds the caller."""
    BUDGET = "budget"
    """The budget is spent, or cannot be kept."""
    PARKED = "parked"
    """The server asked to wait longer than a run should; `Stop.resume_at` says until when."""
    UNREACHABLE = "unreachable"
    """Nothing answers at the provider's address, or nothing but errors of its own."""
    REFUSED = "refused"
    """The provider refuses every call: key, quota, address, or a setting it cannot use."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Why no more calls are made.

    Attributes:
        kind: who stopped them.
        reason: one line for people.
        resume_at: POSIX time in seconds from which calls make sense again; None when unknown.
    """

    kind: StopKind
    reason: str
    resume_at: float | None = None

    def __str__(self) -> str:
        return self.reason


class Breaker:
    """Finds out that a provider is of no use before a thousand trials have.

    Args:
        threshold: attempts in a row that must fail alike before any has succeeded. After a
            success it takes `_PATIENCE` times as many to give a provider up: it may restart, and
            the waits between attempts give it about a quarter of a minute. Also the calls in a row
            given up after all their attempts that end a run, when none succeeded for `_BROKEN_S`.
    """

    def __init__(self, threshold: int) -> None:
        self._threshold = threshold
        self._succeeded = False
        self._connect = 0
        self._absent = 0
        self._forbidden = 0
        self._given_up = 0
        self._failing_since: float | None = None

    def success(self) -> None:
        """Note that a call succeeded: the provider can be reached and takes our key."""
        self._succeeded = True
        self._connect = self._forbidden = self._given_up = 0
        self._failing_since = None

    def given_up(self, error: CallError, begun: float, now: float) -> Stop | None:
        """Return why to stop, when every call is lost to the infrastructure, retries and all.

        Args:
            error: of the last attempt.
            begun: when the call's first attempt began, seconds.
            now: seconds of the same clock.
        """
        self._given_up += 1
        self._failing_since = begun if self._failing_since is None else self._failing_since
        silent_s = now - self._failing_since
        if self._given_up < self._threshold or silent_s < _BROKEN_S:
            return None
        return Stop(
            StopKind.UNREACHABLE,
            f"the provider answers no call ({self._given_up} in a row given up after all their "
            f"attempts, in {silent_s:,.0f} s): {error.detail}",
        )

    def failure(self, error: CallError) -> Stop | None:
        """Return why to stop, when this failure shows that going on is pointless."""
        status = error.status
        self._connect = self._connect + 1 if error.cause == Cause.CONNECT else 0
        self._absent = self._absent + 1 if status in _NOBODY_THERE else 0
        self._forbidden = self._forbidden + 1 if status == 403 else 0
        if status in _AT_ONCE or (status == 429 and not error.retryable):
            return Stop(StopKind.REFUSED, f"the provider refuses calls: {error.detail}")
        # A 403 after successes may be a filter's word on one prompt; three in a row are not.
        if status == 403 and (not self._succeeded or self._forbidden >= 3):
            return Stop(StopKind.REFUSED, f"the provider refuses calls: {error.detail}")
        if self._succeeded:
            if self._connect < _PATIENCE * self._threshold:
                return None
            return Stop(
                StopKind.UNREACHABLE,
                f"the provider can no longer be reached ({self._connect} attempts in a row): "
                f"{error.detail}",
            )
        if self._connect >= self._threshold:
            return Stop(
                StopKind.UNREACHABLE,
                f"the provider cannot be reached ({self._connect} attempts): {error.detail}",
            )
        if self._absent >= self._threshold:
            return Stop(
                StopKind.REFUSED,
                f"the provider does not serve this address ({self._absent} attempts): "
                f"{error.detail}",
            )
        return None
