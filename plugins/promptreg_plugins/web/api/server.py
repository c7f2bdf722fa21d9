"""How uvicorn is to run the application: its limits, and nothing that says what runs here."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from promptreg_plugins.web.api.needs import HttpSettings

__all__ = ["Guarded", "uvicorn_options"]

_HEADERS_WITHIN_S = 10.0
_HEADER_BYTES = 32 * 1024
_CONNECTIONS = 1_000


class Guarded(H11Protocol):
    """HTTP of uvicorn that gives a client 10 s to say what it wants.

    uvicorn itself waits without end for the first request of a connection; clients that send a
    byte now and then could hold all connections.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait."""
        super().connection_made(transport)
        self._waiting = self.loop.call_later(_HEADERS_WITHIN_S, self._give_up)

    def _give_up(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._waiting.cancel()
        super().connection_lost(exc)


def uvicorn_options(settings: HttpSettings) -> dict[str, Any]:
    """Return the keywords of `uvicorn.run` and `uvicorn.Config`."""
    return {
        "host": settings.host,
        "port": settings.port,
        "http": Guarded,
        "h11_max_incomplete_event_size": _HEADER_BYTES,
        "limit_concurrency": _CONNECTIONS,
        "backlog": 256,
        "timeout_keep_alive": 15,
        "timeout_graceful_shutdown": 5,
        "ws": "websockets-sansio",
        "ws_max_size": 4_096,
        "ws_ping_interval": 20.0,
        "ws_ping_timeout": 20.0,
        "server_header": False,
        "date_header": True,
        "proxy_headers": False,
        "access_log": False,
        "log_config": None,
        "workers": 1,
    }
