"""A job runs once at a time on a machine, whoever started it: a lock that its process holds."""

from __future__ import annotations

import fcntl
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import IO

__all__ = ["JobLock"]


class JobLock:
    """The lock of a job.

    The service takes it and hands it to the process that it starts; a lock of `flock` belongs to
    all who hold the open file, so it is free when the last of them is gone.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    @property
    def descriptor(self) -> int:
        """The open file, to be handed on."""
        assert self._file is not None  # noqa: S101 - only asked for when taken
        return self._file.fileno()

    def take(self) -> bool:
        """Take the lock; False: somebody has it."""
        file = self._path.open("a+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        self._file = file
        return True

    def held_by(self, pid: int) -> None:
        """Note whose process has it, for whoever may have to end it."""
        assert self._file is not None  # noqa: S101 - only asked for when taken
        self._file.truncate(0)
        self._file.write(f"{pid} {_started(pid)}".encode())
        self._file.flush()

    def end_holder(self) -> None:
        """Kill the process that has it: its service is gone, and it did not stop by itself."""
        try:
            pid, started = self._path.read_text("ascii").split()
        except (OSError, ValueError):
            return
        if started and _started(int(pid)) == started:  # not another process of the same number
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(int(pid), signal.SIGKILL)

    def release(self) -> None:
        """Let go; the process that it was handed to still has it, if it lives."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _started(pid: int) -> str:
    """Return when a process started, in ticks; empty where the system does not tell."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]
