"""Headers that bind browsers: nothing from elsewhere, nothing inline, no frames."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["REPORT_POLICY", "Headers"]

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; object-src 'none'"
)
REPORT_POLICY = (
    "sandbox allow-scripts allow-modals; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""For a report: an origin of its own, so what is in it reaches no session, page or API; it
carries its own, stricter policy with the hashes of its one script and style."""


class Headers:
    """Adds what is missing of the security headers to every response."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self.app = app
        wanted = {
            "content-security-policy": _POLICY,
            "x-content-type-options": "nosniff",
            # Not `no-referrer`: with it browsers send `Origin: null` with the pages' own forms.
            "referrer-policy": "same-origin",
            "x-frame-options": "DENY",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
            "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
            "cache-control": "no-store",
        }
        if secure:
            wanted["strict-transport-security"] = "max-age=31536000"
        self.wanted = [(name.encode(), value.encode()) for name, value in wanted.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""

        async def add(message: Message) -> None:
            if message["type"] in {"http.response.start", "websocket.http.response.start"}:
                there = list(message.get("headers", []))
                names = {name.lower() for name, _ in there}
                message["headers"] = there + [p for p in self.wanted if p[0] not in names]
            await send(message)

        await self.app(scope, receive, add if scope["type"] != "lifespan" else send)
