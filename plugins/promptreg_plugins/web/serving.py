"""What `promptreg serve` does: reads its options, starts the engine, listens, and ends in order."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptreg.discovery import load_plugins
from promptreg.errors import ExecutionError, ExitCode, PromptregError, UsageError
from promptreg.pipeline.project import open_project
from promptreg.suite import find_suite
from promptreg_plugins.web.problems import ProblemError, UnavailableError
from promptreg_plugins.web.settings import DATABASE_VARIABLE, Settings

if TYPE_CHECKING:
    from promptreg_plugins.web.engine import Engine

__all__ = ["run", "serve_settings"]


def serve_settings(
    config: Sequence[str], folder: str | None, database: str | None, **more: Any
) -> Settings:
    """Return the settings that options mean.

    Args:
        config: suite files or their folders; none: the nearest upward.
        folder: for the service's own files; None: the store of the first suite.
        database: a URL; None: as the environment says, or SQLite in the folder.
        more: further settings.

    Raises:
        SuiteError: there is no suite file at one of the places.
        UsageError: one is named twice.
    """
    paths = [find_suite(name).resolve() for name in config] or [find_suite(None).resolve()]
    for i, path in enumerate(paths):
        if path in paths[:i]:
            raise UsageError(f"-c {config[i]}: {path} is served already")
    place = Path(folder) if folder else _store(paths[0])
    url = database if database is not None else os.environ.get(DATABASE_VARIABLE, "")
    return Settings(suites=tuple(paths), folder=place.resolve(), database=url, **more)


def _store(path: Path) -> Path:
    """Return the run store of a suite; where the suite cannot be read, that of most suites."""
    try:
        return open_project(str(path), load_plugins()).store
    except PromptregError:
        return path.parent / ".promptreg"


def run(settings: Settings) -> int:
    """Serve until a signal comes; return the exit code.

    Raises:
        UsageError: the address cannot be listened at, or may not be without a token.
        ExecutionError: the database does not answer.
    """
    from promptreg_plugins.web.api import configure_logs

    configure_logs(settings)
    for name in ("dbos", "sqlalchemy"):
        logging.getLogger(name).handlers = list(logging.getLogger("promptreg.web").handlers)
    try:
        return asyncio.run(_serve(settings))
    except UnavailableError as e:
        raise ExecutionError(e.detail) from e
    except ProblemError as e:
        raise UsageError(e.detail) from e


async def _serve(settings: Settings) -> int:
    from promptreg_plugins.web.engine import Engine

    with _listening(settings) as (listening, loopback):
        engine = await asyncio.to_thread(Engine, settings)
        try:
            received = await _served(engine, settings, listening, loopback=loopback)
        finally:
            await engine.close()
    if not received:
        return int(ExitCode.EXECUTION)
    first = received[0]
    return int(ExitCode.INTERRUPTED if first == signal.SIGINT else ExitCode.TERMINATED)


async def _served(
    engine: Engine, settings: Settings, listening: socket.socket, *, loopback: bool
) -> list[signal.Signals]:
    """Serve until the service is told to end; return the signals that said so."""
    import uvicorn

    from promptreg_plugins.web.api import create_app, uvicorn_options
    from promptreg_plugins.web.store.tokens import new_secret

    open_door = not any(token.revoked_at is None for token in await engine.tokens())
    if open_door and not loopback:
        raise UsageError(
            f"--host {settings.host}: others could reach it, and there is no token; "
            "'promptreg serve token create NAME --role admin' makes one"
        )
    settings = replace(settings, port=int(listening.getsockname()[1]))
    if open_door:
        settings = replace(settings, local_admin=new_secret()[1])
    engine.settings = settings

    class Server(uvicorn.Server):
        """Leaves signals to us: jobs are stopped in order, and the exit code says why."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    app = create_app(engine, settings, engine, sessions=engine)
    server = Server(uvicorn.Config(app, **uvicorn_options(settings)))
    received = _listen_to_signals(server, engine.stop)
    await engine.start()
    _say(settings, loopback)
    await server.serve(sockets=[listening])
    return received


def _listen_to_signals(server: Any, stop: Any) -> list[signal.Signals]:
    received: list[signal.Signals] = []

    def hear(number: signal.Signals) -> None:
        received.append(number)
        if len(received) == 1:
            print("promptreg: stopping; jobs go on with the next start", file=sys.stderr)
        stop()
        server.should_exit = True
        server.force_exit = len(received) > 1

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, hear, number)
    return received


@contextlib.contextmanager
def _listening(settings: Settings) -> Iterator[tuple[socket.socket, bool]]:
    """Give the socket that is listened at, and whether only this machine can reach it.

    Raises:
        UsageError: the address is none, or in use.
    """
    place = f"--host {settings.host} --port {settings.port}"
    try:
        found = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, kind, protocol, _, address = found[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as e:
        raise UsageError(f"{place}: {e.strerror or e}") from e
    with listening:
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(256)  # who reads where it listens may connect at once
        except OSError as e:
            raise UsageError(f"{place}: {e.strerror or e}") from e
        yield listening, ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback


def _say(settings: Settings, loopback: bool) -> None:
    """Say where it listens; programs that started it read the first line."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    print(f"promptreg serves at http://{host}:{settings.port}", flush=True)
    if settings.local_admin:
        # Asked for even on this machine: a page of another site, or another user, must not get in.
        print(
            f"log in with this token, valid until the service ends: {settings.local_admin}",
            flush=True,
        )
    elif not loopback and settings.insecure_cookies:
        logging.getLogger("promptreg.web").warning(
            "tokens and cookies cross the network as they are: put TLS in front, and say "
            "--secure-cookies"
        )
