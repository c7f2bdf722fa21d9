"""What providers that speak JSON over HTTP share: address, key, timeouts, errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

from promptreg.errors import CallError
from promptreg_providers.transport.base import MAX_BYTES, Reply, Transport
from promptreg_providers.transport.json_body import decode, encode, read_object
from promptreg_providers.transport.secret import Secret
from promptreg_providers.transport.status import error_of

__all__ = ["JsonClient", "TransportChoice", "address", "server_name"]

TransportChoice: TypeAlias = Literal["aiohttp", "httpx"] | Transport
"""`aiohttp` (fast), `httpx`, or an object that keeps the `Transport` protocol."""
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


def address(url: str) -> str:
    """Return a URL in one spelling: lower-case scheme and host, port, path without a last slash.

    Raises:
        ValueError: it is no http(s) URL, or holds a user, password, query or fragment.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise ValueError("url: it cannot be read; allowed: http://host:port/path") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"url: found {_shown(url)!r}; allowed: http://host:port/path or https")
    if "@" in parts.netloc:
        raise ValueError(
            "url: it holds a user or password; secrets belong in the environment "
            "(name the variable by 'api_key_env')"
        )
    if parts.query or parts.fragment:
        raise ValueError(
            "url: it holds a query or fragment; a key belongs in the environment "
            "(name the variable by 'api_key_env')"
        )
    if not url.isascii() or any(c.isspace() or not c.isprintable() for c in url.strip()):
        raise ValueError("url: it holds blanks or signs that no URL can have")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = port if port is not None else (443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{host}:{port}{parts.path.rstrip('/')}"


def server_name(given: str | None) -> str:
    """Return the name given to a server in place of its address; empty when none is given.

    Raises:
        ValueError: it is no name.
    """
    if given is None:
        return ""
    if not _NAME.fullmatch(given):
        raise ValueError(
            f"endpoint_id: found {given[:60]!r}; allowed: 1 to 64 letters, digits, '.', '_', '-'"
        )
    return given


def _shown(url: str) -> str:
    """Return the start of a URL, never what stands before an `@` or after a `?`."""
    return url.rsplit("@", 1)[-1].split("?", 1)[0][:60]


class JsonClient:
    """Sends JSON to one server and returns JSON, or a typed error.

    Args:
        base: the server's address as returned by `address`.
        secret: the API key.
        transport: how bytes travel.
        max_bytes: the largest body to read.

    Raises:
        ValueError: the address holds the key.
    """

    def __init__(
        self,
        base: str,
        secret: Secret,
        transport: TransportChoice = "aiohttp",
        max_bytes: int = MAX_BYTES,
    ) -> None:
        if secret.redact(base) != base:
            raise ValueError(
                f"url: it holds what the environment variable {secret.variable} holds; reports "
                "show addresses, and a key belongs into no report"
            )
        self.base = base
        self.secret = secret
        self.connect_s = 10.0
        self.read_s = 120.0
        self._max_bytes = max_bytes
        self._choice = transport
        self._transport: Transport | None = None
        self._headers: dict[str, str] | None = None

    async def post(self, path: str, body: Mapping[str, Any], key: str = "") -> tuple[str, Reply]:
        """Return the text of a successful response, and the response.

        Args:
            path: below the base address.
            body: JSON values.
            key: sent as `Idempotency-Key`; none when empty.

        Raises:
            CallError: any failure, typed.
            ProviderError: the API key is needed and missing.
        """
        headers = self._standing()
        if key:
            headers = {**headers, "Idempotency-Key": key}
        reply = await self._open().request(
            "POST",
            self.base + path,
            encode(body).encode("ascii"),
            headers,
            connect_s=self.connect_s,
            read_s=self.read_s,
            max_bytes=self._max_bytes,
        )
        if not 200 <= reply.status < 300:
            raise self.error(reply)
        return self.secret.redact_answer(decode(reply, self.secret.redact)), reply

    async def get(self, base: str, path: str, *, read_s: float = 5.0) -> dict[str, Any]:
        """Return the JSON object at `path` below `base`.

        Raises:
            CallError: any failure, typed.
            ProviderError: the API key is needed and missing.
        """
        reply = await self._open().request(
            "GET",
            base + path,
            None,
            self._standing(),
            connect_s=min(self.connect_s, 5.0),
            read_s=min(self.read_s, read_s),
            max_bytes=self._max_bytes,
        )
        if not 200 <= reply.status < 300:
            raise self.error(reply)
        return read_object(self.secret.redact_answer(decode(reply, self.secret.redact)))

    def limits(self, *, connect_s: float, read_s: float) -> None:
        """Take the run's timeouts, and import the HTTP library before any call is timed."""
        self.connect_s, self.read_s = connect_s, read_s
        self._open()

    async def aclose(self) -> None:
        """Close connections."""
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.aclose()

    def error(self, reply: Reply) -> CallError:
        """Return the typed error of a response that is no success."""
        return error_of(reply, self.secret.redact, self.secret.variable)

    def _standing(self) -> dict[str, str]:
        if self._headers is None:
            self._headers = {
                "Content-Type": "application/json",
                "Accept": "application/json",
                "User-Agent": "promptreg",
                **self.secret.headers(),
            }
        return self._headers

    def _open(self) -> Transport:
        if self._transport is None:
            self._transport = _make(self._choice)
        return self._transport


def _make(choice: TransportChoice) -> Transport:
    """Return the chosen transport, importing its library only now."""
    if choice == "aiohttp":
        from promptreg_providers.transport.aiohttp_transport import AiohttpTransport

        return AiohttpTransport()
    if choice == "httpx":
        from promptreg_providers.transport.httpx_transport import HttpxTransport

        return HttpxTransport()
    return choice
