"""Wakes those who follow a job when there is news of it in this process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

__all__ = ["Bell"]

_LOOK_S = 1.0
"""Other processes ring no bell here: whoever follows looks so often by itself."""


class Bell:
    """News of jobs, rung in any thread and heard in event loops."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._ears: dict[str, set[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = {}

    def ring(self, job_id: str) -> None:
        """Tell those who follow a job."""
        with self._guard:
            ears = list(self._ears.get(job_id, ()))
        for loop, news in ears:
            with suppress(RuntimeError):  # its loop has ended
                loop.call_soon_threadsafe(news.set)

    def ring_all(self) -> None:
        """Tell everybody."""
        with self._guard:
            followed = list(self._ears)
        for job_id in followed:
            self.ring(job_id)

    @contextmanager
    def heard(self, job_id: str) -> Iterator[asyncio.Event]:
        """Give an event that is set when there is news."""
        ear = (asyncio.get_running_loop(), asyncio.Event())
        with self._guard:
            self._ears.setdefault(job_id, set()).add(ear)
        try:
            yield ear[1]
        finally:
            with self._guard:
                self._ears[job_id].discard(ear)
                if not self._ears[job_id]:
                    del self._ears[job_id]

    async def wait(self, news: asyncio.Event) -> None:
        """Wait for news, or until it is time to look."""
        with suppress(TimeoutError):
            await asyncio.wait_for(news.wait(), _LOOK_S)
