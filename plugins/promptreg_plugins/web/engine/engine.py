"""The engine: everything that `Service` promises."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import uuid
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from promptreg_plugins.web.engine.bell import Bell
from promptreg_plugins.web.engine.looking import Looking
from promptreg_plugins.web.engine.people import People
from promptreg_plugins.web.engine.planning import Planner
from promptreg_plugins.web.engine.refs import check_refs
from promptreg_plugins.web.engine.scenarios import check_where
from promptreg_plugins.web.engine.suites import Served
from promptreg_plugins.web.jobs.options import check_options
from promptreg_plugins.web.model import (
    Event,
    Job,
    JobKind,
    JobRequest,
    JobState,
    Page,
    Who,
)
from promptreg_plugins.web.problems import UnavailableError
from promptreg_plugins.web.settings import Settings
from promptreg_plugins.web.store.attempts import read_artifact
from promptreg_plugins.web.store.database import Database
from promptreg_plugins.web.store.events import read_events
from promptreg_plugins.web.store.jobs import Jobs
from promptreg_plugins.web.store.workers import Workers

if TYPE_CHECKING:
    from promptreg_plugins.web.jobs.queue import JobQueue
    from promptreg_plugins.web.jobs.watch import Heart, Tender

__all__ = ["Engine"]


class Engine(Looking, People):
    """A `Service` on suites, their run stores and a database.

    `start` begins to work on jobs, `close` ends that; all else works without, too.

    Args:
        settings: what the service was told.

    Raises:
        UsageError: two suites have one name, or the database's URL is none.
        StoreError: the database cannot be used.
        UnavailableError: it does not answer.
    """

    def __init__(self, settings: Settings) -> None:
        Looking.__init__(self, settings)
        self._database = Database(settings.database, settings.folder)
        People.__init__(self, settings, self._database)
        self._jobs = Jobs(self._database, settings.max_queued)
        self._planner = Planner(self._database.url.password or "")
        self._bell = Bell()
        self._stopping = threading.Event()
        self._lock: IO[bytes] | None = None
        self._queue: JobQueue | None = None
        self._heart: Heart | None = None
        self._tender: Tender | None = None

    async def start(self) -> None:
        """Work on jobs, those that an earlier process had begun first.

        Raises:
            UsageError: another service has the embedded database.
            UnavailableError: the database does not answer.
        """
        await asyncio.to_thread(self._start)

    def _start(self) -> None:
        from promptreg_plugins.web.jobs.queue import JobQueue
        from promptreg_plugins.web.jobs.runner import JobRunner
        from promptreg_plugins.web.jobs.settling import Settling
        from promptreg_plugins.web.jobs.watch import Heart, Tender

        self._lock = self._database.lock()
        worker = str(uuid.uuid4())
        runner = JobRunner(
            self.settings, self._database, self._suites, self._stopping, self._bell.ring
        )
        workers = Workers(self._database, worker, self.settings.lease_s)
        self._heart = Heart(workers, self.settings.lease_s)
        self._heart.start()
        self._queue = JobQueue(self._database, worker, self.settings.workers, runner.attempt)
        settling = Settling(self._queue, self._database, self._jobs)
        self._tender = Tender(self._queue, settling, workers, self._heart, self.settings.lease_s)
        self._tender.start()

    def stop(self) -> None:
        """Have what works stop, without waiting for it; those who follow jobs are let go."""
        self._stopping.set()
        self._bell.ring_all()

    async def close(self) -> None:
        """Stop what works, so that it goes on with the next start; nothing is lost."""
        self.stop()
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        if self._tender is not None:
            self._tender.close()
        if self._queue is not None:
            self._queue.close(self.settings.grace_s + 10)
        if self._heart is not None:
            self._heart.close()
        self._database.close()
        if self._lock is not None:
            self._lock.close()

    async def submit(self, request: JobRequest, who: Who, key: str | None = None) -> Job:
        """Check a request and queue it; it is durable when this returns."""

        def keep(served: Served) -> Job:
            _check(request, served)
            return self._jobs.add(request, who.name, key)

        # Before the checks: what was asked for then may be refused by now.
        known = await self._do(self._jobs.of_key, request, who.name, key) if key else None
        job = known if known is not None else await self._at(request.suite, keep)
        self._changed(job.id)
        return job

    async def plan(self, request: JobRequest, who: Who) -> dict[str, Any]:
        """Return what a comparison would cost; nothing is kept."""

        def checked(served: Served) -> Path:
            _check(request, served)
            return served.path

        return await self._planner.plan(request, await self._at(request.suite, checked))

    async def jobs(
        self,
        *,
        suite: str | None,
        state: JobState | None,
        offset: int,
        limit: int,
        kind: JobKind | None = None,
    ) -> Page[Job]:
        """Return jobs, the newest first."""
        page = partial(self._jobs.page, suite=suite, state=state, kind=kind)
        return await self._do(partial(page, offset=offset, limit=limit))

    async def job(self, job_id: str) -> Job:
        """Return one job."""
        return await self._do(self._jobs.get, job_id)

    async def cancel(self, job_id: str, who: Who) -> Job:
        """Stop a job that is queued or running; what was paid for is kept."""
        job = await self._do(self._jobs.cancel, job_id)
        self._changed(job_id)
        return job

    async def resume(self, job_id: str, who: Who) -> Job:
        """Queue a failed or cancelled job again; it goes on where it stopped."""
        job = await self._do(self._jobs.resume, job_id)
        self._changed(job_id)
        return job

    async def events(self, job_id: str, *, after: int = 0) -> AsyncIterator[Event]:
        """Yield all after event `after`, then what happens, until the job's state is final."""
        with self._bell.heard(job_id) as news:
            while True:
                news.clear()
                job = await self.job(job_id)
                found = await self._do(read_events, self._database, job_id, after)
                for event in found:
                    after = event.id
                    yield event
                if not found and (job.state.final or self._stopping.is_set()):
                    return
                if not found:
                    await self._bell.wait(news)

    async def report(self, job_id: str) -> dict[str, Any]:
        """Return the job's JSON document."""
        body = await self.artifact(job_id, "report.json")
        found: dict[str, Any] = await asyncio.to_thread(json.loads, body)
        return found

    async def artifact(self, job_id: str, name: str) -> bytes:
        """Return the bytes of one of `Job.artifacts`."""

        def read() -> bytes:
            self._jobs.get(job_id)
            return read_artifact(self._database, job_id, name)

        return await self._do(read)

    async def trend(self, suite: str, metric: str, template: str | None) -> list[dict[str, Any]]:
        """Return a metric over the finished jobs of a suite, the oldest first."""

        def look(_: Served) -> list[dict[str, Any]]:
            return [
                {
                    **{k: figure[k] for k in ("template", "label", "value", "low", "high")},
                    "share": bool(figure.get("share")),  # jobs of old did not say so
                    "at": (job.ended_at or job.created_at).isoformat(),
                    "verdict": job.verdict,
                    "job_id": job.id,
                }
                for job, figures in self._jobs.figures(suite)
                for figure in figures
                if figure["metric"] == metric and template in (None, figure["template"])
            ]

        return await self._at(suite, look)

    async def healthy(self) -> Mapping[str, str]:
        """Return what readiness asks: part to "ok" or what is wrong."""
        await self._look_at_all()
        return await self._do(self._health)

    def _health(self) -> dict[str, str]:
        found = {"database": "ok", "store": "ok", "suites": "ok", "workers": "ok"}
        try:
            self._jobs.unqueued()
        except UnavailableError as e:
            found["database"] = e.detail
        invalid, unwritable = [], []
        for served in self._suites.all:
            if served.last is None:
                invalid.append(f"{served.name}: {served.problem or 'is being read'}")
                continue
            store = served.last.store
            place = store if store.exists() else store.parent
            if not os.access(place, os.R_OK | os.W_OK | os.X_OK):
                unwritable.append(f"{served.name}: {place} cannot be written")
        if invalid or unwritable:
            found["suites"] = "; ".join(invalid + unwritable)
        if unwritable and len(invalid) + len(unwritable) == len(self._suites.all):
            found["store"] = "; ".join(unwritable)
        if self._tender is None or not self._tender.alive or self._stopping.is_set():
            found["workers"] = "not at work"
        return found

    def _changed(self, job_id: str) -> None:
        self._bell.ring(job_id)
        if self._tender is not None:
            self._tender.wake()


def _check(request: JobRequest, served: Served) -> None:
    """Refuse what a request may not say of a suite.

    Raises:
        InvalidError, ConflictError: says what.
    """
    check_options(request.kind, request.options)
    check_refs(served.project, request.kind, request.refs)
    if where := request.options.get("where"):
        check_where(served.scenarios(), where, "options.where")
