"""Sees to it that each job ends: also one that cannot be queued, or whose end nobody wrote."""

from __future__ import annotations

import logging

from promptreg_plugins.web.jobs.queue import JobQueue
from promptreg_plugins.web.problems import UnavailableError
from promptreg_plugins.web.store.database import Database
from promptreg_plugins.web.store.jobs import Jobs, Waiting
from promptreg_plugins.web.store.orphans import fail_job, unended

__all__ = ["Settling"]

_LOG = logging.getLogger("promptreg.web.jobs")
_TRIES = 5


class Settling:
    """Queues jobs, and ends those that the queue does not take or has done with.

    Args:
        queue: of this process.
        database: where jobs are.
        jobs: the same jobs.
    """

    def __init__(self, queue: JobQueue, database: Database, jobs: Jobs) -> None:
        self._queue, self._database, self._jobs = queue, database, jobs
        self._refused: dict[str, int] = {}

    def put_all(self) -> None:
        """Queue all jobs that wait; one that cannot be queued keeps no other from it.

        Raises:
            UnavailableError: the database does not answer.
        """
        for waiting in self._jobs.unqueued():
            try:
                self._queue.put(waiting)
                self._jobs.queued(waiting)
            except UnavailableError:
                raise
            except Exception as e:  # noqa: BLE001 - whatever it is, others must not wait for it
                _LOG.exception("job not queued", extra={"fields": {"job": waiting.id}})
                self._count(waiting, e)
            else:
                self._refused.pop(waiting.workflow, None)

    def _count(self, waiting: Waiting, error: Exception) -> None:
        tries = self._refused.pop(waiting.workflow, 0) + 1
        if tries < _TRIES:
            self._refused[waiting.workflow] = tries
            return
        problem = (
            f"the job could not be queued ({type(error).__name__}); the service's log says more"
        )
        fail_job(self._database, waiting, problem)

    def end_orphans(self) -> list[str]:
        """End jobs at which nobody works any more, of this start of the service or an earlier one.

        An attempt writes how the job ended before it leaves the queue, so what has left the queue
        and has not ended never will.

        Returns:
            Their ids.

        Raises:
            UnavailableError: the database does not answer.
        """
        seen = unended(self._database)
        active = self._queue.active([waiting.workflow for waiting in seen]) if seen else set()
        ended = []
        for waiting in seen:
            if waiting.workflow in active:
                continue
            problem = (
                "nobody works at the job any more, and how it ended could not be recorded; "
                "resuming goes on where it stopped"
            )
            if fail_job(self._database, waiting, problem):
                _LOG.error("job ended: nobody was at it", extra={"fields": {"job": waiting.id}})
                ended.append(waiting.id)
        return ended
