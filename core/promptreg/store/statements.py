"""The statements of the call store that its writing thread runs."""

from __future__ import annotations

import json
import sqlite3
import time

from promptreg.records import Completion
from promptreg.store.codec import COLUMNS, Row, unpack

__all__ = ["SELECT", "insert", "note_failure", "nothing"]

SELECT = f"SELECT {COLUMNS} FROM completions WHERE key IN (SELECT value FROM json_each(?))"  # noqa: S608
_INSERT = (
    f"INSERT OR IGNORE INTO completions ({COLUMNS}, written_at) "  # noqa: S608 - constants only
    f"VALUES ({', '.join('?' * 13)})"
)


def insert(
    row: Row, body: Row, completion: Completion, connection: sqlite3.Connection
) -> Completion:
    """Store a completion and its body unless there is one; return the one that is stored."""
    key = row[0]
    cursor = connection.execute(_INSERT, (*row, time.time()))
    connection.execute("DELETE FROM claims WHERE key = ?", (key,))
    if cursor.rowcount == 1:
        connection.execute("INSERT INTO bodies VALUES (?, ?, ?, ?)", (cursor.lastrowid, *body))
        return completion
    first = connection.execute(SELECT, (json.dumps([key]),)).fetchone()
    return unpack(first)


def note_failure(row: Row, owner: int, connection: sqlite3.Connection) -> None:
    """Store a failure and give the claim back."""
    connection.execute(
        "INSERT INTO failures (key, cause, detail, status, attempts, duration_s, written_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*row, time.time()),
    )
    connection.execute("DELETE FROM claims WHERE key = ? AND owner = ?", (row[0], owner))


def nothing(connection: sqlite3.Connection) -> None:
    """Write nothing: whoever waits for it knows that all before it is durable."""
