"""The processes that open images, as seen from the run."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Any

from promptreg.errors import CallError, DataError, PluginError
from promptreg.records import Cause

__all__ = ["Workers"]

_LINE = 64_000_000
"""The longest reply of a worker, in bytes."""


class Workers:
    """A few worker processes; started with the first job, each does one job at a time.

    Args:
        settings: the first line that every worker is sent.
        count: how many processes.
        search: folders that the workers' Python looks for modules in, besides its own.
    """

    def __init__(
        self, settings: Mapping[str, Any], count: int = 1, search: tuple[str, ...] = ()
    ) -> None:
        self._settings = settings
        self._search = search
        self._idle: list[_Worker] = []
        self._slots: asyncio.Semaphore | None = None
        self._count = count
        self.start_s, self.job_s = 60.0, 120.0

    async def do(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Return a worker's reply to a job about the image `job["image"]`.

        Raises:
            DataError: the image is refused.
            PluginError: no worker can be started with these settings.
            CallError: `timeout`, or `plugin` where the worker died or its code raised.
        """
        if self._slots is None:  # made here: it belongs to the event loop of the run
            self._slots = asyncio.Semaphore(self._count)
        async with self._slots:
            worker = self._idle.pop() if self._idle else await self._started()
            try:
                reply = await asyncio.wait_for(worker.ask(job), self.job_s)
            except TimeoutError:
                await worker.end()
                raise CallError(
                    Cause.TIMEOUT, f"no answer within {self.job_s:g} s", retryable=False
                ) from None
            except BaseException:  # cancelled or dead: whatever it says next is no reply to us
                await worker.end()
                raise
            self._idle.append(worker)
        if "refused" in reply:
            raise DataError(f"image {job['image']}: {reply['refused']}")
        if "error" in reply:
            raise CallError(Cause.PLUGIN, f"the pipeline raised {reply['error']}")
        return reply

    async def start(self) -> None:
        """Start a worker, so that a mistake in the settings shows before the first job.

        Raises:
            PluginError: it cannot be started.
        """
        if not self._idle:
            self._idle.append(await self._started())

    async def _started(self) -> _Worker:
        worker = _Worker()
        try:
            await worker.open(self._search)
            reply = await asyncio.wait_for(worker.ask(self._settings), self.start_s)
        except TimeoutError:
            await worker.end()
            raise PluginError(f"its worker was not ready within {self.start_s:g} s") from None
        except CallError as e:
            await worker.end()
            raise PluginError(e.detail) from e
        except BaseException:
            await worker.end()
            raise
        if "ready" not in reply:
            await worker.end()
            raise PluginError(str(reply.get("error") or reply.get("refused")))
        return worker

    async def aclose(self) -> None:
        """End all workers."""
        idle, self._idle = self._idle, []
        for worker in idle:
            await worker.end(2.0)


class _Worker:
    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives with the worker

    async def open(self, search: tuple[str, ...]) -> None:
        path = [*search, *(p for p in sys.path if p)]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # no module of the current folder by accident
            "-m",
            "promptreg_providers.images.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=self._said,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
            limit=_LINE,
        )

    async def ask(self, job: Mapping[str, Any]) -> dict[str, Any]:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise RuntimeError("a worker is opened before it is asked")
        with suppress(ConnectionError):  # a dead worker is noticed below
            process.stdin.write(json.dumps(job).encode() + b"\n")
            await process.stdin.drain()
        try:
            line = await process.stdout.readline()
        except ValueError:
            raise CallError(Cause.TOO_LARGE, f"an answer of more than {_LINE:,} bytes") from None
        if not line:
            raise CallError(Cause.PLUGIN, f"the worker process died{self._last_words()}")
        reply: dict[str, Any] = json.loads(line)
        return reply

    def _last_words(self) -> str:
        size = self._said.seek(0, os.SEEK_END)
        self._said.seek(max(0, size - 2000))
        lines = self._said.read().decode("utf-8", "replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f"; it last said: {last[:200]}" if last else ""

    async def end(self, patience_s: float = 0.0) -> None:
        """End the process, by force if it does not end by itself in time."""
        process = self._process
        if process is not None:
            if process.stdin is not None:
                process.stdin.close()
            if patience_s:
                with suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), patience_s)
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
            await process.wait()
            if process.stdout is not None:  # its end is what closes the pipe
                await process.stdout.read()
        self._said.close()
