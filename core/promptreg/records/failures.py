"""Why a trial has no answer."""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["Cause", "Failure"]


class Cause(enum.StrEnum):
    """Why a trial has no answer. The value is what reports, stores and JSON show."""

    CONNECT = "connect"
    """No connection: refused, unknown host, TLS, connect timeout."""
    NETWORK = "network"
    """The connection broke before the completion was whole."""
    TIMEOUT = "timeout"
    """The server accepted the call and did not finish in time."""
    HTTP_STATUS = "http_status"
    """The server answered with an error status (kept in `Failure.status`)."""
    PROTOCOL = "protocol"
    """The server's body is not what its protocol promises."""
    TOO_LARGE = "too_large"
    """The body is larger than the limit."""
    TRUNCATED = "truncated"
    """The model was cut off by the token limit before its answer was complete."""
    REFUSED = "refused"
    """The provider's filter or the model refused."""
    EMPTY = "empty"
    """The completion holds no text."""
    UNPARSEABLE = "unparseable"
    """No answer could be read from the text."""
    INVALID = "invalid"
    """An answer was read and breaks its rules: missing field, out of range, wrong type."""
    FALLBACK = "fallback"
    """The text is a service's stand-in for an answer ('Analysis unavailable ...')."""
    MISSING = "missing"
    """Recorded completions hold no row for this trial."""
    RECORDED = "recorded"
    """Recorded completions hold an error of another name."""
    PLUGIN = "plugin"
    """A provider plug-in raised something it does not declare."""
    CANCELLED = "cancelled"
    """The run was stopped before this trial was asked or answered."""


_INFRASTRUCTURE = frozenset(
    {Cause.CONNECT, Cause.NETWORK, Cause.PROTOCOL, Cause.PLUGIN, Cause.CANCELLED, Cause.MISSING}
)


_RETRYABLE_STATUS = frozenset({408, 409, 425, 429})


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a trial has no readable answer.

    Attributes:
        cause: the class of failure.
        detail: one line for people, without secrets.
        status: HTTP status, where there was one.
        attempts: network attempts made.
        duration_s: seconds from the first attempt to giving up; None where no call was made.
    """

    cause: Cause
    detail: str
    status: int | None = None
    attempts: int = 0
    duration_s: float | None = None

    @property
    def infrastructure(self) -> bool:
        """Whether the plumbing failed rather than the prompt or the model.

        Such a gap says nothing about the template, so comparisons bound it from both sides;
        every other failure counts as the worst value.
        """
        if self.cause is Cause.HTTP_STATUS:
            status = self.status or 0
            return status in _RETRYABLE_STATUS or (status >= 500 and status != 501)
        return self.cause in _INFRASTRUCTURE
