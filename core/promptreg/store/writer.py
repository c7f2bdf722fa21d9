"""The one thread that writes the call store, in groups.

A durable commit costs one flush of the disk, whatever it holds. Rows that come while one is under
way are the next group, so groups grow with the load and no row waits for company.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from promptreg.errors import StoreError
from promptreg.store.problems import from_sqlite
from promptreg.store.schema import transaction

__all__ = ["GROUP_ROWS", "Job", "Writer"]

T = TypeVar("T")

GROUP_ROWS = 256
_WHOLE_GROUP = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_BUSY}
)


class Job(Generic[T]):
    """One thing to write, and the future that learns what came of it."""

    __slots__ = ("error", "future", "result", "work")

    def __init__(self, work: Callable[[sqlite3.Connection], T], future: asyncio.Future[T]) -> None:
        self.work = work
        self.future = future
        self.result: T | None = None
        self.error: StoreError | None = None

    def settle(self) -> None:
        """Tell the future; runs in the thread of its event loop."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)  # type: ignore[arg-type] # set when no error is


class Writer:
    """Writes jobs to the store from a thread of its own.

    Args:
        connection: used by the thread alone until `close` returns.
        path: the database file, for messages.
        beat: renews the sign of life of this process, inside a transaction.
        beat_s: seconds between two signs of life.
        lock: held during every transaction of this process, so that its own connections queue up
            rather than poll for SQLite's lock.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        beat: Callable[[sqlite3.Connection], None],
        beat_s: float,
        lock: threading.Lock,
    ) -> None:
        self._connection = connection
        self._path = path
        self._beat = beat
        self._beat_s = beat_s
        self._next_beat = time.monotonic() + beat_s
        self._lock = lock
        self._jobs: deque[Job[object]] = deque()
        self._some = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="promptreg-store", daemon=True)
        self._thread.start()

    def submit(self, job: Job[T]) -> None:
        """Queue a job.

        Raises:
            StoreError: the store is closed.
        """
        if self._closing:
            raise StoreError(f"{self._path}: the store is closed")
        self._jobs.append(job)  # type: ignore[arg-type] # the queue does not look at results
        # The thread clears the event before it looks at the queue, so a set one means: it will.
        if not self._some.is_set():
            self._some.set()

    @property
    def waiting(self) -> int:
        """How many jobs are queued and not yet being written."""
        return len(self._jobs)

    def close(self) -> None:
        """Write what is queued and end the thread."""
        self._closing = True
        self._some.set()
        self._thread.join()
        late = list(self._jobs)
        _refuse(late, StoreError(f"{self._path}: the store is closed"))
        _tell(late)

    def _run(self) -> None:
        while True:
            self._some.wait(max(0.0, self._next_beat - time.monotonic()))
            self._some.clear()
            group = [self._jobs.popleft() for _ in range(min(len(self._jobs), GROUP_ROWS))]
            if self._jobs or self._closing:
                self._some.set()
            try:
                self._write(group)
            except Exception as error:  # noqa: BLE001 - a dead thread would hang every caller
                _refuse(group, StoreError(f"{self._path}: {error!r}"))
            _tell(group)
            if self._closing and not self._jobs:
                return

    def _write(self, group: list[Job[object]]) -> None:
        due = time.monotonic() >= self._next_beat
        if due:
            self._next_beat = time.monotonic() + self._beat_s
        elif not group:
            return
        try:
            with self._lock, transaction(self._connection):
                for job in group:
                    job.result = job.work(self._connection)
                if due:
                    self._beat(self._connection)
        except (sqlite3.Error, OverflowError, UnicodeError) as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if len(group) > 1 and code not in _WHOLE_GROUP:
                # One bad row must not take the others along.
                for job in group:
                    self._write([job])
            elif isinstance(error, sqlite3.Error):
                _refuse(group, from_sqlite(self._path, error))
            else:
                _refuse(group, StoreError(f"{self._path}: {error}"))


def _refuse(group: list[Job[object]], error: StoreError) -> None:
    for job in group:
        job.error = StoreError(*error.args)


def _tell(group: list[Job[object]]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[Job[object]]] = {}
    for job in group:
        by_loop.setdefault(job.future.get_loop(), []).append(job)
    for loop, jobs in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, jobs)
        except RuntimeError:
            continue  # the loop is closed: nobody is left to be told


def _settle(jobs: list[Job[object]]) -> None:
    for job in jobs:
        job.settle()
