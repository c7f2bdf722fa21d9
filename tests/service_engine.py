"""The service's engine in a process of its own, to be killed, stopped and started again.

The test looks at the same database with an engine that does not work on jobs.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from promptreg_plugins.web.engine import Engine
from promptreg_plugins.web.model import Job, JobKind, JobRequest, JobState, Role, Who
from promptreg_plugins.web.settings import Settings

__all__ = ["WHO", "EngineProcess", "engine_settings", "request", "until", "watcher"]

WHO = Who("tester", Role.RUN)
_ROOT = Path(__file__).resolve().parents[1]
_SOURCES = os.pathsep.join(
    str(_ROOT / part) for part in ("core", "providers", "scorers", "plugins", "tests")
)


def engine_settings(folder: Path, **more: Any) -> Settings:
    """Return settings that serve one suite, quick to notice that somebody is gone."""
    quick: dict[str, Any] = {"lease_s": 2.0, "grace_s": 5.0, "workers": 1}
    return Settings((folder / "promptreg.yaml",), folder / ".promptreg", **{**quick, **more})


def watcher(folder: Path, **more: Any) -> Engine:
    """Return an engine that looks and asks, and leaves the work to others."""
    return Engine(engine_settings(folder, **more))


def request(kind: str = "compare", *refs: str, **options: Any) -> JobRequest:
    """Return a request on the suite of `suite_factory`."""
    return JobRequest(JobKind(kind), "faults", refs or ("v1", "v2"), options)


async def until(
    engine: Engine, job_id: str, met: Callable[[Job], bool] | None = None, within_s: float = 180.0
) -> Job:
    """Return the job as soon as it meets a condition; none: as soon as it has ended."""
    end = time.monotonic() + within_s
    while True:
        job = await engine.job(job_id)
        if met(job) if met is not None else job.state.final:
            return job
        assert time.monotonic() < end, job
        assert met is None or not job.state.final or job.state is JobState.CANCELLED, job
        await asyncio.sleep(0.05)


class EngineProcess:
    """An engine at work in a process of its own.

    Args:
        folder: the suite's.
        more: settings.
    """

    def __init__(self, folder: Path, **more: Any) -> None:
        self.log = folder / "service.log"
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, __file__, str(folder), json.dumps(more)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, "PYTHONPATH": _SOURCES},
            )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n", self.log.read_text()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it by a signal and return its exit code."""
        self.send(number)
        code = self.process.wait(180)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def __enter__(self) -> EngineProcess:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.end(signal.SIGKILL)


async def _work(folder: Path, more: dict[str, Any]) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    engine = Engine(engine_settings(folder, **more))
    await engine.start()
    print("ready", flush=True)
    await ended.wait()
    await engine.close()


if __name__ == "__main__":
    import logging

    logging.basicConfig(level=logging.INFO)
    asyncio.run(_work(Path(sys.argv[1]), json.loads(sys.argv[2])))
