"""`promptreg serve`, and its tokens; what does the work is imported when it is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

from promptreg.errors import ExecutionError, MissingPackageError, UsageError

if TYPE_CHECKING:
    from promptreg_plugins.web.store.database import Database
    from promptreg_plugins.web.store.tokens import Tokens

__all__ = ["add_serve"]

T = TypeVar("T")

Config = Annotated[
    list[str] | None,
    typer.Option(
        "-c",
        "--config",
        metavar="FILE",
        help="A suite to serve, file or folder; repeatable. Default: the nearest upward.",
    ),
]
Folder = Annotated[
    str | None,
    typer.Option(
        "--folder",
        metavar="DIR",
        help="For the service's own files; default: the store of the first suite.",
    ),
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        help="PostgreSQL: postgresql+psycopg://USER@HOST/NAME. A URL with a password belongs in "
        "PROMPTREG_SERVE_DATABASE. Default: SQLite in the folder.",
    ),
]
EnvFile = Annotated[
    str | None,
    typer.Option("--env-file", metavar="FILE", help="Read NAME=VALUE lines into the environment."),
]
RoleName = Literal["read", "run", "admin"]


def add_serve(app: typer.Typer) -> None:
    """Add the command and its group of commands."""
    group = typer.Typer(invoke_without_command=True)
    group.callback()(serve)
    tokens = typer.Typer(no_args_is_help=True, help="Tokens: who may use the service, and how far.")
    tokens.command(name="create")(create)
    tokens.command(name="list")(list_)
    tokens.command(name="revoke")(revoke)
    group.add_typer(tokens, name="token")
    group.command(name="prune")(prune_)
    app.add_typer(group, name="serve")


def serve(
    context: typer.Context,
    config: Config = None,
    host: Annotated[str, typer.Option("--host", help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="0: any that is free.")
    ] = 8321,
    folder: Folder = None,
    database: DatabaseUrl = None,
    workers: Annotated[
        int, typer.Option("--workers", min=1, max=64, help="Jobs at once in this process.")
    ] = 2,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allowed-host",
            metavar="NAME",
            help="A name by which the service may be called, besides its address; repeatable.",
        ),
    ] = None,
    secure_cookies: Annotated[
        bool,
        typer.Option(
            "--secure-cookies", help="Browsers come by TLS, as behind a proxy that ends it."
        ),
    ] = False,
    log_format: Annotated[
        Literal["text", "json"], typer.Option("--log-format", help="Of the log on stderr.")
    ] = "text",
    otel: Annotated[
        bool, typer.Option("--otel", help="Send traces as the OTEL_* variables say.")
    ] = False,
    env_file: EnvFile = None,
) -> int:
    """Serve suites: an HTTP API, live progress, and pages in the browser.

    Comparisons are jobs: they survive a restart and repeat no paid call. Nothing but the loopback
    is listened at unless there is a token; 'promptreg serve token create' makes one.
    """
    if context.invoked_subcommand is not None:
        return 0
    _needed()
    _read_env(env_file)
    from promptreg_plugins.web.serving import serve_settings

    settings = serve_settings(
        config or [],
        folder,
        database,
        host=host,
        port=port,
        workers=workers,
        allowed_hosts=tuple(allowed_host or ()),
        insecure_cookies=not secure_cookies,
        log_format=log_format,
        otel=otel,
    )
    from promptreg_plugins.web.serving import run

    return run(settings)


def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose token it is.")],
    role: Annotated[
        RoleName,
        typer.Option("--role", help="read: look; run: start jobs, too; admin: everything."),
    ] = "read",
    config: Config = None,
    folder: Folder = None,
    database: DatabaseUrl = None,
    env_file: EnvFile = None,
) -> int:
    """Make a token and print it, this once: only its hash is kept."""
    from promptreg_plugins.web.model import Role

    tokens = _tokens(config, folder, database, env_file)
    info, token = _told(lambda: tokens.create(name, Role(role)))
    typer.echo(
        f"token {info.id} of {info.name}, role {info.role}; it is not shown again:", err=True
    )
    typer.echo(token)
    return 0


def list_(
    config: Config = None,
    folder: Folder = None,
    database: DatabaseUrl = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
    env_file: EnvFile = None,
) -> int:
    """List tokens: names, roles, when they were last used."""
    tokens = _tokens(config, folder, database, env_file)
    found = _told(tokens.all)
    if as_json:
        import json

        rows = [
            {
                "id": t.id,
                "name": t.name,
                "role": str(t.role),
                "created_at": t.created_at.isoformat(),
                "last_used_at": t.last_used_at.isoformat() if t.last_used_at else None,
                "revoked_at": t.revoked_at.isoformat() if t.revoked_at else None,
            }
            for t in found
        ]
        typer.echo(json.dumps(rows, indent=2))
        return 0
    if not found:
        typer.echo("no tokens; 'promptreg serve token create NAME --role run' makes one")
    for t in found:
        used = f"last used {t.last_used_at:%Y-%m-%d %H:%M}" if t.last_used_at else "never used"
        state = f"revoked {t.revoked_at:%Y-%m-%d %H:%M}" if t.revoked_at else used
        made = f"made {t.created_at:%Y-%m-%d %H:%M}"
        typer.echo(f"{t.id}  {t.role:<5}  {t.name:<24}  {made}, {state}")
    return 0


def revoke(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The token's name or id.")],
    config: Config = None,
    folder: Folder = None,
    database: DatabaseUrl = None,
    env_file: EnvFile = None,
) -> int:
    """Make a token invalid, at once and for good."""
    tokens = _tokens(config, folder, database, env_file)
    info = _told(lambda: tokens.revoke(name))
    typer.echo(f"revoked: token {info.id} of {info.name}")
    return 0


def prune_(
    older_than: Annotated[
        str,
        typer.Option("--older-than", metavar="WHEN", help="Ended before: 90d, or 2026-10-01."),
    ],
    config: Config = None,
    folder: Folder = None,
    database: DatabaseUrl = None,
    env_file: EnvFile = None,
) -> int:
    """Remove jobs that ended long ago, with their logs and reports; a service may be at work.

    Trends on pages lose them, too. The suites' runs and history stay as they are.
    """
    from datetime import UTC, datetime, timedelta

    from promptreg.cli.history.asking import moment

    before = datetime.fromisoformat(moment(older_than, "--older-than") or "9999-01-01T00:00+00:00")
    if before > datetime.now(UTC) - timedelta(hours=1) + timedelta(seconds=1):
        raise UsageError(f"--older-than {older_than!r}: the least is 1h, so that nobody's is lost")
    from promptreg_plugins.web.store.pruning import prune

    found = _database(config, folder, database, env_file)
    typer.echo(f"removed: {_told(lambda: prune(found, before)):,} jobs")
    return 0


def _needed() -> None:
    """Refuse to begin without the packages.

    Raises:
        MissingPackageError: names the command that installs them.
    """
    from importlib.util import find_spec

    names = ("fastapi", "uvicorn", "sse_starlette", "websockets", "sqlalchemy", "dbos")
    missing = [name for name in (*names, "prometheus_client") if find_spec(name) is None]
    if missing:
        raise MissingPackageError(
            f"serve needs {', '.join(missing)}: pip install 'promptreg-gate[serve]'"
        )


def _read_env(path: str | None) -> None:
    from promptreg.cli.options import read_env_file

    read_env_file(path)


def _tokens(
    config: list[str] | None, folder: str | None, database: str | None, env_file: str | None
) -> Tokens:
    """Return the tokens of the database that `serve` would use with the same options."""
    from promptreg_plugins.web.store.tokens import Tokens

    return Tokens(_database(config, folder, database, env_file))


def _database(
    config: list[str] | None, folder: str | None, database: str | None, env_file: str | None
) -> Database:
    """Return the database that `serve` would use with the same options."""
    _needed()
    _read_env(env_file)
    from promptreg_plugins.web.serving import serve_settings
    from promptreg_plugins.web.store.database import Database

    settings = serve_settings(config or [], folder, database)
    return _told(lambda: Database(settings.database, settings.folder))


def _told(work: Callable[[], T]) -> T:
    """Do something; a refusal of the service becomes an error of the command line."""
    from promptreg_plugins.web.problems import ProblemError, UnavailableError

    try:
        return work()
    except UnavailableError as e:
        raise ExecutionError(e.detail) from e
    except ProblemError as e:
        raise UsageError(e.detail) from e
