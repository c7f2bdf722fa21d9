"""What routes share: the service, who may do what, paging, filters, documented refusals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from promptreg_plugins.web.model import JobState, Role, Who
from promptreg_plugins.web.problems import ForbiddenError, InvalidError, UnauthorizedError
from promptreg_plugins.web.service import Service

__all__ = [
    "API",
    "COOKIE",
    "PLAIN",
    "PLAIN_OR_NONE",
    "Administrator",
    "Asking",
    "Filters",
    "InState",
    "Limit",
    "OfSuite",
    "Offset",
    "Reader",
    "Runner",
    "filters_of",
    "refusals",
]

API = "/api/v1"
"""Whole paths stand in the routers, so that logs and metrics name them as clients do."""
COOKIE = "promptreg_session"
PLAIN = r"^[^\x00-\x1f\x7f-\x9f]+$"
"""Names and words have no control characters."""
PLAIN_OR_NONE = r"^[^\x00-\x1f\x7f-\x9f]*$"
_FILTER = r"^[^=\x00-\x1f\x7f-\x9f]{1,100}=[^\x00-\x1f\x7f-\x9f]{0,199}$"
_bearer = HTTPBearer(
    scheme_name="token",
    auto_error=False,
    description="A token made by `promptreg serve`'s administrator: `Authorization: Bearer TOKEN`.",
)
_session = APIKeyCookie(
    name=COOKIE,
    scheme_name="session",
    auto_error=False,
    description="A browser's session. Requests that change something also need the header "
    "X-CSRF-Token.",
)
_MEANINGS = {
    400: "The request cannot be read.",
    401: "A valid token is needed.",
    403: "The token's role, or the request's origin, does not allow it.",
    404: "There is nothing of that name.",
    409: "The state of things does not allow it.",
    413: "The body is too large.",
    414: "The address is too long.",
    415: "The body is not JSON.",
    421: "The request's Host is not served.",
    422: "The request says what it may not.",
    429: "Too many requests; `Retry-After` says when to go on.",
    500: "An error of the service; its log names the request id.",
    503: "Database or store do not answer at present.",
}
_ALWAYS = (401, 403, 414, 421, 422, 429, 500, 503)


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI `responses` of a route: these, and what any route may answer."""
    document = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": _MEANINGS[status], "content": document}
        for status in sorted({*_ALWAYS, *statuses})
    }


def service_of(request: Request) -> Service:
    """Return the service that the application was made for."""
    service: Service = request.app.state.service
    return service


def _allowed(wanted: Role) -> Callable[..., Awaitable[Who]]:
    async def who_asks(
        request: Request,
        token: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)] = None,
        session: Annotated[str | None, Security(_session)] = None,
    ) -> Who:
        # Found and refused before anything is read; here is what makes the document say so.
        who = getattr(request.state, "who", None)
        if not isinstance(who, Who):
            raise UnauthorizedError("send 'Authorization: Bearer TOKEN', or log in")
        if not who.role.allows(wanted):
            raise ForbiddenError(f"the role {who.role} may not; this takes the role {wanted}")
        return who

    return who_asks


Asking = Annotated[Service, Depends(service_of)]
Reader = Annotated[Who, Depends(_allowed(Role.READ))]
Runner = Annotated[Who, Depends(_allowed(Role.RUN))]
Administrator = Annotated[Who, Depends(_allowed(Role.ADMIN))]
Offset = Annotated[int, Query(ge=0, le=10_000_000, description="Index of the first item.")]
Limit = Annotated[int, Query(ge=1, le=500, description="Items at the most.")]
OfSuite = Annotated[
    str | None,
    Query(min_length=1, max_length=200, pattern=PLAIN, description="Only of this suite."),
]
InState = Annotated[JobState | None, Query(description="Only in this state.")]
Filters = Annotated[
    list[Annotated[str, Query(max_length=300, pattern=_FILTER)]],
    Query(
        alias="filter",
        max_length=20,
        description="`ATTRIBUTE=VALUE`, as `--filter`; several must all hold.",
        examples=[["scenario_type=threat"]],
    ),
]


def filters_of(filters: list[str]) -> dict[str, str]:
    """Return attribute to value.

    Raises:
        InvalidError: an attribute is named twice with different values: nothing has both.
    """
    found: dict[str, str] = {}
    for one in filters:
        name, _, value = one.partition("=")
        if found.setdefault(name, value) != value:
            raise InvalidError(f"{name!r} is named twice", field="query.filter")
    return found
