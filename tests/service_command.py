"""`promptreg serve` as users start it, on any free port."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from command_line import Promptreg

__all__ = ["Served", "serving"]


class Served:
    """A service that has said where it listens."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        first = process.stdout.readline()
        found = re.search(r"http://\S+", first)
        assert found, first + (process.stderr.read() if process.stderr else "")
        self.url = found[0]
        self.token = ""

    def log_in(self) -> None:
        """Take the token that the service prints for itself."""
        assert self.process.stdout is not None
        self.token = self.process.stdout.readline().rsplit(" ", 1)[1].strip()

    def ask(self, path: str, body: Any = None) -> Any:
        """Return what the API answers."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(self.url + path, data, headers)
        with urllib.request.urlopen(asked, timeout=120) as answer:
            return json.loads(answer.read())

    def end(self, number: signal.Signals) -> tuple[int, str]:
        """Send a signal; return exit code and standard error."""
        self.process.send_signal(number)
        _, err = self.process.communicate(timeout=180)
        return self.process.returncode, err


@contextmanager
def serving(folder: Path, *args: str, env: Mapping[str, str] | None = None) -> Iterator[Served]:
    """Serve a suite on any free port while the block runs."""
    process = Promptreg(folder).start("serve", "--port", "0", *args, env=env)
    try:
        yield Served(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
