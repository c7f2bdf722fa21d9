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
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from fault_server import free_port

__all__ = [
    "MlflowServer",
    "Postgres",
    "answering",
    "hanging_server",
    "postgres",
    "rows",
]


def rows(database: Path, sql: str) -> list[Any]:
    """Return what a database says."""
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(sql).fetchall()


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
def answering(text: str) -> Iterator[str]:
    """Give the address of somebody who answers every request with a text."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join(5)


class Postgres:
    """An empty PostgreSQL database on a free port; it never runs as root.

    Attributes:
        address: as SQLAlchemy takes it.
    """

    def __init__(self) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        self._binaries = found[-1] if found else Path(shutil.which("initdb") or "/no/x").parent
        # Not below the tests' folder, which is closed to other users.
        self._data, port = Path(tempfile.mkdtemp(prefix="promptreg-postgres-")), free_port()
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:
            shutil.chown(self._data, "postgres" if _exists("postgres") else "nobody")
            self._user = {"user": self._data.owner()}
        self.address = f"postgresql://tester@127.0.0.1:{port}/postgres"
        self._options = (
            f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        )
        self._call("initdb", "-U", "tester", "--auth=trust", "--no-sync", "-E", "UTF8")

    def _call(self, name: str, *args: str) -> None:
        subprocess.run(
            [str(self._binaries / name), "-D", str(self._data), *args],
            check=True,
            capture_output=True,
            cwd="/",
            **self._user,
        )

    def start(self) -> None:
        """Start it; it is ready when this returns."""
        self._call("pg_ctl", "-l", str(self._data / "log"), "-w", "-o", self._options, "start")

    def stop(self) -> None:
        """End it at once, as if the power was cut; what was committed stays."""
        self._call("pg_ctl", "-m", "immediate", "stop")

    def remove(self) -> None:
        """Remove its files."""
        shutil.rmtree(self._data, ignore_errors=True)


@contextmanager
def postgres() -> Iterator[str]:
    """Give the address of an empty PostgreSQL database."""
    database = Postgres()
    database.start()
    try:
        yield database.address
    finally:
        database.stop()
        database.remove()


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
        process.wait(60)
