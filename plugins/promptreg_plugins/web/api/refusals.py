"""Whatever went wrong, told once: as a page to people, as problem+json to programs."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from promptreg_plugins.web.api.problem import problem_response, title_of, told
from promptreg_plugins.web.problems import ProblemError

__all__ = ["PlainRefusals", "ProblemPage", "Refusals", "register"]

_log = logging.getLogger("promptreg.web.errors")
_LIMITS = ("ge", "gt", "le", "lt", "min_length", "max_length", "pattern", "expected")
_MOST_ERRORS = 20


class ProblemPage(Protocol):
    """Renders a refusal for people."""

    async def __call__(
        self, request: Request, status: int, title: str, detail: str, *, field: str = ""
    ) -> Response:
        """Return the page."""
        ...


class PlainRefusals:
    """Tells refusals as problem+json."""

    async def told(
        self, scope: Scope, error: ProblemError, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Return the refusal of the service."""
        return told(scope, error, headers)

    async def plain(self, scope: Scope, status: int, detail: str, **more: Any) -> Response:
        """Return any other refusal; as `problem_response`."""
        return problem_response(scope, status, detail, **more)


class Refusals(PlainRefusals):
    """Tells refusals as pages where a person's browser asks."""

    def __init__(self, page: ProblemPage, wants_page: Callable[[Request], bool]) -> None:
        self.page = page
        self.wants_page = wants_page

    async def told(
        self, scope: Scope, error: ProblemError, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Return the refusal of the service."""
        response = await super().told(scope, error, headers)
        return await self._paged(scope, response, error.title, error.detail, error.field)

    async def plain(self, scope: Scope, status: int, detail: str, **more: Any) -> Response:
        """Return any other refusal; as `problem_response`."""
        response = await super().plain(scope, status, detail, **more)
        return await self._paged(scope, response, more.get("title") or title_of(status), detail, "")

    async def _paged(
        self, scope: Scope, response: Response, title: str, detail: str, field: str
    ) -> Response:
        if scope["type"] != "http":
            return response
        request = Request(scope)
        if not self.wants_page(request):
            return response
        try:
            page = await self.page(request, response.status_code, title, detail, field=field)
        except Exception:  # noqa: BLE001 - a refusal is always told, if need be without a page
            _log.exception("no page for a refusal")
            return response
        for name in ("allow", "retry-after", "www-authenticate"):
            if name in response.headers:
                page.headers[name] = response.headers[name]
        return page


def register(app: FastAPI, refusals: PlainRefusals) -> None:
    """Have the application tell its refusals so."""

    async def of_service(request: Request, error: Exception) -> Response:
        assert isinstance(error, ProblemError)  # noqa: S101 - registered for it alone
        return await refusals.told(request.scope, error)

    async def of_routing(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for it alone
        detail, headers = str(error.detail), dict(error.headers or {})
        if error.status_code == 404:
            detail = "there is nothing at this address; /api/v1/openapi.json lists what there is"
        if error.status_code == 405:
            allowed = ", ".join(sorted(_methods(app.routes, request.scope)))
            detail = f"{request.method[:20]} is not known here; allowed: {allowed}"
            headers["Allow"] = allowed
        return await refusals.plain(request.scope, error.status_code, detail, headers=headers)

    async def of_validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it alone
        return await refusals.plain(request.scope, **_invalid(error))

    handlers: list[tuple[type[Exception], Callable[[Request, Exception], Awaitable[Response]]]] = [
        (ProblemError, of_service),
        (HTTPException, of_routing),
        (RequestValidationError, of_validation),
    ]
    for kind, handler in handlers:
        app.add_exception_handler(kind, handler)


def _methods(routes: Iterable[BaseRoute], scope: Scope) -> set[str]:
    """Return all methods of an address; the routes of newer FastAPIs are trees."""
    found: set[str] = set()
    for route in routes:
        inside = getattr(route, "original_router", None)
        if inside is not None:
            found |= _methods(inside.routes, scope)
        elif isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE:
            found |= route.methods or set()
    return found


def _invalid(error: RequestValidationError) -> dict[str, Any]:
    """Return what is wrong with which part; never what was sent."""
    errors = [_one(dict(one)) for one in error.errors()[:_MOST_ERRORS]]
    if any(one["type"] == "json_invalid" for one in error.errors()):
        return {"status": 400, "detail": "the body is not JSON"}
    first = errors[0]
    more = len(error.errors()) - 1
    detail = f"{first['field']}: {first['message']}" + (f" (and {more} more)" if more else "")
    return {
        "status": 422,
        "detail": detail,
        "kind": "invalid",
        "title": "The request is not valid",
        "field": first["field"],
        "errors": errors,
    }


def _one(error: dict[str, Any]) -> dict[str, Any]:
    place = [str(part)[:100] for part in error["loc"]]
    if place[:1] == ["body"] and len(place) > 1:
        place = place[1:]
    told_: dict[str, Any] = {"field": ".".join(place), "message": str(error["msg"])[:300]}
    context = error.get("ctx", {})
    allowed = {name: context[name] for name in _LIMITS if name in context}
    if allowed:
        told_["allowed"] = {
            k: v if isinstance(v, int | float) else str(v) for k, v in allowed.items()
        }
    return told_
