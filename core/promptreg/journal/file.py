"""The journal's file: read strictly, appended to whole, by one process at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from promptreg.errors import DataError, StoreError
from promptreg.journal.events import Event
from promptreg.journal.lines import line_of, parse_line
from promptreg.journal.state import State, fold

__all__ = ["Journal"]

MAX_BYTES = 64 * 2**20
MAX_LINE = 2 * 2**20
_PATIENCE_S = 30.0


class Journal:
    """The file of one suite.

    Args:
        path: where it is, or will be.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> State:
        """Return what is true now; of no file, that nothing is.

        Raises:
            DataError: a line is damaged; names it.
            StoreError: the file cannot be read.
        """
        try:
            if not self.path.exists() and not self.path.is_symlink():
                return fold((), str(self.path))
            if not self.path.is_file():
                raise DataError(f"{self.path}: is no regular file")
            data = self._limited(self.path.read_bytes() if self._size() <= MAX_BYTES else None)
        except OSError as e:
            raise StoreError(f"{self.path}: cannot be read: {e.strerror or e}") from e
        return self._fold(data)

    def append(self, make: Callable[[State], Sequence[Event]]) -> State:
        """Write events, all or none, and return the state with them.

        Args:
            make: is given the state under the lock and returns what to write; may raise to write
                nothing.

        Raises:
            DataError: the file is damaged; nothing is written.
            StoreError: the file cannot be written, or another process does not let go of it.
        """
        try:
            with self._locked() as handle:
                size = os.fstat(handle).st_size
                data = self._limited(os.pread(handle, size, 0) if size <= MAX_BYTES else None)
                state = self._fold(data)
                events = make(state)
                if not events:
                    return state
                added = "".join(line_of(event) + "\n" for event in events).encode("ascii")
                if data and not data.endswith(b"\n"):
                    added = b"\n" + added  # an editor took the last line's end away
                after = self._fold(data + added)  # nothing is written that could not be read
                if size + len(added) > MAX_BYTES:
                    raise StoreError(f"{self.path}: would grow beyond {MAX_BYTES:,} bytes")
                self._write(handle, added, size)
                return after
        except OSError as e:
            raise StoreError(
                f"{self.path}: cannot be written: {e.strerror or e}; nothing was recorded"
            ) from e

    def _size(self) -> int:
        return self.path.stat().st_size

    def _limited(self, data: bytes | None) -> bytes:
        if data is None:
            raise DataError(f"{self.path}: larger than {MAX_BYTES:,} bytes; this is no journal")
        return data

    def _fold(self, data: bytes) -> State:
        return fold(self._events(data), str(self.path))

    def _events(self, data: bytes) -> Iterator[tuple[int, Event]]:
        lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        if not lines[-1]:
            lines.pop()
        for number, raw in enumerate(lines, 1):
            where = f"{self.path}: line {number}"
            if len(raw) > MAX_LINE:
                raise DataError(f"{where}: longer than {MAX_LINE:,} bytes")
            try:
                text = raw.decode().removesuffix("\r")
            except UnicodeDecodeError as e:
                raise DataError(
                    f"{where}: is damaged, no UTF-8 ({e.reason} at byte {e.start}); restore the "
                    "line from git"
                ) from e
            try:
                yield number, parse_line(text, where)
            except DataError as e:
                if number == len(lines) and not data.endswith(b"\n"):
                    raise DataError(
                        f"{e} (the last line was cut off in the middle; remove it to go on)"
                    ) from e
                raise

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """Hold the file open for reading and appending, and nobody else for appending."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        until = time.monotonic() + _PATIENCE_S
        while True:
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK
            handle = os.open(self.path, flags, 0o644)
            try:
                self._wait(handle, until)
                # git puts a new file in the old one's place: then the lock is of a dead file.
                if self._same(handle):
                    yield handle
                    return
            finally:
                os.close(handle)  # lets go of the lock, too

    def _wait(self, handle: int, until: float) -> None:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as e:
                if e.errno not in (errno.EAGAIN, errno.EACCES):
                    raise
                if time.monotonic() > until:
                    raise StoreError(
                        f"{self.path}: another process has held it for {_PATIENCE_S:.0f} s; "
                        "nothing was recorded"
                    ) from e
                time.sleep(0.02)
            else:
                return

    def _same(self, handle: int) -> bool:
        try:
            return os.path.samestat(os.fstat(handle), self.path.stat())
        except FileNotFoundError:
            return False

    @staticmethod
    def _write(handle: int, added: bytes, size: int) -> None:
        """Append whole or not at all, durably."""
        try:
            done = 0
            while done < len(added):
                done += os.write(handle, added[done:])
            os.fsync(handle)
        except BaseException:
            os.ftruncate(handle, size)
            raise
