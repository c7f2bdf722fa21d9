"""What the call store holds, and how old completions leave it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from promptreg.store.codec import text_of
from promptreg.store.schema import transaction

__all__ = ["Pruned", "StoreStats", "read_stats", "remove"]


@dataclass(frozen=True, slots=True)
class StoreStats:
    """What a call store holds.

    Attributes:
        completions, failures: rows.
        size_bytes: on disk, journal included.
        models: model, as the server called it, to completions.
    """

    completions: int
    failures: int
    size_bytes: int
    models: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed: rows, and bytes given back to the disk."""

    completions: int
    failures: int
    freed_bytes: int


def read_stats(reader: sqlite3.Connection, path: Path) -> StoreStats:
    """Return counts and sizes."""
    models = reader.execute("SELECT model, count(*) FROM completions GROUP BY model").fetchall()
    return StoreStats(
        completions=sum(count for _, count in models),
        failures=reader.execute("SELECT count(*) FROM failures").fetchone()[0],
        size_bytes=_size(path),
        models={text_of(model): count for model, count in sorted(models, key=lambda m: -m[1])},
    )


def remove(connection: sqlite3.Connection, path: Path, before: float | None) -> Pruned:
    """Remove rows stored before a time (all where it is None) and shrink the file.

    Args:
        connection: in no transaction.
        path: the database file.
        before: seconds since 1970.
    """
    size = _size(path)
    limit = float("inf") if before is None else before
    with transaction(connection):
        connection.execute(
            "DELETE FROM bodies WHERE id IN (SELECT id FROM completions WHERE written_at < ?)",
            (limit,),
        )
        completions = connection.execute(
            "DELETE FROM completions WHERE written_at < ?", (limit,)
        ).rowcount
        failures = connection.execute(
            "DELETE FROM failures WHERE written_at < ?", (limit,)
        ).rowcount
    if completions or failures:
        try:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.OperationalError as error:
            # Another process is at work: the rows are gone, the file shrinks another time.
            if getattr(error, "sqlite_errorcode", 0) & 0xFF not in (
                sqlite3.SQLITE_BUSY,
                sqlite3.SQLITE_LOCKED,
            ):
                raise
    return Pruned(completions, failures, max(0, size - _size(path)))


def _size(path: Path) -> int:
    files = (path, path.with_name(path.name + "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
