"""The default transport: aiohttp, many times lighter per request than httpx.

This module is imported with the first caller, never at start-up.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from promptreg.errors import CallError
from promptreg.records import Cause
from promptreg_providers.transport.base import Reply, proxy_for
from promptreg_providers.transport.body import ACCEPT_ENCODING, BodyReader
from promptreg_providers.transport.broken import (
    certificate_refused,
    connection_broke,
    no_connection,
    no_http,
    not_asked,
    not_connected_within,
    silent_for,
)

__all__ = ["AiohttpTransport"]

_IDLE_S = 4.0
"""Servers close idle connections after 5 s or more; being first avoids most lost races."""


class AiohttpTransport:
    """A `Transport` on aiohttp; the session is opened with the first request of an event loop."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timeouts: dict[tuple[float, float], aiohttp.ClientTimeout] = {}
        self._urls: dict[str, tuple[URL, str | None]] = {}

    async def aclose(self) -> None:
        """Close all connections; a later request opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def request(
        self,
        method: str,
        url: str,
        body: bytes | None,
        headers: Mapping[str, str],
        *,
        connect_s: float,
        read_s: float,
        max_bytes: int,
    ) -> Reply:
        """Return the response to a request."""
        target, proxy = self._target(url)
        begun = time.perf_counter()
        try:
            async with self._open().request(
                method,
                target,
                data=body,
                headers=headers,
                timeout=self._timeout(connect_s, read_s),
                allow_redirects=False,
                proxy=proxy,
            ) as response:
                received = response.headers
                reader = BodyReader(
                    received.get("Content-Encoding", ""),
                    received.get("Content-Length"),
                    max_bytes,
                )
                async for chunk in response.content.iter_any():
                    reader.feed(chunk)
                return Reply(
                    response.status, received, reader.finish(), time.perf_counter() - begun
                )
        except (aiohttp.ClientError, OSError, ValueError) as e:
            raise _typed(e, url, connect_s, read_s) from e

    def _open(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._session is None or self._session.closed or self._loop is not loop:
            self._loop = loop
            self._session = aiohttp.ClientSession(
                # The caller bounds the calls in flight; a second bound here would only hide waits.
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                headers={"Accept-Encoding": ACCEPT_ENCODING},
                trust_env=False,
            )
        return self._session

    def _timeout(self, connect_s: float, read_s: float) -> aiohttp.ClientTimeout:
        key = (connect_s, read_s)
        found = self._timeouts.get(key)
        if found is None:
            found = aiohttp.ClientTimeout(total=None, connect=connect_s, sock_read=read_s)
            self._timeouts[key] = found
        return found

    def _target(self, url: str) -> tuple[URL, str | None]:
        found = self._urls.get(url)
        if found is None:
            found = self._urls[url] = (URL(url, encoded=True), proxy_for(url))
        return found


def _typed(error: Exception, url: str, connect_s: float, read_s: float) -> CallError:
    """Return the typed form of what aiohttp raised, the most specific class first."""
    host = urlsplit(url).netloc
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return not_connected_within(host, connect_s)
    if isinstance(error, TimeoutError):
        return silent_for(host, read_s)
    if isinstance(error, (aiohttp.ClientConnectorCertificateError, ssl.SSLCertVerificationError)):
        inner = getattr(error, "certificate_error", error)
        return certificate_refused(host, getattr(inner, "verify_message", "") or str(inner))
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return CallError(Cause.CONNECT, f"the host name of {host} is not known", retryable=True)
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return CallError(
            Cause.CONNECT, f"no TLS connection to {host}: {error.os_error}", retryable=True
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        return no_connection(host, error.os_error.errno, error.os_error)
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return CallError(
            Cause.CONNECT, f"the proxy refuses the way to {host} ({error.status})", retryable=True
        )
    if isinstance(error, aiohttp.ClientResponseError):
        return no_http(host)
    if isinstance(error, (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError)):
        return connection_broke(host)
    return not_asked(host, error)
