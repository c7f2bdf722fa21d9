"""The outermost layer: request ids, the access log, times, and the last word on what went wrong."""

from __future__ import annotations

import logging
import re
import time
import uuid

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from promptreg_plugins.web.api.metrics import Metrics
from promptreg_plugins.web.api.problem import refuse
from promptreg_plugins.web.api.refusals import PlainRefusals

__all__ = ["Record"]

_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}\Z")
_access = logging.getLogger("promptreg.web.access")
_errors = logging.getLogger("promptreg.web.errors")


class Record:
    """Gives each request an id, counts and logs it, and turns what nobody caught into a 500."""

    def __init__(self, app: ASGIApp, metrics: Metrics, refusals: PlainRefusals) -> None:
        self.app = app
        self.metrics = metrics
        self.refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        # A state of the request's own: by default it would be shared through the lifespan's.
        scope["state"] = {**scope.get("state", {}), "request_id": request_id}
        began = time.perf_counter()
        status, sent = 0, 0

        async def count(message: Message) -> None:
            nonlocal status, sent
            kind = message["type"]
            if kind in {"http.response.start", "websocket.http.response.start"}:
                status = message["status"]
                message.setdefault("headers", [])
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.encode()),
                ]
            elif kind == "websocket.accept":
                status = 101
            elif kind == "websocket.close" and not status:
                status = 403
            elif kind == "http.response.body":
                sent += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, count)
        except Exception as error:
            _errors.error(
                "request failed", exc_info=error, extra={"fields": {"request_id": request_id}}
            )
            if status:  # half is sent already: cut it off, so that it does not look whole
                raise
            detail = "an error of the service; its log names it under this request id"
            response = await self.refusals.plain(scope, 500, detail)
            await refuse(response, scope, receive, count)
        finally:
            self._note(scope, status, sent, time.perf_counter() - began)

    def _note(self, scope: Scope, status: int, sent: int, took_s: float) -> None:
        method = scope.get("method", "WEBSOCKET")
        route = getattr(scope.get("route"), "path", "none")
        self.metrics.requested(method, route, status, took_s)
        who = scope["state"].get("who")
        _access.info(
            "request",
            extra={
                "fields": {
                    "request_id": scope["state"]["request_id"],
                    "method": method,
                    "path": scope["path"][:300],
                    "route": route,
                    "status": status,
                    "bytes": sent,
                    "duration_ms": round(took_s * 1000, 2),
                    "who": who.name if who else None,
                    "client": (scope.get("client") or ("",))[0],
                }
            },
        )


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _ID.match(value):
            return str(value, "ascii")
    return uuid.uuid4().hex
