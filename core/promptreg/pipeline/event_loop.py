"""Asynchronous work from synchronous code, also where an event loop runs already (a notebook)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Generic, TypeVar

__all__ = ["run_loop"]

T = TypeVar("T")


def run_loop(work: Coroutine[Any, Any, T]) -> T:
    """Return the result of a coroutine, or raise what it raises.

    A thread with an event loop, such as a notebook's, cannot run another one: then the work gets a
    thread of its own. Ctrl-C ends it cleanly before it is raised here.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    apart = _Apart(work)
    apart.start()
    try:
        # Not `join`: interrupted, it takes the thread for ended (Python 3.11).
        apart.done.wait()
    except BaseException:  # nothing may go on asking behind the user's back
        apart.cancel()
        apart.done.wait()
        raise
    apart.join()
    return apart.outcome()


class _Apart(threading.Thread, Generic[T]):
    """A thread that runs one coroutine in an event loop of its own."""

    def __init__(self, work: Coroutine[Any, Any, T]) -> None:
        super().__init__(name="promptreg", daemon=True)
        self._work = work
        self.done = threading.Event()
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._result: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._result.append(asyncio.run(self._told()))
        except BaseException as e:  # noqa: BLE001 - it is raised in the thread that waits
            self._error = e
        finally:
            self._ready.set()
            self.done.set()

    async def _told(self) -> T:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        self._ready.set()
        return await self._work

    def cancel(self) -> None:
        """Cancel the work, if it is not done."""
        self._ready.wait()
        if self._loop is not None and self._task is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._task.cancel)

    def outcome(self) -> T:
        """Return the result, or raise the error."""
        if self._error is not None:
            raise self._error
        return self._result[0]
