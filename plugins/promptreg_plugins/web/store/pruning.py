"""Takes old jobs out of the database: what they said, their files, and what the queue kept."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa

from promptreg_plugins.web.model import JobState
from promptreg_plugins.web.store.database import Database
from promptreg_plugins.web.store.tables import artifacts, events, jobs, keys

__all__ = ["prune"]

_AT_ONCE = 100
_QUEUE_TABLES = ("workflow_input", "workflow_output", "operation_outputs", "workflow_status")
_FINAL = tuple(str(state) for state in JobState if state.final)


def prune(database: Database, before: datetime) -> int:
    """Remove all jobs that ended before a time, and return how many; services may be at work.

    In parts, so that nobody waits for long. Runs and history of the suites stay as they are.

    Raises:
        UnavailableError: the database does not answer; what was removed by then is removed.
    """
    removed = 0
    while part := _part(database, before.astimezone(UTC).isoformat(timespec="microseconds")):
        removed += part
    return removed


def _part(database: Database, before: str) -> int:
    query = (
        sa.select(jobs.c.id, jobs.c.generation)
        .where(jobs.c.state.in_(_FINAL), jobs.c.ended_at < before)
        .order_by(jobs.c.ended_at)
        .limit(_AT_ONCE)
        .with_for_update()  # one that is resumed meanwhile stays
    )
    with database.write() as c:
        found = c.execute(query).all()
        ids = [row.id for row in found]
        if not ids:
            return 0
        _forget_workflows(
            c, [f"{row.id}-{i}" for row in found for i in range(1, row.generation + 1)], database
        )
        for table in (keys, events, artifacts):
            c.execute(table.delete().where(table.c.job_id.in_(ids)))
        c.execute(jobs.delete().where(jobs.c.id.in_(ids)))
    return len(ids)


def _forget_workflows(c: sa.Connection, names: list[str], database: Database) -> None:
    """Remove the queue's rows; its tables that are not named here lose theirs by cascade."""
    schema = None if database.embedded else "dbos"
    there = sa.inspect(c).get_table_names(schema=schema)  # none before the first service
    for table in _QUEUE_TABLES:
        if table in there:
            rows = sa.table(table, sa.column("workflow_uuid"), schema=schema)
            c.execute(rows.delete().where(rows.c.workflow_uuid.in_(names)))
