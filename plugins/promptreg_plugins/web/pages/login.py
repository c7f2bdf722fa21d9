"""The page to log in on; what happens with the token is the application's business."""

from __future__ import annotations

from fastapi import Request, Response

from promptreg.stages.report.text import one_line
from promptreg_plugins.web.pages.rendering import render

__all__ = ["login_page"]


async def login_page(
    request: Request, *, problem: str = "", next_page: str = "/", status: int = 200
) -> Response:
    """Return the form: it posts `token`, `next` and `csrf` to /login.

    Args:
        request: what was asked.
        problem: why the last try failed.
        next_page: a path of this service to go to afterwards.
        status: the HTTP status.
    """
    return await render(
        request,
        "login.html.j2",
        status=status,
        problem=one_line(problem, 300),
        next_page=next_page,
    )
