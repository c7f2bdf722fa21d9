"""Jobs as they are kept: asked for, listed, cancelled, resumed. What a job does is `progress`."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from promptreg_plugins.web.model import Job, JobKind, JobRequest, JobState, Page
from promptreg_plugins.web.problems import ConflictError, NotFoundError, TooManyError
from promptreg_plugins.web.store.database import Database, now_text, parsed_time
from promptreg_plugins.web.store.events import add_event
from promptreg_plugins.web.store.keys import keep_key, key_job
from promptreg_plugins.web.store.tables import artifacts, jobs

__all__ = ["Jobs", "Waiting", "job_of"]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job that is to be queued: its id, and how often it was asked for."""

    id: str
    generation: int

    @property
    def workflow(self) -> str:
        """The workflow's id: the same however often it is queued."""
        return f"{self.id}-{self.generation}"


class Jobs:
    """The jobs of a database.

    Args:
        database: where they are.
        max_queued: how many may wait.
    """

    def __init__(self, database: Database, max_queued: int) -> None:
        self._database = database
        self._max_queued = max_queued

    def of_key(self, request: JobRequest, by: str, key: str) -> Job | None:
        """Return the job that somebody's key stands for; None: there is none yet.

        Raises:
            ConflictError: the key came with another request.
        """
        with self._database.read() as c:
            job_id = key_job(c, request, by, key)
            return _one(c, job_id) if job_id is not None else None

    def add(self, request: JobRequest, by: str, key: str | None = None) -> Job:
        """Keep a new job; durable when this returns.

        Args:
            request: what is asked for.
            by: who asks.
            key: if this key of theirs stands for a job already, that is returned.

        Raises:
            TooManyError: too many wait already.
            ConflictError: the key came with another request.
        """
        try:
            return self._add(request, by, key)
        except sa.exc.IntegrityError:  # another process kept the key in the same moment
            found = self.of_key(request, by, key) if key else None
            if found is None:
                raise
            return found

    def _add(self, request: JobRequest, by: str, key: str | None) -> Job:
        job_id, at = str(uuid.uuid4()), now_text()
        with self._database.write() as c:
            if key and (known := key_job(c, request, by, key)):
                return _one(c, known)
            waiting = c.scalar(
                sa.select(sa.func.count()).where(jobs.c.state == JobState.QUEUED.value)
            )
            if waiting is not None and waiting >= self._max_queued:
                raise TooManyError(f"{waiting:,} jobs wait already; try again when some are done")
            c.execute(
                jobs.insert().values(
                    id=job_id,
                    created_at=at,
                    kind=str(request.kind),
                    suite=request.suite,
                    refs=json.dumps(list(request.refs)),
                    options=json.dumps(dict(request.options)),
                    by=by,
                    state=str(JobState.QUEUED),
                )
            )
            if key:
                keep_key(c, request, by, key, job_id)
            add_event(c, job_id, "state", {"state": str(JobState.QUEUED)})
            return _one(c, job_id)

    def get(self, job_id: str) -> Job:
        """Return a job.

        Raises:
            NotFoundError: there is none.
        """
        with self._database.read() as c:
            return _one(c, job_id)

    def page(
        self,
        *,
        suite: str | None,
        state: JobState | None,
        offset: int,
        limit: int,
        kind: JobKind | None = None,
    ) -> Page[Job]:
        """Return jobs, the newest first."""
        if "\0" in (suite or ""):  # no text in SQL
            return Page((), 0, offset, limit)
        wanted = []
        if suite is not None:
            wanted.append(jobs.c.suite == suite)
        if state is not None:
            wanted.append(jobs.c.state == str(state))
        if kind is not None:
            wanted.append(jobs.c.kind == str(kind))
        query = (
            sa.select(jobs)
            .where(*wanted)
            .order_by(jobs.c.created_at.desc(), jobs.c.id)
            .offset(offset)
            .limit(limit)
        )
        with self._database.read() as c:
            total = c.scalar(sa.select(sa.func.count()).select_from(jobs).where(*wanted)) or 0
            rows = c.execute(query).mappings().all()
            names = _names(c, [row["id"] for row in rows])
        found = tuple(
            job_of({str(k): v for k, v in row.items()}, names.get(row["id"], ())) for row in rows
        )
        return Page(found, total, offset, limit)

    def cancel(self, job_id: str) -> Job:
        """End a job that waits, and have one that works stopped.

        Raises:
            NotFoundError: there is none.
            ConflictError: it has ended.
        """
        with self._database.write() as c:
            job = _one(c, job_id)
            if job.state.final:
                raise ConflictError(f"the job is {job.state}: there is nothing to cancel")
            waits = c.execute(
                jobs.update()
                .where(jobs.c.id == job_id, jobs.c.state == str(JobState.QUEUED))
                .values(state=str(JobState.CANCELLED), cancel=1, ended_at=now_text())
            )
            if waits.rowcount:
                add_event(c, job_id, "state", {"state": str(JobState.CANCELLED)})
            else:
                c.execute(jobs.update().where(jobs.c.id == job_id).values(cancel=1))
            return _one(c, job_id)

    def resume(self, job_id: str) -> Job:
        """Have a job that failed or was cancelled go on.

        Raises:
            NotFoundError: there is none.
            ConflictError: it waits, works, or did what it says.
        """
        allowed = (str(JobState.FAILED), str(JobState.CANCELLED))
        with self._database.write() as c:
            job = _one(c, job_id)
            again = c.execute(
                jobs.update()
                .where(jobs.c.id == job_id, jobs.c.state.in_(allowed))
                .values(
                    state=str(JobState.QUEUED),
                    generation=jobs.c.generation + 1,
                    queued=0,
                    cancel=0,
                    ended_at=None,
                    exit_code=None,
                    problem=None,
                )
            )
            if not again.rowcount:
                raise ConflictError(f"the job is {job.state}; failed and cancelled ones go on")
            add_event(c, job_id, "state", {"state": str(JobState.QUEUED)})
            return _one(c, job_id)

    def unqueued(self) -> list[Waiting]:
        """Return the jobs that wait and that nobody has queued, the oldest first."""
        query = (
            sa.select(jobs.c.id, jobs.c.generation)
            .where(jobs.c.state == str(JobState.QUEUED), jobs.c.queued == 0)
            .order_by(jobs.c.created_at)
            .limit(100)
        )
        with self._database.read() as c:
            return [Waiting(job_id, generation) for job_id, generation in c.execute(query)]

    def queued(self, waiting: Waiting) -> None:
        """Note that a job is queued."""
        with self._database.write() as c:
            c.execute(
                jobs.update()
                .where(jobs.c.id == waiting.id, jobs.c.generation == waiting.generation)
                .values(queued=1)
            )

    def figures(self, suite: str) -> list[tuple[Job, list[dict[str, Any]]]]:
        """Return what the finished jobs of a suite measured, the oldest first."""
        query = (
            sa.select(jobs)
            .where(
                jobs.c.suite == suite,
                jobs.c.state == str(JobState.FINISHED),
                jobs.c.figures.is_not(None),
            )
            .order_by(jobs.c.ended_at, jobs.c.id)
        )
        with self._database.read() as c:
            rows = c.execute(query).mappings().all()
        return [
            (job_of({str(k): v for k, v in row.items()}, ()), json.loads(row["figures"]))
            for row in rows
        ]


def _one(c: sa.Connection, job_id: str) -> Job:
    query = sa.select(jobs).where(jobs.c.id == job_id)
    row = None if "\0" in job_id else c.execute(query).mappings().first()  # NUL: no text in SQL
    if row is None:
        raise NotFoundError(f"no job is called {job_id!r:.80}")
    return job_of({str(k): v for k, v in row.items()}, _names(c, [job_id]).get(job_id, ()))


def _names(c: sa.Connection, ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    query = (
        sa.select(artifacts.c.job_id, artifacts.c.name)
        .where(artifacts.c.job_id.in_(ids))
        .order_by(artifacts.c.name)
    )
    found: dict[str, tuple[str, ...]] = {}
    for job_id, name in c.execute(query):
        found[job_id] = (*found.get(job_id, ()), name)
    return found


def job_of(row: Mapping[str, Any], names: tuple[str, ...]) -> Job:
    """Return a job from its row and the names of its artifacts."""
    created = parsed_time(row["created_at"])
    assert created is not None  # noqa: S101 - the column is never null
    request = JobRequest(
        JobKind(row["kind"]),
        row["suite"],
        tuple(json.loads(row["refs"])),
        json.loads(row["options"]),
    )
    return Job(
        id=row["id"],
        request=request,
        state=JobState(row["state"]),
        by=row["by"],
        created_at=created,
        started_at=parsed_time(row["started_at"]),
        ended_at=parsed_time(row["ended_at"]),
        attempts=row["attempts"],
        done=row["done"],
        planned=row["planned"],
        cached=row["cached"],
        failed=row["failed"],
        verdict=row["verdict"],
        headline=row["headline"],
        exit_code=row["exit_code"],
        problem=row["problem"],
        run_ids=tuple(json.loads(row["run_ids"] or "[]")),
        artifacts=names,
    )
