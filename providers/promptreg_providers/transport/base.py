"""What a transport promises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

__all__ = ["MAX_BYTES", "Reply", "Transport", "proxy_for"]

MAX_BYTES = 10_000_000
"""The largest body read unless a provider is set otherwise; counted after decompression."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole HTTP response, whatever its status.

    Attributes:
        status: 200 to 599; redirects are not followed.
        headers: names are looked up without regard to case.
        body: decompressed, of bounded size.
        elapsed_s: seconds from sending to the last byte.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    elapsed_s: float


@runtime_checkable
class Transport(Protocol):
    """Sends one request and returns the whole response.

    Every method raises `CallError` with the causes `connect`, `network`, `timeout`, `too_large` or
    `protocol`; an error status is no error here. Messages name the host, never a header.
    """

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
        """Return the response; `body` is None where there is none to send."""
        ...

    async def aclose(self) -> None:
        """Close all connections; a later request opens new ones."""
        ...


def proxy_for(url: str) -> str | None:
    """Return the proxy that the environment names for `url`; never one for this machine itself.

    Reads `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`. The libraries' own reading of
    the environment stays off: it would also send passwords found in `~/.netrc`.
    """
    from urllib.request import getproxies, proxy_bypass  # pulls in http.client

    parts = urlsplit(url)
    host = parts.hostname or ""
    if _loopback(host) or proxy_bypass(host):
        return None
    proxies = getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")


def _loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    import ipaddress

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
