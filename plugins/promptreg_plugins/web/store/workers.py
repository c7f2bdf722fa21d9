"""Signs of life: which processes of the service work on one database, and which are gone."""

from __future__ import annotations

import os
import platform
from typing import Any

import sqlalchemy as sa

from promptreg_plugins.web.store.database import Database
from promptreg_plugins.web.store.tables import workers

__all__ = ["Workers"]


class Workers:
    """The lease of one process, and those of the others.

    Args:
        database: where leases are kept.
        worker: this process's name; a new one with each start.
        lease_s: seconds without a sign of life after which a process counts as gone.
    """

    def __init__(self, database: Database, worker: str, lease_s: float) -> None:
        self._database = database
        self.worker = worker
        self._lease_s = lease_s

    def beat(self) -> bool:
        """Give a sign of life; False: another process took this one for gone."""
        with self._database.write() as c:
            row = workers.update().where(workers.c.id == self.worker)
            found = c.execute(row.values(seen_at=self._database.clock()))
            return bool(found.rowcount)

    def join(self) -> None:
        """Enter this process, anew if need be."""
        with self._database.write() as c:
            c.execute(workers.delete().where(workers.c.id == self.worker))
            self._enter(c, self._database.clock())

    def _enter(self, c: sa.Connection, seen_at: Any) -> None:
        host = platform.node()[:200]
        row = {"id": self.worker, "host": host, "pid": os.getpid(), "seen_at": seen_at}
        c.execute(workers.insert().values(**row))

    def leave(self) -> None:
        """Say that this process is gone, so that its jobs are taken over at once."""
        with self._database.write() as c:
            row = workers.update().where(workers.c.id == self.worker)
            if not c.execute(row.values(seen_at=0.0)).rowcount:
                # Others took it for gone; what it began since then is known by this row alone.
                self._enter(c, 0.0)

    def gone(self) -> list[str]:
        """Return the processes that gave no sign of life for too long."""
        late = workers.c.seen_at < self._database.clock() - self._lease_s
        if self._database.embedded:  # its lock says that nobody else is alive
            late = sa.true()
        with self._database.read() as c:
            query = sa.select(workers.c.id).where(late, workers.c.id != self.worker)
            return [str(name) for (name,) in c.execute(query)]

    def left(self) -> list[str]:
        """Return the processes that said themselves that they are gone."""
        with self._database.read() as c:
            query = sa.select(workers.c.id).where(workers.c.seen_at == 0.0)
            return [str(name) for (name,) in c.execute(query)]

    @property
    def exclusive(self) -> bool:
        """Whether no other process can be alive: an embedded database is locked."""
        return self._database.embedded

    def forget(self, worker: str) -> None:
        """Strike out a process whose jobs were taken over."""
        with self._database.write() as c:
            c.execute(workers.delete().where(workers.c.id == worker))
