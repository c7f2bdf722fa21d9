"""Looks at jobs that ended since it began, and counts what they did."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from datetime import UTC, datetime

from promptreg_plugins.web.api.metrics import Metrics
from promptreg_plugins.web.model import Job, RunInfo
from promptreg_plugins.web.problems import ProblemError
from promptreg_plugins.web.service import Service

__all__ = ["Watch"]

_EVERY_S = 15.0
_JOBS, _TRIALS = 100, 500
_REMEMBERED = 5_000
_log = logging.getLogger("promptreg.web.metrics")


class Watch:
    """Feeds the metrics from finished jobs, whichever process worked on them.

    Trials of runs that are older than their job are not counted: somebody else made them.
    """

    def __init__(self, service: Service, metrics: Metrics, since: datetime | None = None) -> None:
        self.service = service
        self.metrics = metrics
        self.since = since or datetime.now(UTC)
        self._seen: OrderedDict[str, None] = OrderedDict()

    async def go_on(self) -> None:
        """Look every now and then, until cancelled."""
        while True:
            await asyncio.sleep(_EVERY_S)
            try:
                await self.look()
            except ProblemError as error:
                _log.warning("metrics wait: %s", error.detail)
            except Exception:  # noqa: BLE001 - counting must never end the service
                _log.exception("metrics failed")

    async def look(self) -> None:
        """Count what ended since the last look; the newest 100 jobs at most."""
        page = await self.service.jobs(suite=None, state=None, offset=0, limit=_JOBS)
        for job in page.items:
            if not job.state.final or job.ended_at is None or job.ended_at < self.since:
                continue
            # Together with when it ended: a resumed job ends again.
            if self._new(f"{job.id} {job.ended_at.isoformat()}"):
                self.metrics.ended(job)
                await self._count_runs(job)

    async def _count_runs(self, job: Job) -> None:
        runs = {run.id: run for run in await self.service.runs(job.request.suite)}
        for run_id in job.run_ids:
            run = runs.get(run_id)
            if run is None or run.problem or run.created_at is None:
                continue
            if run.created_at >= job.created_at and self._new(f"{job.request.suite} {run_id}"):
                await self._count(job.request.suite, run)

    async def _count(self, suite: str, run: RunInfo) -> None:
        provider = (await self.service.suite(suite)).provider
        offset, total = 0, 1
        while offset < total:
            page = await self.service.trials(
                suite, run.id, where={}, failed=None, offset=offset, limit=_TRIALS
            )
            for row in page.items:
                self.metrics.trial(row, provider, run.template or "", run.label or "")
            offset, total = offset + _TRIALS, page.total

    def _new(self, name: str) -> bool:
        if name in self._seen:
            return False
        self._seen[name] = None
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return True
