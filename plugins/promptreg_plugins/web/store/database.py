"""Opens the database, makes or checks its tables, and tells when it does not answer."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa

from promptreg.errors import StoreError, UsageError
from promptreg_plugins.web.problems import UnavailableError
from promptreg_plugins.web.store.tables import SCHEMA_VERSION, meta, metadata

__all__ = ["FILE", "Database", "as_dict", "now_text", "parsed_time"]

FILE = "service.sqlite"
_ADVISORY = 0x70726F6D
_WRITES = "promptreg_writes"
_AWAY = frozenset({"25006", "25P03"})
"""States that pass: a server that may only be read as yet, a transaction that was left too long."""


def as_dict(row: sa.RowMapping | None) -> dict[str, Any] | None:
    """Return a row as a dictionary; None where there is none."""
    return None if row is None else {str(name): value for name, value in row.items()}


def now_text() -> str:
    """Return the time, UTC, as it is stored."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def parsed_time(text: str | None) -> datetime | None:
    """Return a stored time."""
    return None if text is None else datetime.fromisoformat(text)


class Database:
    """The service's database.

    Args:
        url: of PostgreSQL; empty: SQLite in `folder`.
        folder: where the SQLite file lies; made where there is none.

    Raises:
        UsageError: the URL is none that is understood, or a package is missing.
        StoreError: the database is of a newer promptreg, or no database.
        UnavailableError: it does not answer.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self.embedded = not url
        self.path = folder / FILE
        self.url = sa.make_url(f"sqlite:///{self.path}") if self.embedded else _checked(url)
        if self.embedded:
            _private(self.path)
        self.engine = _sqlite(self.url) if self.embedded else _postgres(self.url)
        self._prepare()

    @property
    def words(self) -> str:
        """Where it is, for people; without the password."""
        return str(self.path) if self.embedded else self.url.render_as_string(hide_password=True)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Give a transaction that reads.

        Raises:
            UnavailableError: the database does not answer.
        """
        with self._told(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Give a transaction that writes; it is durable when the block ends.

        Raises:
            UnavailableError: the database does not answer.
        """
        with self._told(), self.engine.connect() as connection:
            connection = connection.execution_options(**{_WRITES: True})
            with connection.begin():
                yield connection

    def clock(self) -> Any:
        """Return an expression: seconds since 1970, by the clock that all processes share."""
        if self.embedded:
            return sa.literal(time.time())
        return sa.cast(sa.extract("epoch", sa.func.clock_timestamp()), sa.Float(53))

    def lock(self) -> IO[bytes] | None:
        """Keep other services from an embedded database; None where several may share it.

        Raises:
            UsageError: another service uses it.
        """
        if not self.embedded:
            return None
        file = self.path.with_suffix(".lock").open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            file.close()
            raise UsageError(
                f"{self.path}: another 'promptreg serve' uses this database; several processes "
                "can share PostgreSQL (--database)"
            ) from e
        return file

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.TimeoutError as e:
            raise UnavailableError("the database has no connection to spare") from e
        except (sa.exc.OperationalError, sa.exc.InterfaceError) as e:
            raise UnavailableError(f"the database does not answer ({_cause(e)})") from e
        except sa.exc.DBAPIError as e:
            if e.connection_invalidated:
                raise UnavailableError("the database closed the connection") from e
            if getattr(e.orig, "sqlstate", None) in _AWAY:
                raise UnavailableError(f"the database does not answer ({_cause(e)})") from e
            raise

    def _prepare(self) -> None:
        try:
            with self.write() as c:
                if not self.embedded:  # several services may start at once
                    c.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY)))
                metadata.create_all(c)
                found = c.scalar(sa.select(meta.c.value).where(meta.c.key == "schema"))
                if found is None:
                    c.execute(meta.insert().values(key="schema", value=str(SCHEMA_VERSION)))
                elif found != str(SCHEMA_VERSION):
                    raise StoreError(
                        f"{self.words}: schema {found}; this promptreg knows {SCHEMA_VERSION}"
                    )
        except sa.exc.DatabaseError as e:
            raise StoreError(f"{self.words}: {_cause(e)}") from e


def _cause(error: sa.exc.StatementError) -> str:
    """Return the first line of what a driver says; it holds no statement and no value."""
    return (str(error.orig or error).strip().splitlines() or ["no reason given"])[0][:200]


def _checked(url: str) -> sa.URL:
    try:
        found = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise UsageError("--database: not a URL; allowed: postgresql+psycopg://...") from None
    if found.drivername == "postgresql":
        found = found.set(drivername="postgresql+psycopg")
    if found.drivername != "postgresql+psycopg" or not found.database:
        raise UsageError(
            f"--database: {found.drivername}: allowed: postgresql+psycopg://USER@HOST/DATABASE; "
            "SQLite needs no URL"
        )
    return found


def _private(path: Path) -> None:
    """Make the file for its owner alone; its companions get the same rights from SQLite."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        with suppress(PermissionError):
            path.chmod(0o600)
    except OSError as e:
        raise StoreError(f"{path}: {e.strerror or e}") from e


def _sqlite(url: sa.URL) -> sa.Engine:
    engine = sa.create_engine(
        url,
        poolclass=sa.QueuePool,
        pool_size=4,
        max_overflow=8,
        pool_timeout=15,
        hide_parameters=True,
    )

    @sa.event.listens_for(engine, "connect")
    def _opened(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        connection.execute("PRAGMA busy_timeout=15000")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    @sa.event.listens_for(engine, "begin")
    def _begun(connection: sa.Connection) -> None:
        # A reader that turns writer may find that somebody wrote in between.
        writes = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgres(url: sa.URL) -> sa.Engine:
    return sa.create_engine(
        url,
        pool_size=4,
        max_overflow=8,
        pool_timeout=5,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "connect_timeout": 5,
            "application_name": "promptreg",
            "options": "-c statement_timeout=15000 -c idle_in_transaction_session_timeout=60000",
        },
    )
