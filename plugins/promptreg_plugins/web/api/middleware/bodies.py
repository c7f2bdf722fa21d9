"""How much of a body is read, of which kind, and for how long."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from promptreg_plugins.web.api.problem import problem_response, told
from promptreg_plugins.web.problems import TooLargeError

__all__ = ["Bodies"]

_UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_WITHIN_S = 20.0


class Bodies:
    """Reads whole bodies up to a limit, whatever they say of their length; the rest is refused.

    Bodies are small here, so they are read before anything is done: a handler never waits for a
    client, and a slow one is cut off.
    """

    def __init__(self, app: ASGIApp, *, most: int, within_s: float = _WITHIN_S) -> None:
        self.app = app
        self.most = most
        self.within_s = within_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its body, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        detail = f"a body may have {self.most:,} bytes"
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or len(length) > 18:
            await problem_response(scope, 400, "Content-Length is no number")(scope, receive, send)
            return
        if int(length) > self.most:
            await told(scope, TooLargeError(detail), _CLOSE)(scope, receive, send)
            return
        problem = _kind(scope, headers)
        refused = problem_response(scope, 415, problem, headers=_CLOSE) if problem else None
        if int(length) == 0 and b"transfer-encoding" not in headers:
            await (refused or self.app)(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self.within_s):
                body = await _whole(receive, self.most)
        except TimeoutError:
            detail = f"the body was not there within {self.within_s:g} s"
            response = problem_response(scope, 408, detail, kind="too-slow", headers=_CLOSE)
            await response(scope, receive, send)
            return
        except TooLargeError:
            await told(scope, TooLargeError(detail), _CLOSE)(scope, receive, send)
            return
        if body is None:  # the client is gone
            return
        # Not before its body is read: a connection that is closed with something unread is reset,
        # and the client may never see why.
        await (refused or self.app)(scope, _replay(body, receive), send)


_CLOSE = {"Connection": "close"}


def _kind(scope: Scope, headers: dict[bytes, bytes]) -> str:
    """Return why this kind of body is not read; empty if it is."""
    if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        return "a body is sent as it is, without Content-Encoding"
    empty = headers.get(b"content-length", b"0") == b"0" and b"transfer-encoding" not in headers
    if empty or scope["method"] not in _UNSAFE or not scope["path"].startswith("/api/"):
        return ""
    kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
    # Only JSON: pages elsewhere can send forms and plain text without being asked for permission.
    return "" if kind == b"application/json" else "a body is application/json"


async def _whole(receive: Receive, most: int) -> bytes | None:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > most:
            raise TooLargeError("")
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if not given:
            given = True
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return again
