"""Refusals of the service; each knows its HTTP status. They are told as problem+json (RFC 9457)."""

from __future__ import annotations

__all__ = [
    "ConflictError",
    "ForbiddenError",
    "InvalidError",
    "NotFoundError",
    "ProblemError",
    "TooLargeError",
    "TooManyError",
    "UnauthorizedError",
    "UnavailableError",
]


class ProblemError(Exception):
    """A refusal with a status, a short title that is always the same, and a detail for this case.

    Attributes:
        status: the HTTP status.
        kind: the last part of the problem's `type`, such as `not-found`.
        field: the part of the request that is at fault, such as `options.alpha`; empty if none is.
    """

    status = 500
    kind = "internal"
    title = "The service failed"

    def __init__(self, detail: str, *, field: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field


class InvalidError(ProblemError):
    """The request says what it may not."""

    status, kind, title = 422, "invalid", "The request is not valid"


class NotFoundError(ProblemError):
    """There is nothing of that name."""

    status, kind, title = 404, "not-found", "Not found"


class ConflictError(ProblemError):
    """The state of things does not allow it."""

    status, kind, title = 409, "conflict", "Not possible in this state"


class UnauthorizedError(ProblemError):
    """There is no token, or it is not known."""

    status, kind, title = 401, "unauthorized", "A valid token is needed"


class ForbiddenError(ProblemError):
    """The token's role, or the request's origin, does not allow it."""

    status, kind, title = 403, "forbidden", "Not allowed"


class TooLargeError(ProblemError):
    """The body is larger than is read."""

    status, kind, title = 413, "too-large", "The body is too large"


class TooManyError(ProblemError):
    """Too many requests in a short time."""

    status, kind, title = 429, "too-many-requests", "Too many requests"


class UnavailableError(ProblemError):
    """A database or store does not answer at present."""

    status, kind, title = 503, "unavailable", "Temporarily unavailable"
