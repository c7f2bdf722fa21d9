"""Runs `promptreg` as users do: a process of its own, in the folder of a suite.

A command that is only run to its end is forked (`command_forks`); one that is to be disturbed, is
wrapped, or needs another Python, locale or path is started.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from command_forks import run_forked

__all__ = ["Finished", "Promptreg", "essence", "stored_keys", "written_bytes"]

_ROOT = Path(__file__).resolve().parents[1]
_SOURCES = os.pathsep.join(
    str(_ROOT / part) for part in ("core", "providers", "scorers", "plugins")
)
_READ_AT_THE_START = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC_", "OMP_", "OPENBLAS_", "MKL_")
"""Variables that are read when Python starts, or a library is loaded."""
_VARYING = frozenset({"created_at", "duration_s", "cost", "latency_s"})
_COUNTS = frozenset({"cached", "called", "prompt_tokens", "completion_tokens"})


@dataclass(frozen=True, slots=True)
class Finished:
    """What came of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must hold one JSON document and nothing else."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Promptreg:
    """The command in the folder of a suite.

    Attributes:
        folder: where it starts.
        env: variables to set; an empty value takes one away.
        wrapper: a command that is given the command to run.
    """

    folder: Path
    env: Mapping[str, str] | None = None
    wrapper: Sequence[str] = ()

    def __call__(
        self, *args: str, env: Mapping[str, str] | None = None, within_s: float = 180.0
    ) -> Finished:
        """Run to the end; whatever happens, users see no traceback."""
        forked = None if self.wrapper else self._forked(args, env or {}, within_s)
        return forked or self.end(self.start(*args, env=env), within_s)

    def _forked(
        self, args: Sequence[str], more: Mapping[str, str], within_s: float
    ) -> Finished | None:
        """Run to the end in a forked process; None where one has to be started."""
        plain, env = Promptreg(self.folder)._environment({}), self._environment(more)
        changed = {k for k in plain.keys() | env.keys() if plain.get(k) != env.get(k)}
        if any(name.startswith(_READ_AT_THE_START) for name in changed):
            return None
        done = run_forked(args, self.folder, env, plain, within_s)
        return None if done is None else _checked(*done)

    def python(self, *args: str) -> Finished:
        """Run Python as the command is run."""
        return self.end(self._popen(args, {}, subprocess.PIPE, subprocess.PIPE))

    def start(
        self,
        *args: str,
        stdout: int | IO[str] = subprocess.PIPE,
        stderr: int | IO[str] = subprocess.PIPE,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        """Start a command and return its process."""
        return self._popen(("-m", "promptreg", *args), env or {}, stdout, stderr)

    def _popen(
        self,
        args: Sequence[str],
        env: Mapping[str, str],
        stdout: int | IO[str],
        stderr: int | IO[str],
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.wrapper, sys.executable, *args],
            cwd=self.folder,
            env=self._environment(env),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            encoding="utf-8",
            errors="backslashreplace",
        )

    @staticmethod
    def end(process: subprocess.Popen[str], within_s: float = 180.0) -> Finished:
        """Wait for a process and return what came of it."""
        try:
            out, err = (text or "" for text in process.communicate(timeout=within_s))
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"did not end within {within_s} s: {out}\n{err}") from None
        return _checked(process.returncode, out, err)

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        left_out = ("PROMPTREG_", "PYTHONDONTWRITEBYTECODE", "NEMOTRON_", "NVIDIA_", "LC_", "LANG")
        env = {k: v for k, v in os.environ.items() if not k.startswith(left_out)}
        env |= {"PYTHONPATH": _SOURCES, "COLUMNS": "120"}
        env |= dict(self.env or {}) | dict(more)
        return {name: value for name, value in env.items() if value}


def _checked(code: int, out: str, err: str) -> Finished:
    """Return what came of a command; no user may see a traceback."""
    for text in (out, err):
        assert "Traceback (most recent" not in text, err
        assert "internal error" not in text, err
        assert "Exception ignored" not in text, err
        assert "never retrieved" not in text, err
    return Finished(code, out, err)


def essence(report: Any) -> Any:
    """Return a JSON report without what may differ between two ways to the same completions.

    That is: the time, how long things took (run ids are made of latencies, too), and how many
    completions came from the store.
    """
    if isinstance(report, dict):
        left_out = _VARYING | ({"run_id"} if "run_id" in report else set())
        left_out |= _COUNTS if "planned" in report else set()
        return {k: essence(v) for k, v in report.items() if k not in left_out}
    if isinstance(report, list):
        return [essence(v) for v in report]
    return report


def stored_keys(folder: Path) -> set[str]:
    """Return the keys of all completions that are committed in a suite's store."""
    path = folder / ".promptreg" / "calls.sqlite"
    if not path.exists():
        return set()
    connection = sqlite3.connect(path)
    try:
        return {key for (key,) in connection.execute("SELECT key FROM completions")}
    finally:
        connection.close()


def written_bytes(folder: Path) -> dict[Path, bytes]:
    """Return the content of every file below a folder."""
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
