"""Refusals as problem+json (RFC 9457): what happened, where, what is allowed; nothing internal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from promptreg_plugins.web.problems import ProblemError, TooManyError

__all__ = ["MEDIA_TYPE", "problem_response", "refuse", "title_of", "told"]

MEDIA_TYPE = "application/problem+json"
_LONGEST = 2_000
_TITLES = {
    400: ("malformed", "The request cannot be read"),
    404: ("not-found", "Not found"),
    405: ("method-not-allowed", "This address does not know that method"),
    415: ("unsupported-media-type", "This kind of body is not read"),
    421: ("wrong-host", "This name is not served"),
    500: ("internal", "The service failed"),
}


def problem_response(
    scope: Scope,
    status: int,
    detail: str,
    *,
    kind: str = "",
    title: str = "",
    field: str = "",
    errors: Sequence[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a refusal.

    Args:
        scope: the request's; its path and request id go in.
        status: the HTTP status.
        detail: what was wrong this time.
        kind: last part of the type; by the status where empty.
        title: always the same for a kind; by the status where empty.
        field: the part of the request that is at fault.
        errors: each part that is at fault: `field`, `message` and what is `allowed`.
        headers: such as `Retry-After`.
    """
    known = _TITLES.get(status, (str(status), title_of(status)))
    body: dict[str, Any] = {
        "type": f"urn:promptreg:problem:{kind or known[0]}",
        "title": title or known[1],
        "status": status,
        "detail": detail[:_LONGEST],
        "instance": scope.get("path", ""),
        "request_id": scope.get("state", {}).get("request_id", ""),
    }
    if field:
        body["field"] = field
    if errors:
        body["errors"] = list(errors)
    # ASCII with `<`, `>` and `&` escaped: harmless even where somebody shows it as a page.
    text = json.dumps(body)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    all_headers = {"Cache-Control": "no-store", **(headers or {})}
    return Response(text, status, headers=all_headers, media_type=MEDIA_TYPE)


def title_of(status: int) -> str:
    """Return what a status means, in words."""
    return _TITLES[status][1] if status in _TITLES else HTTPStatus(status).phrase


def told(scope: Scope, error: ProblemError, headers: Mapping[str, str] | None = None) -> Response:
    """Return a refusal of the service."""
    more = dict(headers or {})
    if error.status == 401:
        more.setdefault("WWW-Authenticate", 'Bearer realm="promptreg"')
    if error.status == 503 or isinstance(error, TooManyError):
        more.setdefault("Retry-After", "5")
    return problem_response(
        scope,
        error.status,
        error.detail,
        kind=error.kind,
        title=error.title,
        field=error.field,
        headers=more,
    )


async def refuse(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Send a refusal, whatever is being opened; a WebSocket gets it in place of its handshake."""
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get(
        "extensions", {}
    ):
        await send({"type": "websocket.close", "code": 1008})
        return
    await response(scope, receive, send)
