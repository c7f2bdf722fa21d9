"""Whom a request believes to talk to, and from where it comes: rebinding and foreign pages."""

from __future__ import annotations

import re
from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from promptreg_plugins.web.api.problem import problem_response, refuse, told
from promptreg_plugins.web.problems import ForbiddenError

__all__ = ["Hosts"]

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?\Z")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_EVERY = frozenset({"0.0.0.0", "::", "", "[::]"})  # noqa: S104 - compared with, never bound
_LONGEST_TARGET = 8_192
_HEADERS = 32_768


class Hosts:
    """Refuses hosts that are not served, foreign origins, endless addresses and headers.

    A page elsewhere can let its own name point here (DNS rebinding): only the Host tells. And it
    can send requests here: browsers then name its origin, and no foreign origin is ever served.
    """

    def __init__(self, app: ASGIApp, *, host: str, allowed: Iterable[str]) -> None:
        self.app = app
        bound = f"[{host}]" if ":" in host and not host.startswith("[") else host
        names = {name.lower() for name in (bound, *allowed)} - _EVERY
        self.names = names | _LOOPBACK

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        response = None
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > _LONGEST_TARGET:
            detail = f"an address may have {_LONGEST_TARGET:,} bytes"
            response = problem_response(scope, 414, detail, kind="uri-too-long")
        elif sum(len(name) + len(value) for name, value in scope["headers"]) > _HEADERS:
            # The server bounds only what arrives in several pieces.
            detail = f"headers may have {_HEADERS:,} bytes together"
            response = problem_response(scope, 431, detail, kind="headers-too-large")
        elif not scope["path"].startswith("/health/"):  # probes use addresses of their own
            hosts = _values(scope, b"host")
            found = _HOST.match(hosts[0]) if len(hosts) == 1 else None
            if found is None or found[1] not in self.names:
                detail = (
                    f"the request's Host is {', '.join(hosts)[:100]!r}; this service is "
                    f"{', '.join(sorted(self.names))}; others take --allowed-host"
                )
                response = problem_response(scope, 421, detail)
            elif problem := _foreign(scope, hosts[0]):
                response = told(scope, ForbiddenError(problem, field="Origin"))
        if response is not None:
            await refuse(response, scope, receive, send)
            return
        await self.app(scope, receive, send)


def _foreign(scope: Scope, host: str) -> str:
    """Return why a request's origin is foreign; empty if it is not."""
    origins = _values(scope, b"origin")
    # TLS ends before this service, if anywhere: the scheme seen here says nothing.
    if any(origin not in {f"http://{host}", f"https://{host}"} for origin in origins):
        return f"the request's Origin is {', '.join(origins)[:100]!r}; only pages of {host} may ask"
    unsafe = scope["type"] == "websocket" or scope["method"] not in {"GET", "HEAD", "OPTIONS"}
    sites = _values(scope, b"sec-fetch-site")
    if unsafe and any(site not in {"same-origin", "none"} for site in sites):
        return f"the browser says that a page of another site asks ({sites[0][:20]!r})"
    return ""


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1").lower() for key, value in scope["headers"] if key == name]
