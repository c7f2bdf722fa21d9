"""The tables of the call store, and how its file is made, opened and brought up to date."""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from promptreg.errors import StoreError
from promptreg.store.folders import sync_folder
from promptreg.store.problems import damaged, from_os, from_sqlite, running_version

__all__ = ["APPLICATION_ID", "STEPS", "connect", "create", "migrate", "transaction"]

APPLICATION_ID = 0x50525247
"""`PRRG`, in the header of the file."""

MAGIC = b"SQLite format 3\0"
BUSY_S = 30.0
"""Seconds to wait for another process's transaction."""

STEPS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
        # Columns of type ANY hold text, or UTF-8 bytes where the text has lone surrogates.
        """CREATE TABLE completions (
            id INTEGER PRIMARY KEY,
            key TEXT NOT NULL UNIQUE,
            written_at REAL NOT NULL,
            text ANY NOT NULL,
            finish ANY NOT NULL,
            model ANY NOT NULL,
            prompt_tokens INTEGER,
            completion_tokens INTEGER,
            latency_s REAL,
            cost REAL,
            attempts INTEGER NOT NULL,
            extra TEXT,
            scores TEXT,
            checksum INTEGER NOT NULL
        ) STRICT""",
        # Apart from the completion, so that a cache hit never reads the pages of a long body.
        """CREATE TABLE bodies (
            id INTEGER PRIMARY KEY,
            request ANY NOT NULL,
            raw ANY NOT NULL,
            checksum INTEGER NOT NULL
        ) STRICT""",
        """CREATE TABLE failures (
            id INTEGER PRIMARY KEY,
            key TEXT NOT NULL,
            written_at REAL NOT NULL,
            cause TEXT NOT NULL,
            detail ANY NOT NULL,
            status INTEGER,
            attempts INTEGER NOT NULL,
            duration_s REAL
        ) STRICT""",
        # AUTOINCREMENT: the id of a process that was given up on is never given to another one.
        """CREATE TABLE owners (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            host TEXT NOT NULL,
            boot TEXT NOT NULL,
            pid INTEGER NOT NULL,
            started TEXT NOT NULL,
            heartbeat REAL NOT NULL
        ) STRICT""",
        "CREATE TABLE claims (key TEXT PRIMARY KEY, owner INTEGER NOT NULL) STRICT, WITHOUT ROWID",
        "CREATE INDEX claims_owner ON claims (owner)",
    ),
)
"""Statements that lead from schema version i to i + 1; never edited once released."""


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Hold the write lock from the start, commit at the end, roll back on any error.

    A transaction that starts by reading could find at its first write that another process was
    quicker, and would have to be repeated.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite rolls back by itself when the disk is full; a second ROLLBACK would then fail.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def create(path: Path) -> None:
    """Make an empty call store at `path`, whole or not at all; leave an existing one alone."""
    if sqlite3.sqlite_version_info < (3, 37):
        raise StoreError(f"SQLite {sqlite3.sqlite_version} is too old; the store needs 3.37")
    if path.exists():
        return
    if _journal(path):
        raise damaged(path, f"missing, while its journal {path.name}-wal is there")
    fresh = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
    build(fresh)
    # A link never replaces a store that another process made in the meantime.
    try:
        os.link(fresh, path)
    except FileExistsError:
        pass
    except OSError:
        if not path.exists():
            fresh.rename(path)  # a file system without links
    fresh.unlink(missing_ok=True)
    sync_folder(path.parent)


def build(path: Path) -> None:
    """Write an empty database with the newest schema to a new file, durably."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        _raise_version(connection)
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()


def connect(path: Path, *, durable: bool = True) -> sqlite3.Connection:
    """Return a connection to an existing call store, in autocommit mode.

    Args:
        path: the database file.
        durable: whether a commit survives a power loss (`synchronous=FULL`). Without it commits
            are merely ordered, and this connection never copies the journal into the database.

    Raises:
        StoreError: the file is missing, empty, no call store, damaged or cannot be written.
    """
    _check_header(path)
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=BUSY_S,
            isolation_level=None,
            check_same_thread=False,
        )
    except sqlite3.Error as error:
        raise from_sqlite(path, error) from error
    try:
        found = connection.execute("PRAGMA application_id").fetchone()[0]
        if found != APPLICATION_ID:
            raise damaged(path, f"a database of another program (application id {found:#010x})")
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise StoreError(f"{path}: this file system allows no write-ahead log ({mode})")
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        if not durable:
            connection.execute("PRAGMA wal_autocheckpoint = 0")
    except sqlite3.Error as error:
        connection.close()
        raise from_sqlite(path, error) from error
    except StoreError:
        connection.close()
        raise
    return connection


def _check_header(path: Path) -> None:
    try:
        whole = not _journal(path)
        with path.open("rb") as file:
            head = file.read(100)
            size = file.seek(0, os.SEEK_END)
        # While there is a journal the file may be behind its header; the journal has the rest.
        whole = whole and not _journal(path)
    except FileNotFoundError as error:
        raise damaged(path, "missing") from error
    except OSError as error:
        raise from_os(path, error) from error
    if not head:
        raise damaged(path, "an empty file")
    if not head.startswith(MAGIC):
        raise damaged(path, f"not a database (it starts with {head[:8]!r})")
    page, pages = int.from_bytes(head[16:18], "big"), int.from_bytes(head[28:32], "big")
    if whole and size < page * pages:
        raise damaged(path, f"damaged (cut off at {size} of {page * pages} bytes)")


def _journal(path: Path) -> bool:
    try:
        return path.with_name(path.name + "-wal").stat().st_size > 0
    except FileNotFoundError:
        return False


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the tables up to the newest schema, in one transaction.

    Raises:
        StoreError: the store was written by a newer promptreg, or is damaged.
    """
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(STEPS):
            raise StoreError(
                f"{path}: schema version {version}, written by promptreg {_writer(connection)}; "
                f"promptreg {running_version()} reads versions up to {len(STEPS)}: use that "
                "promptreg or a newer one, or another store"
            )
        if version < 1:
            raise damaged(path, f"schema version {version}")
        if version < len(STEPS):
            _raise_version(connection)
        connection.execute("SELECT 1 FROM completions LIMIT 1").fetchone()
    except sqlite3.Error as error:
        raise from_sqlite(path, error) from error


def _raise_version(connection: sqlite3.Connection) -> None:
    with transaction(connection):
        # Read again under the lock: another process may have done it.
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        for step in STEPS[version:]:
            for statement in step:
                connection.execute(statement)
        connection.execute(
            "INSERT OR REPLACE INTO about VALUES ('written_by', ?)", (running_version(),)
        )
        connection.execute(f"PRAGMA user_version = {max(version, len(STEPS))}")


def _writer(connection: sqlite3.Connection) -> str:
    try:
        row = connection.execute("SELECT value FROM about WHERE name = 'written_by'").fetchone()
    except sqlite3.OperationalError:
        return "of an unknown version"
    return str(row[0]) if row else "of an unknown version"
