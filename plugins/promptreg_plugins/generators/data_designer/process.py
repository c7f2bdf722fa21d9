"""The worker's process: started afresh, told what to do in lines of JSON, and never left behind."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from promptreg.errors import BudgetError, ExecutionError, ProviderError, StoreError

__all__ = ["Worker"]

_START_S = 180.0
_END_S = 5.0
_SHOWN = 1000
Message = Mapping[str, Any]


class Worker:
    """Data Designer in a process of its own.

    It is started, not forked (Data Designer hangs in a forked process), in a session of its own, so
    that Ctrl-C reaches this process alone; it ends when its standard input does.

    Args:
        job: what `worker` reads first.
        stall_s: the longest silence; a request that is answered is a message, too.
    """

    def __init__(self, job: Mapping[str, Any], stall_s: float) -> None:
        folder = Path(job["folder"])
        self._stall_s = stall_s
        self.log = folder / "worker.log"
        home = folder / "home"
        try:
            home.mkdir(parents=True, exist_ok=True)
            log = self.log.open("wb")
        except OSError as e:
            raise StoreError(f"{folder}: cannot be written: {e.strerror or e}") from e
        with log:
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter, our own module
                [sys.executable, "-m", f"{__package__}.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=_environment(home),
                start_new_session=True,
                encoding="utf-8",
            )
        self._messages: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self._say(job)
        self.version = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def round(self, number: int, rows: Sequence[Mapping[str, Any]]) -> Iterator[Message]:
        """Have some rows made; yield each message until the round is over.

        Raises:
            BudgetError, ProviderError, StoreError, ExecutionError: nothing more can be made.
        """
        self._say({"round": number, "rows": list(rows)})
        while True:
            message = self._next()
            if message["kind"] == "ready":
                self.version = message["version"]
            elif message["kind"] == "stop":
                raise self._stopped(message)
            else:
                yield message
                if message["kind"] == "over":
                    return

    def close(self) -> None:
        """End the process, gently first."""
        with contextlib.suppress(OSError, ValueError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            self._process.wait(_END_S)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - for the type checker
        with contextlib.suppress(OSError, ValueError):
            for line in self._process.stdout:
                self._messages.put(line)
        self._messages.put(None)

    def _say(self, facts: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None  # noqa: S101 - for the type checker
        # A worker that is gone has said why, or its end says so: both are read next.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(facts, ensure_ascii=True) + "\n")
            self._process.stdin.flush()

    def _next(self) -> Message:
        patience = max(self._stall_s, 0.0 if self.version else _START_S)
        try:
            line = self._messages.get(timeout=patience)
        except queue.Empty:
            raise ExecutionError(
                f"Data Designer has been silent for {patience:.0f} s and was ended; what was "
                f"answered is kept, and the same command goes on (see {self.log})"
            ) from None
        if line is None:
            code = self._process.wait()
            how = f"signal {-code}" if code < 0 else f"exit status {code}"
            raise ExecutionError(
                f"Data Designer's process ended unexpectedly ({how}); what was answered is kept, "
                f"and the same command goes on (see {self.log})"
            )
        message: Message = json.loads(line)
        return message

    def _stopped(self, message: Message) -> ExecutionError:
        why, text = message["why"], str(message["text"])[:_SHOWN]
        if why == "budget":
            return BudgetError(
                f"{text}; answers and scenarios so far are kept, and the same command goes on"
                + (" once it is raised" if "generate.budget" in text else "")
            )
        if why == "disk":
            return StoreError(f"{text}; what was made before is kept, and the same command goes on")
        if why == "unreachable":
            return ProviderError(
                f"the model's server no longer answers: {text}; what was made is kept, and the "
                "same command goes on"
            )
        if why == "refused":
            return ProviderError(f"the model's server refuses: {text}; what was made is kept")
        return ExecutionError(f"Data Designer failed: {text} (see {self.log})")


def _environment(home: Path) -> dict[str, str]:
    """Return the environment: it phones nobody, and keeps its files in the store's folder."""
    return {
        **os.environ,
        "NEMO_TELEMETRY_ENABLED": "false",
        "DATA_DESIGNER_DISABLE_VERSION_CHECK": "1",
        "DATA_DESIGNER_HOME": str(home),
        "TIKTOKEN_CACHE_DIR": str(home / "tiktoken"),
        "DO_NOT_TRACK": "1",
        "PYTHONUNBUFFERED": "1",
    }
