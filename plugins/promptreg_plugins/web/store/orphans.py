"""Jobs that wait or work with nobody at it: found, and ended with a reason."""

from __future__ import annotations

import sqlalchemy as sa

from promptreg.errors import ExitCode
from promptreg_plugins.web.model import JobState
from promptreg_plugins.web.store.database import Database, now_text
from promptreg_plugins.web.store.events import add_event
from promptreg_plugins.web.store.jobs import Waiting
from promptreg_plugins.web.store.tables import jobs

__all__ = ["fail_job", "unended"]

_OPEN = tuple(str(state) for state in JobState if not state.final)


def unended(database: Database) -> list[Waiting]:
    """Return the jobs that were queued and have not ended."""
    query = sa.select(jobs.c.id, jobs.c.generation).where(
        jobs.c.queued == 1, jobs.c.state.in_(_OPEN)
    )
    with database.read() as c:
        return [Waiting(job_id, generation) for job_id, generation in c.execute(query)]


def fail_job(database: Database, waiting: Waiting, problem: str) -> bool:
    """End a job as failed; False: it has ended, or was asked for anew.

    It reads nothing of the job and writes as little as can be: what kept others from saying how the
    job ended shall not keep this from it.

    Raises:
        UnavailableError: the database does not answer.
    """
    facts = {"exit_code": int(ExitCode.EXECUTION), "problem": problem}
    failed = (
        jobs.update()
        .where(
            jobs.c.id == waiting.id,
            jobs.c.generation == waiting.generation,
            jobs.c.state.in_(_OPEN),
        )
        .values(state=str(JobState.FAILED), ended_at=now_text(), **facts)
    )
    try:
        with database.write() as c:
            found = c.execute(failed).rowcount
            if found:
                event = {"state": str(JobState.FAILED), "verdict": None, **facts}
                add_event(c, waiting.id, "state", event)
    except sa.exc.SQLAlchemyError:  # then without the event: who follows the job sees its state
        with database.write() as c:
            found = c.execute(failed).rowcount
    return bool(found)
