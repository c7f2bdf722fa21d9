"""Logging in and out of a browser's session."""

from __future__ import annotations

import re
from typing import Protocol
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from promptreg_plugins.web.api.middleware.identity import Identity
from promptreg_plugins.web.api.problem import told
from promptreg_plugins.web.problems import (
    InvalidError,
    NotFoundError,
    ProblemError,
    TooManyError,
    UnauthorizedError,
)

__all__ = ["LoginPage", "routes"]

_LOCAL = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*\Z")


class LoginPage(Protocol):
    """Renders the form."""

    async def __call__(
        self, request: Request, *, problem: str = "", next_page: str = "/", status: int = 200
    ) -> Response:
        """Return the page."""
        ...


def routes(page: LoginPage | None, *, secure: bool) -> APIRouter:
    """Return the routes; without a page, only programs can log in."""
    router = APIRouter(include_in_schema=False)

    @router.get("/login")
    async def form(request: Request, next: str = "/") -> Response:  # noqa: A002 - its public name
        if page is None:
            raise NotFoundError("there are no pages here; send 'Authorization: Bearer TOKEN'")
        return await page(request, next_page=_local(next))

    @router.post("/login")
    async def login(request: Request) -> Response:
        body, after = (await request.body()).decode("latin-1"), "/"
        identity: Identity = request.app.state.identity
        try:
            try:
                said = parse_qs(body, max_num_fields=20)
            except ValueError:
                raise InvalidError("the form has too many fields") from None
            token, after = said.get("token", [""])[0].strip(), _local(said.get("next", ["/"])[0])
            if not 1 <= len(token) <= 512:
                raise InvalidError("a token is needed", field="token")
            name = await identity.begin(token, request.scope)
        except ProblemError as error:
            headers = {}
            if isinstance(error, TooManyError):
                headers["Retry-After"] = str(int(getattr(error, "wait_s", 60)) + 1)
            if page is None or "text/html" not in request.headers.get("accept", ""):
                return told(request.scope, error, headers)
            words = "This token is not known." if isinstance(error, UnauthorizedError) else ""
            response = await page(
                request, problem=words or error.detail, next_page=after, status=error.status
            )
            response.headers.update(headers)
            return response
        await _forget(request, identity)  # a session of before ends: names are never taken over
        response = RedirectResponse(after, 303)
        response.set_cookie(
            identity.cookie, name, path="/", httponly=True, samesite="strict", secure=secure
        )
        return response

    @router.post("/logout")
    async def logout(request: Request) -> Response:
        await _forget(request, request.app.state.identity)
        response = RedirectResponse("/login", 303)
        response.delete_cookie(
            request.app.state.identity.cookie,
            path="/",
            httponly=True,
            samesite="strict",
            secure=secure,
        )
        response.headers["Clear-Site-Data"] = '"cache"'
        return response

    return router


async def _forget(request: Request, identity: Identity) -> None:
    if name := request.cookies.get(identity.cookie):
        await identity.end(name)


def _local(path: str) -> str:
    """Return a path of this service; whatever leads elsewhere becomes the first page."""
    return path if len(path) <= 2_000 and _LOCAL.match(path) else "/"
