"""One attempt at a job writes what it comes to; an attempt that was superseded writes nothing."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from promptreg_plugins.web.model import Job, JobState
from promptreg_plugins.web.problems import NotFoundError
from promptreg_plugins.web.store.database import Database, now_text
from promptreg_plugins.web.store.events import add_event
from promptreg_plugins.web.store.jobs import job_of
from promptreg_plugins.web.store.tables import artifacts, jobs

__all__ = ["Attempt", "SupersededError", "read_artifact", "start_attempt"]


class SupersededError(Exception):
    """Another process took the job over."""


def start_attempt(database: Database, job_id: str, generation: int) -> Attempt | None:
    """Begin an attempt; None: there is nothing to do, as the job was cancelled or has ended."""
    with database.write() as c:
        if _cancelled_meanwhile(c, job_id, generation):
            return None
        begun = c.execute(
            jobs.update()
            .where(
                jobs.c.id == job_id,
                jobs.c.generation == generation,
                jobs.c.state.in_((str(JobState.QUEUED), str(JobState.RUNNING))),
            )
            .values(
                state=str(JobState.RUNNING),
                attempts=jobs.c.attempts + 1,
                started_at=sa.func.coalesce(jobs.c.started_at, now_text()),
                done=0,
                cached=0,
                failed=0,
                planned=None,
            )
        )
        if not begun.rowcount:
            return None
        add_event(c, job_id, "state", {"state": str(JobState.RUNNING)})
        row = c.execute(sa.select(jobs).where(jobs.c.id == job_id)).mappings().one()
    return Attempt(database, job_of({str(k): v for k, v in row.items()}, ()))


def _cancelled_meanwhile(c: sa.Connection, job_id: str, generation: int) -> bool:
    """End a job that was to stop when its service died."""
    ended = c.execute(
        jobs.update()
        .where(
            jobs.c.id == job_id,
            jobs.c.generation == generation,
            jobs.c.state == str(JobState.RUNNING),
            jobs.c.cancel == 1,
        )
        .values(state=str(JobState.CANCELLED), ended_at=now_text())
    )
    if ended.rowcount:
        add_event(c, job_id, "state", {"state": str(JobState.CANCELLED)})
    return bool(ended.rowcount)


class Attempt:
    """An attempt that may write as long as no later one has begun.

    Every method raises SupersededError if one has, and UnavailableError if the database does not
    answer.

    Attributes:
        job: as it was when the attempt began.
    """

    def __init__(self, database: Database, job: Job) -> None:
        self._database = database
        self.job = job

    def progress(self, counts: Mapping[str, Any], speed: Mapping[str, Any]) -> bool:
        """Keep counts (done, planned, cached, failed); return whether the job is to stop."""
        with self._database.write() as c:
            self._update(c, counts)
            add_event(c, self.job.id, "progress", {**counts, **speed})
            return self._cancelled(c)

    def log(self, lines: Iterable[str]) -> None:
        """Keep lines that were printed for people."""
        with self._database.write() as c:
            self._update(c, {})
            for line in lines:
                add_event(c, self.job.id, "log", {"line": line})

    def cancelled(self) -> bool:
        """Return whether the job is to stop."""
        with self._database.read() as c:
            query = sa.select(jobs.c.cancel, jobs.c.attempts).where(jobs.c.id == self.job.id)
            row = c.execute(query).first()
        if row is None or row[1] != self.job.attempts:
            raise SupersededError(self.job.id)
        return bool(row[0])

    def finish(self, state: JobState, facts: Mapping[str, Any]) -> None:
        """Keep the end of the attempt: the columns of the job that it is known by."""
        values = {"state": str(state), "ended_at": now_text(), **facts}
        for name in ("run_ids", "figures"):
            if name in values:
                values[name] = json.dumps(values[name])
        with self._database.write() as c:
            self._update(c, values)
            told = ("verdict", "exit_code", "problem")
            event = {"state": str(state), **{name: facts.get(name) for name in told}}
            add_event(c, self.job.id, "state", event)

    def give_back(self) -> None:
        """Say that the job waits again, as the service that worked on it is ending."""
        with self._database.write() as c:
            self._update(c, {"state": str(JobState.QUEUED)})
            add_event(c, self.job.id, "state", {"state": str(JobState.QUEUED)})

    def keep(self, files: Sequence[tuple[str, bytes]]) -> None:
        """Keep artifacts, in place of those of earlier attempts."""
        packed = [(name, len(body), zlib.compress(body, 6)) for name, body in files]
        with self._database.write() as c:
            self._update(c, {})
            c.execute(artifacts.delete().where(artifacts.c.job_id == self.job.id))
            for name, size, body in packed:
                c.execute(
                    artifacts.insert().values(job_id=self.job.id, name=name, size=size, body=body)
                )

    def _update(self, c: sa.Connection, values: Mapping[str, Any]) -> None:
        mine = (
            jobs.c.id == self.job.id,
            jobs.c.attempts == self.job.attempts,
            jobs.c.state == str(JobState.RUNNING),
        )
        found = c.execute(
            jobs.update().where(*mine).values(**{"attempts": self.job.attempts, **values})
        )
        if not found.rowcount:
            raise SupersededError(self.job.id)

    def _cancelled(self, c: sa.Connection) -> bool:
        return bool(c.scalar(sa.select(jobs.c.cancel).where(jobs.c.id == self.job.id)))


def read_artifact(database: Database, job_id: str, name: str) -> bytes:
    """Return an artifact's bytes.

    Raises:
        NotFoundError: the job has none of this name.
    """
    query = sa.select(artifacts.c.size, artifacts.c.body).where(
        artifacts.c.job_id == job_id, artifacts.c.name == name
    )
    row = None
    if "\0" not in job_id + name:  # no text in SQL
        with database.read() as c:
            row = c.execute(query).first()
    if row is None:
        raise NotFoundError(f"job {job_id!r:.80} has no artifact {name!r:.80}")
    unpacker = zlib.decompressobj()
    return unpacker.decompress(row[1], row[0] + 1)
