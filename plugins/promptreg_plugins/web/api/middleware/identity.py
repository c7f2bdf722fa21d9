"""Who asks, how often, and whether the request is theirs rather than another site's."""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from collections import OrderedDict
from html import escape
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from promptreg_plugins.web.api.middleware.buckets import Buckets
from promptreg_plugins.web.api.needs import KeptSessions, Tokens
from promptreg_plugins.web.api.problem import refuse
from promptreg_plugins.web.api.refusals import PlainRefusals
from promptreg_plugins.web.api.sessions import LogIns, Sessions
from promptreg_plugins.web.model import Role, Who
from promptreg_plugins.web.problems import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    ProblemError,
    TooManyError,
    UnauthorizedError,
)

__all__ = ["LOCAL", "Identity", "address_of"]

LOCAL = Who("local", Role.ADMIN)
"""Everybody, where no tokens are used."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FREE = ("/health/", "/static/")
_FREE_EXACTLY = frozenset({"/login", "/logout", "/favicon.ico", "/api/v1/openapi.json"})
_FORM = b"application/x-www-form-urlencoded"
_KNOWN_GOOD = 1_000


class Identity:
    """Finds out who asks, by bearer token or session; refuses nobodies, floods and forgeries.

    Whatever is not listed as free needs a token: a new route is closed until somebody opens it.
    Unsafe methods need the role `run`, whatever a route itself asks besides.

    Attributes:
        sessions: of browsers, those that end with the process.
        log_ins: these and those that do not; None where no tokens are used.
        failures: wrong tokens by address.
        cookie: the session cookie's name.
    """

    def __init__(
        self,
        *,
        tokens: Tokens | None,
        sessions: Sessions,
        kept: KeptSessions | None = None,
        requests: Buckets | None,
        failures: Buckets,
        cookie: str,
        refusals: PlainRefusals,
    ) -> None:
        self.app: ASGIApp | None = None
        self.tokens = tokens
        self.sessions = sessions
        self.log_ins = None if tokens is None else LogIns(tokens, sessions, kept)
        self.requests = requests
        self.failures = failures
        self.cookie = cookie
        self.refusals = refusals
        self._open_csrf = secrets.token_urlsafe(32)
        self._good: OrderedDict[bytes, None] = OrderedDict()

    def around(self, app: ASGIApp) -> ASGIApp:
        """Put it around an application; routes for logging in know it, too."""
        self.app = app
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with `state.who` and `state.csrf`, or refuse it."""
        assert self.app is not None  # noqa: S101 - `around` came first
        if scope["type"] not in {"http", "websocket"} or scope["path"].startswith("/health/"):
            await self.app(scope, receive, send)
            return
        state = scope["state"]
        state["who"], state["csrf"] = None, ""
        try:
            by_cookie, receive = await self._identify(scope, receive)
            self._limit(scope)
            if state["who"] is None and not self._free(scope["path"]):
                if _wants_page(scope):
                    await _to_login(scope)(scope, receive, send)
                    return
                raise UnauthorizedError("send 'Authorization: Bearer TOKEN', or log in")
            method = scope.get("method", "GET")
            if method not in _SAFE and scope["path"] not in _FREE_EXACTLY:
                _may_change(state["who"])
            if method not in _SAFE and by_cookie and scope["path"] != "/login":
                receive = await _not_forged(scope, receive, state["csrf"])
        except ProblemError as error:
            wait = getattr(error, "wait_s", None)
            headers = {"Retry-After": str(int(wait) + 1)} if wait is not None else None
            await refuse(await self.refusals.told(scope, error, headers), scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _free(self, path: str) -> bool:
        return path in _FREE_EXACTLY or path.startswith(_FREE)

    async def _identify(self, scope: Scope, receive: Receive) -> tuple[bool, Receive]:
        """Set who asks; return whether a browser vouches for them by itself."""
        state = scope["state"]
        if self.tokens is None:
            state["who"], state["csrf"] = LOCAL, self._open_csrf
            # Forms must hold the token; scripts' JSON is told apart by the origin check.
            return _content_type(scope) == _FORM, receive
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        if given:
            state["who"] = await self.check(_bearer(given), scope)
            return False, receive
        name = _cookie(scope, self.cookie)
        found = await self.log_ins.find(name) if name and self.log_ins else None
        if found is None:
            return False, receive
        state["who"], state["csrf"] = found
        return True, receive

    async def check(self, token: str, scope: Scope) -> Who:
        """Return who is behind a token; wrong ones are counted against the address.

        Raises:
            UnauthorizedError: nobody is; TooManyError: too many wrong tokens came from there.
        """
        if self.tokens is None:
            raise ConflictError("nobody needs a token here")
        address = address_of(scope)
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        # Whoever shares an address with a guesser (a proxy, an office) is not locked out.
        if digest not in self._good and (wait := self.failures.wait_s(address)):
            raise _too_many("too many wrong tokens came from this address", wait)
        try:
            who = await self.tokens.authenticate(token)
        except UnauthorizedError:
            self._good.pop(digest, None)
            self.failures.take(address)
            raise
        self._good[digest] = None
        self._good.move_to_end(digest)
        while len(self._good) > _KNOWN_GOOD:
            self._good.popitem(last=False)
        return who

    async def begin(self, token: str, scope: Scope) -> str:
        """Log in: check a token, begin a session and return its name; as `check`."""
        await self.check(token, scope)
        assert self.log_ins is not None  # noqa: S101 - `check` refuses where no tokens are used
        return await self.log_ins.begin(token)

    async def end(self, name: str) -> None:
        """Log out."""
        if self.log_ins is not None:
            await self.log_ins.end(name)

    def _limit(self, scope: Scope) -> None:
        if self.requests is None:
            return
        who = scope["state"]["who"]
        name = f"token {who.name}" if who else f"address {address_of(scope)}"
        if wait := self.requests.take(name):
            raise _too_many("too many requests; slow down", wait)


def address_of(scope: Scope) -> str:
    """Return where a request comes from, as far as it counts: of IPv6 the network.

    What a client says of itself (`X-Forwarded-For`) is not believed.
    """
    client = (scope.get("client") or ("unknown",))[0]
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return str(client)[:100]
    if address.version == 6:
        return str(ipaddress.ip_network((int(address), 64), strict=False))
    return str(address)


def _too_many(detail: str, wait_s: float) -> TooManyError:
    error = TooManyError(detail)
    error.wait_s = wait_s  # type: ignore[attr-defined]  # read where it is told
    return error


def _bearer(given: list[bytes]) -> str:
    scheme, _, token = given[0].decode("latin-1").partition(" ")
    token = token.strip()
    if len(given) != 1 or scheme.lower() != "bearer" or not 1 <= len(token) <= 512:
        raise UnauthorizedError("the Authorization header must be 'Bearer TOKEN'")
    return token


def _cookie(scope: Scope, name: str) -> str:
    text = "; ".join(v.decode("latin-1") for k, v in scope["headers"] if k == b"cookie")
    try:
        found = SimpleCookie(text).get(name)
    except CookieError:
        return ""
    return found.value[:200] if found else ""


def _content_type(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == b"content-type":
            return bytes(value.split(b";")[0].strip().lower())
    return b""


def _may_change(who: Who | None) -> None:
    if who is None:
        raise UnauthorizedError("send 'Authorization: Bearer TOKEN', or log in")
    if not who.role.allows(Role.RUN):
        raise ForbiddenError(f"the role {who.role} may read; this takes the role run")


async def _not_forged(scope: Scope, receive: Receive, csrf: str) -> Receive:
    """Check that a request holds what only our pages know; return its body, to be read again."""
    headers = dict(scope["headers"])
    said = headers.get(b"x-csrf-token", b"").decode("latin-1")
    if not said and _content_type(scope) == _FORM:
        # Whole and within its limit already: `Bodies` has read it.
        body = await Request(scope, receive).body()
        try:
            fields = parse_qs(body.decode("latin-1"), max_num_fields=200)
        except ValueError:
            raise InvalidError("the form has too many fields") from None
        said = fields.get("csrf", [""])[0]

        async def again() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        receive = again
    if not csrf or not secrets.compare_digest(said.encode(), csrf.encode()):
        raise ForbiddenError(
            "the form is too old, or not one of this service: reload the page and try again",
            field="csrf",
        )
    return receive


def _wants_page(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
        return False
    accept = dict(scope["headers"]).get(b"accept", b"")
    return b"text/html" in accept and not scope["path"].startswith("/api/")


def _to_login(scope: Scope) -> Response:
    # One slash: two would begin another host's name.
    here = "/" + quote(scope["path"].lstrip("/"), safe="/")
    if query := scope["query_string"].decode("latin-1"):
        here += f"?{query}"
    if dict(scope["headers"]).get(b"sec-fetch-site") == b"cross-site":
        # A link elsewhere was followed: strict cookies stay at home. Asked again by a page of
        # ours, the browser sends them.
        return HTMLResponse(
            '<!doctype html><meta charset="utf-8"><title>promptreg</title>'
            f'<meta http-equiv="refresh" content="0;url={escape(here)}">'
            f'<p><a href="{escape(here)}">Go on</a>'
        )
    return RedirectResponse(f"/login?next={quote(here, safe='/')}", 303)
