"""Places for MLflow: an empty database, a server that never answers, PostgreSQL and a server."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

__all__ = ["MlflowServer", "free_port", "hanging_server", "postgres", "rows"]


def rows(database: Path, sql: str) -> list[Any]:
    """Return what a database says."""
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(sql).fetchall()


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def hanging_server() -> Iterator[str]:
    """Give the address of somebody who takes every connection and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(20)
        held: list[socket.socket] = []

        def take() -> None:
            try:
                while True:
                    held.append(listening.accept()[0])
            except OSError:
                return

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        for one in held:
            one.close()
        thread.join(5)


@contextmanager
def postgres() -> Iterator[str]:
    """Give the address of an empty PostgreSQL database; it never runs as root."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    binaries = found[-1] if found else Path(shutil.which("initdb") or "/nowhere/x").parent
    # Not below the tests' folder, which is closed to other users.
    data, port = Path(tempfile.mkdtemp(prefix="promptreg-postgres-")), free_port()
    user: dict[str, Any] = {}
    if os.geteuid() == 0:
        shutil.chown(data, "postgres" if _exists("postgres") else "nobody")
        user = {"user": data.owner()}

    def call(name: str, *args: str) -> None:
        subprocess.run(
            [str(binaries / name), *args], check=True, capture_output=True, cwd="/", **user
        )

    call("initdb", "-D", str(data), "-U", "tester", "--auth=trust", "--no-sync", "-E", "UTF8")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
    call("pg_ctl", "-D", str(data), "-l", str(data / "log"), "-w", "-o", options, "start")
    try:
        yield f"postgresql://tester@127.0.0.1:{port}/postgres"
    finally:
        call("pg_ctl", "-D", str(data), "-m", "immediate", "stop")
        shutil.rmtree(data, ignore_errors=True)


def _exists(name: str) -> bool:
    import pwd

    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


class MlflowServer:
    """`mlflow server` on a free port.

    Args:
        folder: for its artifacts and its log.
        backend: address of its database.
    """

    def __init__(self, folder: Path, backend: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._backend = backend
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        log = (self._folder / "mlflow.log").open("ab")
        with log:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"),
                    *("--port", str(self.port), "--workers", "1"),
                    *("--backend-store-uri", self._backend),
                    *("--artifacts-destination", str(self._folder / "artifacts")),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
                cwd=self._folder,
                start_new_session=True,
            )
        until = time.monotonic() + 180
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/version", timeout=2):
                    return process
            except OSError:
                if process.poll() is not None or time.monotonic() > until:
                    self._end(process)
                    raise AssertionError((self._folder / "mlflow.log").read_text()) from None
                time.sleep(0.3)

    def stop(self) -> None:
        """End it."""
        self._end(self.process)

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> None:
        with suppress(ProcessLookupError):  # a session of its own: it and its workers
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)
