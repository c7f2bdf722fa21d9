"""A server in a thread of its own, for tests whose own thread runs commands."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from fault_server import Connection, Fault, FaultServer, Request

__all__ = ["later", "running"]

Server = TypeVar("Server", bound=FaultServer)


def later(fault: Fault, seconds: float) -> Fault:
    """Return a fault that waits before it is played."""

    async def play(request: Request, connection: Connection) -> None:
        await asyncio.sleep(seconds)
        await fault(request, connection)

    return play


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """Serve from a thread of its own while the block runs."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    over = asyncio.Event()

    async def serve() -> None:
        async with server:
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(60)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(60)
        loop.close()
