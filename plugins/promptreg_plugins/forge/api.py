"""A forge's REST API: few requests, retried where that is safe, refusals told in one line."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from promptreg.stages.report.text import one_line
from promptreg_plugins.forge.job import ForgeError, number

if TYPE_CHECKING:
    import httpx

__all__ = ["Api", "UnsureError"]

_TRIES = 4
_LONGEST_WAIT_S = 60.0
_TIMEOUT_S = 20.0
_MAX_BODY = 64_000_000
_PER_PAGE = 100
_MAX_PAGES = 100
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class UnsureError(ForgeError):
    """A comment was sent and nobody knows whether it arrived."""


@dataclass(frozen=True)
class _Reply:
    status: int
    headers: Mapping[str, str]
    data: Any


@dataclass(frozen=True)
class Api:
    """One forge, with one token.

    Args:
        forge: its name, for messages.
        url: where the API is; https, unless on this machine.
        headers: sent with every request; hold the token.
        secret: the token, which no message may hold.
        hints: status to what is probably wrong.
    """

    forge: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    secret: str = field(repr=False)
    hints: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
        if not safe or not parts.hostname or parts.username or parts.query:
            raise ForgeError(
                f"the address of {self.forge}'s API is {one_line(self.url, 100)!r}; it must begin "
                "with https:// (a token goes there)"
            )

    @cached_property
    def _client(self) -> httpx.Client:
        import httpx

        return httpx.Client(
            headers={**self.headers, "User-Agent": "promptreg"},
            timeout=_TIMEOUT_S,
            follow_redirects=False,  # the token must not travel
            # Plain http is this machine alone (see above) and needs no certificates, which take
            # a while to load.
            verify=self.url.startswith("https"),
        )

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def pages(self, path: str, **query: str) -> Iterator[dict[str, Any]]:
        """Yield the items of a list that comes in pages.

        Raises:
            ForgeError: the forge refused or did not answer.
        """
        for page in range(1, _MAX_PAGES + 1):
            asked = {**query, "per_page": str(_PER_PAGE), "page": str(page)}
            found = self.ask("GET", path, query=asked).data
            if not isinstance(found, list):
                raise ForgeError(f"{self.forge} answered {path} with something that is no list")
            yield from (item for item in found if isinstance(item, dict))
            if len(found) < _PER_PAGE:
                return
        raise ForgeError(f"{path}: more than {_MAX_PAGES * _PER_PAGE:,} entries; not searched on")

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, str] | None = None,
        allow: tuple[int, ...] = (),
    ) -> _Reply:
        """Make a request and return the reply.

        Refused and slowed requests are repeated. A new comment is not sent twice where the first
        may have arrived.

        Args:
            method: of HTTP.
            path: below the API's address.
            query: parameters of the address.
            body: what is sent as JSON.
            allow: statuses that are an answer, not an error.

        Raises:
            UnsureError: a POST without a clear answer.
            ForgeError: any other failure.
        """
        import httpx

        for attempt in range(_TRIES):
            last = attempt + 1 == _TRIES
            try:
                reply = self._once(method, path, query, body)
            except httpx.HTTPError as e:
                problem = self._problem(method, path, f"{type(e).__name__}: {e}")
                if method == "POST" and not isinstance(e, httpx.ConnectError):
                    raise UnsureError(problem) from e
                if last:
                    raise ForgeError(problem) from e
                time.sleep(2.0**attempt)
                continue
            if reply.status < 300 or (reply.status in allow and not _limited(reply)):
                return reply
            wait = _wait(reply, attempt)
            if reply.status >= 500 and method == "POST":
                raise UnsureError(self._refusal(method, path, reply))
            if wait is None or wait > _LONGEST_WAIT_S or last:
                raise ForgeError(self._refusal(method, path, reply))
            time.sleep(wait)
        raise AssertionError("the last try returns or raises")

    def _once(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Mapping[str, str] | None,
    ) -> _Reply:
        url = f"{self.url.rstrip('/')}{path}"
        with self._client.stream(method, url, params=query, json=body) as response:
            content = bytearray()
            for piece in response.iter_bytes():
                content += piece
                if len(content) > _MAX_BODY:
                    raise ForgeError(f"{self.forge} answered {path} with too many bytes")
        try:
            data = json.loads(content) if content else None
        except (ValueError, RecursionError):
            data = None
        headers = {k.lower(): v for k, v in response.headers.items()}
        return _Reply(response.status_code, headers, data)

    def _refusal(self, method: str, path: str, reply: _Reply) -> str:
        said = reply.data.get("message") if isinstance(reply.data, dict) else None
        words = f"{reply.status} {one_line(str(said), 200)}" if said else str(reply.status)
        if _limited(reply):
            hint = "its rate limit is spent"
        elif 300 <= reply.status < 400:
            hint = "it has moved, and redirects are not followed with a token"
        else:
            hint = self.hints.get(reply.status, "")
        return self._problem(method, path, words, hint)

    def _problem(self, method: str, path: str, what: str, hint: str = "") -> str:
        text = f"{self.forge} said to {method} {path}: {what}{f' ({hint})' if hint else ''}"
        return one_line(text.replace(self.secret, "***"), 500)


def _limited(reply: _Reply) -> bool:
    """Return whether a refusal is about too many requests."""
    if reply.status == 429:
        return True
    said = reply.data.get("message") if isinstance(reply.data, dict) else ""
    return reply.status == 403 and (
        "retry-after" in reply.headers
        or reply.headers.get("x-ratelimit-remaining") == "0"
        or "rate limit" in str(said).lower()
    )


def _wait(reply: _Reply, attempt: int) -> float | None:
    """Return the seconds to wait before another try, None: there is no use in one."""
    if _limited(reply):
        after = reply.headers.get("retry-after")
        if after is not None and after.strip().isdigit():
            return float(number(after.strip()))
        reset = number(reply.headers.get("x-ratelimit-reset"))
        if reply.headers.get("x-ratelimit-remaining") == "0" and reset:
            return max(1.0, reset - time.time())
        return min(_LONGEST_WAIT_S, 15.0 * float(2**attempt))
    return float(2**attempt) if reply.status >= 500 else None
