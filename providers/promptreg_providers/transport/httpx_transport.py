"""The other transport: httpx, for its `MockTransport` and for proxies that aiohttp cannot use.

This module is imported with the first caller, never at start-up.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx

from promptreg.errors import CallError
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

__all__ = ["HttpxTransport"]


class HttpxTransport:
    """A `Transport` on httpx.

    Args:
        inner: an httpx transport to use instead of the network, such as `httpx.MockTransport`.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport | None = None) -> None:
        self._inner = inner
        self._client: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def aclose(self) -> None:
        """Close all connections; a later request opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

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
        begun = time.perf_counter()
        timeout = httpx.Timeout(read_s, connect=connect_s, pool=connect_s)
        try:
            async with self._open(url).stream(
                method, url, content=body, headers=dict(headers), timeout=timeout
            ) as response:
                received = response.headers
                if response.is_stream_consumed:  # a mock's ready response, already unpacked
                    reader = BodyReader("", None, max_bytes)
                    reader.feed(await response.aread())
                else:
                    reader = BodyReader(
                        received.get("content-encoding", ""),
                        received.get("content-length"),
                        max_bytes,
                    )
                    async for chunk in response.aiter_raw():
                        reader.feed(chunk)
                return Reply(
                    response.status_code, received, reader.finish(), time.perf_counter() - begun
                )
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as e:
            raise _typed(e, url, connect_s, read_s) from e

    def _open(self, url: str) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            self._loop = loop
            secure = url.startswith("https:") and self._inner is None
            self._client = httpx.AsyncClient(
                transport=self._inner,
                proxy=None if self._inner is not None else proxy_for(url),
                verify=ssl.create_default_context() if secure else False,
                headers={"Accept-Encoding": ACCEPT_ENCODING},
                limits=httpx.Limits(max_connections=None, keepalive_expiry=4.0),
                follow_redirects=False,
                trust_env=False,
            )
        return self._client


def _typed(error: Exception, url: str, connect_s: float, read_s: float) -> CallError:
    """Return the typed form of what httpx raised."""
    host = urlsplit(url).netloc
    if isinstance(error, (httpx.ConnectTimeout, httpx.PoolTimeout)):
        return not_connected_within(host, connect_s)
    if isinstance(error, httpx.TimeoutException):
        return silent_for(host, read_s)
    if isinstance(error, (httpx.ConnectError, httpx.ProxyError)):
        cause = _root(error)
        if isinstance(cause, ssl.SSLCertVerificationError):
            return certificate_refused(host, cause.verify_message)
        return no_connection(host, getattr(cause, "errno", None), cause)
    if isinstance(error, httpx.RemoteProtocolError) and _speaks_nonsense(error):
        return no_http(host)
    if isinstance(error, (httpx.TransportError, OSError)):
        return connection_broke(host)
    return not_asked(host, error)


def _speaks_nonsense(error: httpx.RemoteProtocolError) -> bool:
    """Tell bytes that are no HTTP from a connection that ended early: httpx has one class."""
    text = str(error)
    return not ("disconnected" in text or "peer closed" in text)


def _root(error: BaseException) -> BaseException:
    """Return the first cause of an error."""
    for _ in range(10):
        inner = error.__cause__ or error.__context__
        if inner is None:
            break
        error = inner
    return error
