"""The call store: every completion by the key of its call, in one SQLite file.

What has been committed is never called again and never lost, even by `kill -9` or a power loss
(write-ahead log, `synchronous=FULL`). It is cache, journal and resume in one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from promptreg.errors import StoreError
from promptreg.records import Completion, Failure
from promptreg.store.claims import Claims
from promptreg.store.codec import body_checksum, pack, pack_body, pack_failure, text_of, unpack
from promptreg.store.folders import make_folder
from promptreg.store.problems import from_os, from_sqlite
from promptreg.store.schema import connect, create, migrate
from promptreg.store.statements import SELECT, insert, note_failure, nothing
from promptreg.store.writer import Job, Writer

if TYPE_CHECKING:
    from promptreg.store.housekeeping import Pruned, StoreStats

T = TypeVar("T")

__all__ = ["FILE_NAME", "LEASE_S", "CallStore"]

FILE_NAME = "calls.sqlite"
LEASE_S = 30.0
"""Seconds after which a process that gives no sign of life loses its claims."""
PENDING = 1_000
"""Puts that may wait for their commit before `room` makes the caller wait."""

_CHUNK = 256


class CallStore:
    """Completions by key, with failures and claims; opened by `CallStore.open`.

    Reads are quick and direct. Writes go through one thread that commits in groups; whoever
    awaits one goes on once it is durable. All methods raise `StoreError` when the file cannot be
    read or written.
    """

    def __init__(self, path: Path, lease_s: float) -> None:
        self.path = path
        self._lease_s = lease_s
        # One lock for reads, one for transactions: a read never waits for a disk flush.
        self._reading = threading.Lock()
        self._writing = threading.Lock()
        with contextlib.ExitStack() as stack, self._errors():
            written = stack.enter_context(contextlib.closing(connect(path)))
            migrate(written, path)
            self._reader = stack.enter_context(contextlib.closing(connect(path)))
            self._reader.execute("PRAGMA query_only = ON")
            self._side = stack.enter_context(contextlib.closing(connect(path, durable=False)))
            self._claims = Claims(self._side, lease_s)
            self._writer: Writer | None = Writer(
                written, path, self._claims.beat, lease_s / 6, self._writing
            )
            self._stack = stack.pop_all()

    @classmethod
    def open(cls, root: Path, *, lease_s: float = LEASE_S) -> CallStore:
        """Return the call store in a folder, made where there is none.

        Args:
            root: the store's folder.
            lease_s: seconds after which a process that gives no sign of life loses its claims.

        Raises:
            StoreError: the folder cannot be written, or the file is damaged, empty, of another
                program or of a newer promptreg.
        """
        path = root / FILE_NAME
        try:
            make_folder(root)
            ignore = root / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n", encoding="ascii")
            create(path)
        except sqlite3.Error as error:
            raise from_sqlite(path, error) from error
        except OSError as error:
            raise from_os(root, error) from error
        return cls(path, lease_s)

    @staticmethod
    def exists(root: Path) -> bool:
        """Return whether there is a call store in a folder; opens nothing."""
        return (root / FILE_NAME).exists()

    def __enter__(self) -> CallStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Commit what waits, give all claims back and close the file; again does nothing."""
        writer, self._writer = self._writer, None
        if writer is None:
            return
        writer.close()
        try:
            with self._errors(), self._writing:
                self._claims.leave()
        finally:
            self._stack.close()

    # Reading

    def get_many(self, keys: Sequence[str]) -> dict[str, Completion]:
        """Return the stored completions among `keys`, with `cached=True` and `raw=""`.

        Raises:
            StoreError: a row fails its checksum (the message names its key), or the file cannot
                be read.
        """
        found: dict[str, Completion] = {}
        for start in range(0, len(keys), _CHUNK):
            wanted = json.dumps(keys[start : start + _CHUNK])
            with self._errors(), self._reading:
                rows = self._reader.execute(SELECT, (wanted,)).fetchall()
            for row in rows:
                found[row[0]] = unpack(row)
        return found

    def raw(self, key: str) -> str:
        """Return the body as received; empty where there is none.

        Raises:
            StoreError: there is no such completion, or its body fails its checksum.
        """
        return self._body(key)[1]

    def request(self, key: str) -> str:
        """Return the request as sent.

        Raises:
            StoreError: there is no such completion, or its body fails its checksum.
        """
        return self._body(key)[0]

    def _body(self, key: str) -> tuple[str, str]:
        with self._errors(), self._reading:
            row = self._reader.execute(
                "SELECT request, raw, bodies.checksum FROM bodies JOIN completions USING (id) "
                "WHERE key = ?",
                (key,),
            ).fetchone()
        if row is None:
            raise StoreError(f"{self.path}: no body is stored for the call {key}")
        if body_checksum(key, row[0], row[1]) != row[2]:
            raise StoreError(f"{self.path}: the body of the call {key} fails its checksum")
        return text_of(row[0]), text_of(row[1])

    # Writing

    def put_nowait(
        self, key: str, request: str, completion: Completion
    ) -> asyncio.Future[Completion]:
        """Queue a completion and return the future of what `put` returns.

        Must be called in an event loop. Callers that do not await each future call `room` between.

        Raises:
            StoreError: the completion holds something that cannot be stored.
        """
        row = pack(key, completion)
        body = pack_body(key, request, completion.raw)
        return self._submit(partial(insert, row, body, completion))

    async def put(self, key: str, request: str, completion: Completion) -> Completion:
        """Store a completion; return, once it is durable, the one that counts for `key`.

        That is the first one stored. Another process may have been quicker, and all must agree.

        Args:
            key: hex hash of everything that shapes the completion.
            request: exactly what was sent, without secrets.
            completion: what came back, with its raw body.

        Raises:
            StoreError: it could not be stored, such as for lack of space; what was committed
                before is kept.
        """
        return await self.put_nowait(key, request, completion)

    async def fail(self, key: str, failure: Failure) -> None:
        """Note that a call failed; return once that is durable.

        A failure is never served in place of a completion: the next run makes the call again.
        """
        row = pack_failure(key, failure)
        await self._submit(partial(note_failure, row, self._claims.owner))

    async def room(self) -> None:
        """Return once fewer than 1,000 puts wait for their commit."""
        while (writer := self._writer) is not None and writer.waiting >= PENDING:
            await self.flush()

    async def flush(self) -> None:
        """Return once everything put before is durable."""
        await self._submit(nothing)

    def _submit(self, work: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        if self._writer is None:
            raise StoreError(f"{self.path}: the store is closed")
        self._writer.submit(Job(work, future))
        return future

    # Several processes

    def claim(self, keys: Sequence[str]) -> set[str]:
        """Return the keys whose calls the caller shall make now.

        Left out are keys that are completed, and keys that are claimed by a living process, this
        one included: `wait` for those. A claim ends with `put`, `fail`, `release`, `close`, the
        process, or `lease_s` seconds without a sign of life. A process that was stopped so long
        may finish its calls all the same: the first completion counts.
        """
        with self._errors(), self._writing:
            return self._claims.take(keys)

    def release(self, keys: Iterable[str]) -> None:
        """Give back claims whose calls will not be made."""
        with self._errors(), self._writing:
            self._claims.release(keys)

    async def wait(self, keys: Sequence[str], poll_s: float = 0.2) -> dict[str, Completion]:
        """Return completions of `keys` once one of those left out is free to be claimed, or none.

        So the way to have all of them is: claim, call, wait for the rest, and again while some are
        left out.
        """
        found: dict[str, Completion] = {}
        pending = list(dict.fromkeys(keys))
        while pending:
            with self._errors(), self._reading:
                held = self._claims.held(self._reader, pending)
            # Held first, completions second: what was completed in between is then found.
            found.update(self.get_many(pending))
            pending = [key for key in pending if key not in found]
            if held < len(pending):
                break
            if pending:
                await asyncio.sleep(poll_s)
        return found

    # Housekeeping

    def stats(self) -> StoreStats:
        """Return counts, sizes and ages."""
        from promptreg.store.housekeeping import read_stats

        with self._errors(), self._reading:
            return read_stats(self._reader, self.path)

    def prune(self, older_than_s: float) -> Pruned:
        """Remove what was stored more than `older_than_s` seconds ago; return what went."""
        from promptreg.store.housekeeping import remove

        with self._errors(), self._writing:
            return remove(self._side, self.path, time.time() - older_than_s)

    def clear(self) -> Pruned:
        """Remove all completions and failures; return what went."""
        from promptreg.store.housekeeping import remove

        with self._errors(), self._writing:
            return remove(self._side, self.path, None)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise from_sqlite(self.path, error) from error
