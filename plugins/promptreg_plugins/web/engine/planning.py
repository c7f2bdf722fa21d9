"""What a comparison would cost: `promptreg plan`, in a process of its own as all work is."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from promptreg.errors import ExitCode
from promptreg_plugins.web.jobs.options import arguments
from promptreg_plugins.web.jobs.redact import child_environment, redactor
from promptreg_plugins.web.model import JobRequest
from promptreg_plugins.web.problems import (
    ConflictError,
    InvalidError,
    TooManyError,
    UnavailableError,
)

__all__ = ["Planner"]

_TAKEN = frozenset(
    {
        "alpha",
        "anytime",
        "limit",
        "looks",
        "margin",
        "no_cache",
        "repeats",
        "seed",
        "sequential",
        "strict",
    }
    | {"template", "where"}
)
"""Options of a comparison that change its plan; the others are the run's business."""
_AT_ONCE, _WAITING = 2, 8
_WITHIN_S = 60.0
_MOST = 8_000_000


class Planner:
    """Makes plans, few at a time.

    Args:
        secrets: words that must not be told, besides those of the environment.
        within_s: seconds a plan may take.
    """

    def __init__(self, *secrets: str, within_s: float = _WITHIN_S) -> None:
        self._secrets = secrets
        self._within_s = within_s
        self._free = asyncio.Semaphore(_AT_ONCE)
        self._asked = 0

    async def plan(self, request: JobRequest, suite_file: Path) -> dict[str, Any]:
        """Return what `promptreg plan --json` says of a request that was checked.

        Raises:
            TooManyError: many wait for theirs already.
            InvalidError: it cannot be planned; says why.
            UnavailableError: it took too long, or was killed.
        """
        if self._asked >= _AT_ONCE + _WAITING:
            raise TooManyError("many plans are being made already; try again in a moment")
        self._asked += 1
        try:
            async with self._free:
                return await self._planned(command(request, suite_file), suite_file.parent)
        finally:
            self._asked -= 1

    async def _planned(self, words: list[str], folder: Path) -> dict[str, Any]:
        try:
            process = await asyncio.create_subprocess_exec(
                *words,
                cwd=folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=child_environment({}),
                start_new_session=True,
            )
        except OSError as e:
            raise UnavailableError(f"the plan cannot be started: {e.strerror or e}") from e
        assert process.stdout is not None  # noqa: S101 - for the type checker: both are pipes
        assert process.stderr is not None  # noqa: S101
        try:
            async with asyncio.timeout(self._within_s):
                out, err = await asyncio.gather(_read(process.stdout), _read(process.stderr))
                code = await process.wait()
        except TimeoutError as e:
            raise UnavailableError(f"the plan took longer than {self._within_s:g} s") from e
        finally:
            if process.returncode is None:  # and whatever it started
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        return self._result(code, out, err, folder)

    def _result(self, code: int, out: bytes, err: bytes, folder: Path) -> dict[str, Any]:
        if code == ExitCode.OK:
            try:
                found = json.loads(out)
            except ValueError:
                found = None
            if isinstance(found, dict):
                return found
            raise ConflictError("the plan cannot be read: a plug-in wrote into it, or it is huge")
        # Where the suite lies on this machine is nobody's business.
        why = _words(err, redactor(self._secrets)).replace(f"{folder.resolve()}/", "")
        if code == ExitCode.USAGE:
            raise InvalidError(why)
        if code < 0:
            raise UnavailableError(f"the plan was killed by signal {-code}")
        raise ConflictError(why)


def command(request: JobRequest, suite_file: Path) -> list[str]:
    """Return program and arguments of the plan for a request."""
    taken = {name: value for name, value in request.options.items() if name in _TAKEN}
    words = [sys.executable, "-m", "promptreg", "plan", f"--config={suite_file.resolve()}"]
    return [*words, "--json", *arguments(taken), "--", *request.refs]


async def _read(stream: asyncio.StreamReader) -> bytes:
    """Return what comes, up to a limit; the rest is read, so that nobody waits, and dropped."""
    found = b""
    while chunk := await stream.read(65_536):
        if len(found) < _MOST:
            found += chunk
    return found


def _words(err: bytes, redact: Callable[[str], str]) -> str:
    lines = err.decode("utf-8", "backslashreplace").strip().splitlines()[-5:]
    clean = ("".join(c if c.isprintable() else "\ufffd" for c in line) for line in lines)
    said = "\n".join(redact(line.removeprefix("promptreg: "))[:1_000] for line in clean)
    return said or "the plan ended without a word"
