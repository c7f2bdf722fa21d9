"""Which process may make which call: claims of several processes on one store."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Sequence

from promptreg.store.owners import Owner, alive
from promptreg.store.schema import transaction

__all__ = ["CHUNK", "Claims", "live_owners"]

CHUNK = 256
"""Keys per transaction, so that other processes get their turn in between."""


class Claims:
    """The claims of this process.

    Args:
        connection: its commits need not survive a power loss: no claim outlives a boot.
        lease_s: seconds without a sign of life after which an owner counts as gone.
    """

    def __init__(self, connection: sqlite3.Connection, lease_s: float) -> None:
        self._connection = connection
        self._lease_s = lease_s
        self._here = Owner.here()
        here = self._here
        with transaction(connection):
            row = connection.execute(
                "INSERT INTO owners (host, boot, pid, started, heartbeat) VALUES (?, ?, ?, ?, ?)"
                " RETURNING id",
                (here.host, here.boot, here.pid, here.started, here.heartbeat),
            ).fetchone()
        self.owner: int = row[0]

    def beat(self, connection: sqlite3.Connection) -> None:
        """Renew the sign of life, inside a transaction of `connection`.

        Writes the whole row, for it may be gone: another process that took this one for dead has
        dropped it.
        """
        here = self._here
        connection.execute(
            "INSERT OR REPLACE INTO owners VALUES (?, ?, ?, ?, ?, ?)",
            (self.owner, here.host, here.boot, here.pid, here.started, time.monotonic()),
        )

    def take(self, keys: Sequence[str]) -> set[str]:
        """Claim keys that are neither completed nor claimed; return those that were got."""
        got: set[str] = set()
        for start in range(0, len(keys), CHUNK):
            with transaction(self._connection):
                self._drop_dead()
                rows = self._connection.execute(
                    "INSERT OR IGNORE INTO claims SELECT value, ? FROM json_each(?) WHERE NOT "
                    "EXISTS (SELECT 1 FROM completions WHERE completions.key = value) "
                    "RETURNING key",
                    (self.owner, json.dumps(keys[start : start + CHUNK])),
                ).fetchall()
            got.update(key for (key,) in rows)
        return got

    def release(self, keys: Iterable[str]) -> None:
        """Give claims of this process back."""
        with transaction(self._connection):
            self._connection.executemany(
                "DELETE FROM claims WHERE key = ? AND owner = ?",
                [(key, self.owner) for key in keys],
            )

    def leave(self) -> None:
        """Give everything back and sign off."""
        with transaction(self._connection):
            self._connection.execute("DELETE FROM claims WHERE owner = ?", (self.owner,))
            self._connection.execute("DELETE FROM owners WHERE id = ?", (self.owner,))

    def held(self, reader: sqlite3.Connection, keys: Sequence[str]) -> int:
        """Count the keys that a living process holds, this one included."""
        live = [self.owner, *(o.id for o in live_owners(reader, self._lease_s))]
        row = reader.execute(
            "SELECT count(*) FROM json_each(?) AS k JOIN claims ON claims.key = k.value "
            "WHERE claims.owner IN (SELECT value FROM json_each(?))",
            (json.dumps(keys), json.dumps(live)),
        ).fetchone()
        return int(row[0])

    def _drop_dead(self) -> None:
        rows = self._connection.execute("SELECT * FROM owners WHERE id != ?", (self.owner,))
        now = time.monotonic()
        dead = [o for o in map(_owner, rows.fetchall()) if not alive(o, now, self._lease_s)]
        for owner in dead:
            self._connection.execute("DELETE FROM claims WHERE owner = ?", (owner.id,))
            self._connection.execute("DELETE FROM owners WHERE id = ?", (owner.id,))


def live_owners(connection: sqlite3.Connection, lease_s: float) -> list[Owner]:
    """Return the processes that work on the store now."""
    now = time.monotonic()
    owners = map(_owner, connection.execute("SELECT * FROM owners").fetchall())
    return [owner for owner in owners if alive(owner, now, lease_s)]


def _owner(row: tuple[int, str, str, int, str, float]) -> Owner:
    return Owner(*row)
