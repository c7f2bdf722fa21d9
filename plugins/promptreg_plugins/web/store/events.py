"""What happened to a job, in order, for those who follow it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from promptreg_plugins.web.model import Event
from promptreg_plugins.web.store.database import Database, now_text, parsed_time
from promptreg_plugins.web.store.tables import events, jobs

__all__ = ["MAX_LOG_LINES", "add_event", "read_events"]

MAX_LOG_LINES = 2_000
"""Lines of one attempt that are kept as events; all of them are in log.txt."""
_AT_ONCE = 500


def add_event(c: sa.Connection, job_id: str, kind: str, data: Mapping[str, Any]) -> None:
    """Add an event in a transaction that writes.

    The job's row is locked meanwhile: ids rise by one, whoever writes.
    """
    c.execute(sa.select(jobs.c.id).where(jobs.c.id == job_id).with_for_update())
    last = c.scalar(sa.select(sa.func.max(events.c.id)).where(events.c.job_id == job_id)) or 0
    c.execute(
        events.insert().values(
            job_id=job_id, id=last + 1, at=now_text(), kind=kind, data=json.dumps(dict(data))
        )
    )


def read_events(database: Database, job_id: str, after: int) -> list[Event]:
    """Return the events after one, at most some hundred at once."""
    query = (
        sa.select(events)
        .where(events.c.job_id == job_id, events.c.id > after)
        .order_by(events.c.id)
        .limit(_AT_ONCE)
    )
    found = []
    with database.read() as c:
        for row in c.execute(query).mappings():
            at = parsed_time(row["at"])
            assert at is not None  # noqa: S101 - the column is never null
            found.append(Event(row["id"], at, row["kind"], json.loads(row["data"])))
    return found
