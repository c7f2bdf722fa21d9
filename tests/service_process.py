"""`promptreg serve` as a process of its own, as somebody starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

from fault_server import free_port

__all__ = ["Service"]

_ROOT = Path(__file__).resolve().parents[1]
_ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(
        str(_ROOT / part) for part in ("core", "providers", "scorers", "plugins")
    ),
}


class Service:
    """A service of one suite on the loopback, with a token of the role run.

    Args:
        suite: the suite's folder; the service's own files lie in its store.
        port: where it listens; 0: one that is free, and stays the same when it is started again.
    """

    def __init__(self, suite: Path, port: int = 0) -> None:
        self.suite = suite
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.token = self._run("token", "create", "anna", "--role", "run", "-c", str(suite))
        self._process: subprocess.Popen[str] | None = None
        self._log: IO[str] | None = None

    def _run(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "promptreg", "serve", *words],
            capture_output=True, text=True, timeout=180, env=_ENVIRONMENT,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def start(self) -> None:
        """Start it, and return when it listens."""
        self._log = (self.suite / "service.log").open("a")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "promptreg", "serve", "-c", str(self.suite),
             "--port", str(self.port)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._log, text=True,
            env=_ENVIRONMENT,
        )  # fmt: skip
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        assert self.url in said, (said, self.log)

    @property
    def log(self) -> str:
        """What it wrote to stderr."""
        return (self.suite / "service.log").read_text("utf-8")

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it by a signal, and return its exit code."""
        assert self._process is not None
        assert self._process.stdout is not None
        self._process.send_signal(number)
        code = self._process.wait(180)
        self._process.stdout.close()
        self._process = None
        if self._log is not None:
            self._log.close()
        return code

    def __enter__(self) -> Service:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.end(signal.SIGKILL)
