"""The command in a process of its own, without loading everything anew each time.

A parent loads what commands load and forks one process for each command: it has its own memory,
environment, folder, streams, signals and end, as if it had been started, at a third of the cost.
Two parents take turns: strings hash otherwise in the second, as they do in each process that is
started.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import itertools
import json
import os
import runpy
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

__all__ = ["Forks", "run_forked"]

_LOADED = (
    "aiohttp",
    "pyarrow.compute",
    "pyarrow.parquet",
    "pydantic.type_adapter",
    "promptreg.cli.app",
    "promptreg.cli.progress",
    "promptreg.cli.recording",
    "promptreg.cli.show",
    "promptreg.cli.telling",
    "promptreg.cli.view",
    "promptreg.pipeline.base_ref",
    "promptreg.pipeline.bisect",
    "promptreg.pipeline.calibrate",
    "promptreg.pipeline.compare",
    "promptreg.pipeline.history.keep",
    "promptreg.pipeline.plan",
    "promptreg.stages.report",
    "rich.progress",
    "rich.table",
    "scipy.stats",
    "sqlite3",
    "yaml",
)
_PARENTS = 2
_turns = itertools.count()
_parents: dict[int, Forks] = {}


class Forks:
    """A parent of commands, one at a time.

    Args:
        env: what Python reads when it starts.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self._alone = threading.Lock()
        self._parent = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=dict(env),
        )
        atexit.register(self.close)

    def close(self) -> None:
        """End the parent."""
        with contextlib.suppress(OSError):
            if self._parent.stdin is not None:
                self._parent.stdin.close()
            if self._parent.stdout is not None:
                self._parent.stdout.close()
        self._parent.wait()

    def run(
        self, args: Sequence[str], folder: Path, env: Mapping[str, str], within_s: float
    ) -> tuple[int, str, str] | None:
        """Run `python -m promptreg ARGS` to its end.

        Returns exit code, output and error; None where another command is running here, or where
        there is no parent any more.

        Raises:
            AssertionError: it does not end in time.
        """
        if self._parent.poll() is not None or not self._alone.acquire(blocking=False):
            return None
        try:
            with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
                streams = [f"/proc/{os.getpid()}/fd/{f.fileno()}" for f in (out, err)]
                asked = {"args": list(args), "folder": str(folder), "env": dict(env)}
                assert self._parent.stdin is not None
                line = json.dumps(asked | {"streams": streams}) + "\n"
                self._parent.stdin.write(line.encode())
                self._parent.stdin.flush()
                process = self._heard(180)
                code = self._heard(within_s, process)
                texts = [_read(f) for f in (out, err)]
        finally:
            self._alone.release()
        if code is None:
            raise AssertionError(f"did not end within {within_s} s: {texts[0]}\n{texts[1]}")
        return code, texts[0], texts[1]

    def _heard(self, within_s: float, process: int | None = None) -> int | None:
        """Return the next number the parent says; None if it took too long: then it is ended."""
        assert self._parent.stdout is not None
        ready, _, _ = select.select([self._parent.stdout], [], [], within_s)
        if ready:
            return int(self._parent.stdout.readline())
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
            self._parent.stdout.readline()
        return None


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "backslashreplace").replace("\r\n", "\n")


def run_forked(
    args: Sequence[str],
    folder: Path,
    env: Mapping[str, str],
    start: Mapping[str, str],
    within_s: float,
) -> tuple[int, str, str] | None:
    """Run a command in the next parent's process; see `Forks.run`.

    Args:
        args: of the command.
        folder: where it runs.
        env: its whole environment.
        start: the environment of parents.
        within_s: seconds it may take.
    """
    number = next(_turns) % _PARENTS
    if number not in _parents:
        _parents[number] = Forks(start)
    return _parents[number].run(args, folder, env, within_s)


def _serve() -> None:
    """Fork for each line of standard input; say the process's id, then how it ended."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    for name in _LOADED:
        importlib.import_module(name)
    importlib.import_module("promptreg.discovery").load_plugins()
    gc.freeze()  # no command collects, and so copies, what it did not make
    voice = os.dup(1)
    os.set_inheritable(voice, False)
    ears = os.fdopen(os.dup(0), "rb")
    for line in ears:
        asked = json.loads(line)
        process = os.fork()
        if process == 0:
            ears.close()
            os.close(voice)
            _become(asked)
            runpy.run_module("promptreg", run_name="__main__", alter_sys=True)
            sys.exit(0)
        os.write(voice, b"%d\n" % process)
        _, status = os.waitpid(process, 0)
        os.write(voice, b"%d\n" % os.waitstatus_to_exitcode(status))


def _become(asked: Mapping[str, Any]) -> None:
    """Make this process what a new one would be."""
    os.chdir(str(asked["folder"]))
    os.environ.clear()
    os.environ.update(asked["env"])
    time.tzset()
    for number, path in enumerate((os.devnull, *asked["streams"])):
        opened = os.open(path, os.O_RDWR)
        os.dup2(opened, number)
        os.close(opened)
    sys.argv = ["promptreg", *asked["args"]]
    sys.path[0] = str(Path.cwd())


if __name__ == "__main__":
    _serve()
