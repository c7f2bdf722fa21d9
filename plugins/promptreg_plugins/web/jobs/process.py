"""A job's child process, and what it says: lines for people, and events."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

from promptreg_plugins.web.jobs.child import ALIVE_VARIABLE, LOCK_VARIABLE
from promptreg_plugins.web.jobs.redact import child_environment
from promptreg_plugins.web.jobs.telling import EVENTS_VARIABLE

__all__ = ["ChildProcess", "Said"]

_LINE = 4_000
_CHUNK = 65_536


class Said(NamedTuple):
    """One line of a child: from `out`, `err` or `events`."""

    stream: str
    line: str

    @property
    def facts(self) -> dict[str, Any]:
        """The event that the line tells; nothing if it is torn."""
        with suppress(ValueError):
            found = json.loads(self.line)
            if isinstance(found, dict):
                return found
        return {}


class ChildProcess:
    """A command, started in a session of its own.

    Args:
        command: program and arguments; no shell reads them.
        folder: where it starts.
        lock: open file that it keeps as long as it lives.
        grace_s: seconds it has to stop when the service is gone.
        out: where its standard output goes besides; None: lines of it are said.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        *,
        lock: int,
        grace_s: float,
        out: IO[bytes] | None = None,
    ) -> None:
        events, told = os.pipe()
        try:
            watched, self._alive = os.pipe()
        except OSError:
            os.close(events)
            os.close(told)
            raise
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own command, checked arguments
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=out if out is not None else subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=child_environment(
                    {
                        EVENTS_VARIABLE: str(told),
                        ALIVE_VARIABLE: f"{watched},{grace_s}",
                        LOCK_VARIABLE: str(lock),
                    }
                ),
                pass_fds=(told, watched, lock),
                start_new_session=True,
            )
        except BaseException:
            os.close(events)
            os.close(self._alive)
            raise
        finally:
            os.close(told)
            os.close(watched)
        self._events = os.fdopen(events, "rb", buffering=0)
        self._selector = selectors.DefaultSelector()
        self._rest: dict[str, bytes] = {}
        pipes = {"events": self._events, "err": self._process.stderr, "out": self._process.stdout}
        for name, pipe in pipes.items():
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                self._selector.register(pipe, selectors.EVENT_READ, name)
                self._rest[name] = b""

    @property
    def pid(self) -> int:
        """The process, which leads its session."""
        return self._process.pid

    def said(self, wait_s: float) -> Iterator[Said]:
        """Yield the lines that came, after waiting for some; none when time is up."""
        for key, _ in self._selector.select(wait_s):
            pipe: Any = key.fileobj
            name: str = key.data
            try:
                chunk = os.read(pipe.fileno(), _CHUNK)
            except BlockingIOError:
                continue
            if not chunk:
                self._selector.unregister(pipe)
                if self._rest[name]:
                    yield _said(name, self._rest.pop(name))
                continue
            *lines, rest = (self._rest[name] + chunk).split(b"\n")
            for line in lines:
                yield _said(name, line)
            # A line without end shall not fill the memory: its beginning is enough.
            self._rest[name] = rest[:_LINE]

    def ended(self) -> int | None:
        """Return the exit code; None while it works. Negative: the signal that killed it.

        Whoever inherited its pipes does not keep it from having ended.
        """
        return self._process.poll()

    def stop(self) -> None:
        """Ask it to stop; what was paid for is kept."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it and all that it started, at once."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Let go of the pipes; a process that still lives is killed."""
        if self._process.poll() is None:
            self.kill()
            self._process.wait()
        self._selector.close()
        for pipe in (self._events, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        os.close(self._alive)


def _said(name: str, line: bytes) -> Said:
    text = line[:_LINE].decode("utf-8", "backslashreplace").rstrip("\r")
    return Said(name, "".join(c if c.isprintable() or c == "\t" else "\ufffd" for c in text))
