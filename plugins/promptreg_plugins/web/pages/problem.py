"""Refusals as pages: what happened, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from promptreg.stages.report.text import clean
from promptreg_plugins.web.pages.rendering import render
from promptreg_plugins.web.problems import ProblemError

__all__ = ["PageRoute", "problem_page", "wants_page"]

_ADVICE = {
    401: "Log in with a token. Whoever runs the service makes one.",
    403: "Your token's role does not allow this, or the page was open for too long. Go back, "
    "reload the page and try again, or ask whoever runs the service for a token that may do it.",
    404: "The address may be old, or what it named was removed.",
    405: "This address does not take what was sent.",
    409: "Reload the page to see how things stand now.",
    413: "Send less at once.",
    422: "Go back, change what is named above, and send it again.",
    429: "Wait a little, then try again.",
    500: "This is an error of the service. Its log names the place; nothing stored was changed.",
    503: "Database, store or suite do not answer at present. Nothing is lost: try again in a "
    "moment.",
}
_TITLES = {
    403: "Not allowed",
    404: "Not found",
    405: "Not possible here",
    500: "The service failed",
}


async def problem_page(
    request: Request, status: int, title: str, detail: str, *, field: str = ""
) -> Response:
    """Return the page that tells a refusal.

    Args:
        request: what was asked.
        status: the HTTP status.
        title: what kind of refusal.
        detail: what was wrong this time; untrusted.
        field: the part of a form that is at fault.
    """
    return await render(
        request,
        "problem.html.j2",
        status=status,
        code=status,
        title=_TITLES.get(status, title),
        detail=clean(detail, 2_000),
        field=field,
        advice=_ADVICE.get(status, ""),
        again=status in (429, 503) and request.method == "GET",
    )


def wants_page(request: Request) -> bool:
    """Whether a person's browser asks, rather than a program that reads problem+json."""
    path = request.url.path
    return not path.startswith("/api/") and "text/html" in request.headers.get("accept", "")


class PageRoute(APIRoute):
    """A route whose refusals become pages."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler that tells refusals as pages."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except ProblemError as error:
                return await problem_page(
                    request, error.status, error.title, error.detail, field=error.field
                )

        return handle
