"""The first page: every suite with its last verdict and trend, what runs, what was compared."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from markupsafe import Markup

from promptreg_plugins.web.model import Job, JobState, SuiteInfo
from promptreg_plugins.web.pages.rendering import render
from promptreg_plugins.web.pages.trend import candidates, sparkline
from promptreg_plugins.web.problems import ProblemError
from promptreg_plugins.web.service import Service

__all__ = ["add"]

_SUITES, _RECENT, _RUNNING = 40, 12, 20
_POINTS = 20


@dataclass(frozen=True, slots=True)
class _Card:
    """A suite on the dashboard; `trend` is empty where there is none yet."""

    suite: SuiteInfo
    last: Job | None
    metric: str
    trend: Markup
    points: Sequence[Mapping[str, Any]]


def add(router: APIRouter, service: Service) -> None:
    """Add the dashboard, and the part of it that is asked for again and again."""

    @router.get("/")
    async def dashboard(request: Request) -> Response:
        suites, recent, running = await asyncio.gather(
            service.suites(),
            service.jobs(suite=None, state=None, offset=0, limit=_RECENT),
            _running(service),
        )
        shown = suites[:_SUITES]
        cards = await asyncio.gather(*(_card(service, s, i) for i, s in enumerate(shown)))
        return await render(
            request,
            "dashboard.html.j2",
            cards=cards,
            more=len(suites) - len(shown),
            running=running,
            recent=recent,
        )

    @router.get("/parts/running")
    async def running_part(request: Request) -> Response:
        return await render(request, "running.html.j2", running=await _running(service))


async def _running(service: Service) -> list[Job]:
    found = await asyncio.gather(
        service.jobs(suite=None, state=JobState.RUNNING, offset=0, limit=_RUNNING),
        service.jobs(suite=None, state=JobState.QUEUED, offset=0, limit=_RUNNING),
    )
    return [job for page in found for job in page.items]


async def _card(service: Service, suite: SuiteInfo, number: int) -> _Card:
    if suite.problem:
        return _Card(suite, None, "", Markup(""), [])
    metric = leading_metric(suite)
    last = await _last(service, suite.name)
    points: Sequence[Mapping[str, Any]] = []
    if metric:
        try:
            points = await service.trend(suite.name, metric, None)
        except ProblemError:  # a trend that cannot be had must not take the dashboard with it
            points = []
    if points:  # several templates in one line would look like one that jumps
        template = points[-1].get("template")
        points = candidates([p for p in points if p.get("template") == template])[-_POINTS:]
    return _Card(suite, last, metric, sparkline(points, metric, f"spark{number}"), points)


async def _last(service: Service, suite: str) -> Job | None:
    page = await service.jobs(suite=suite, state=JobState.FINISHED, offset=0, limit=_RECENT)
    return next((job for job in page.items if job.verdict), None)


def leading_metric(suite: SuiteInfo) -> str:
    """Return the metric that stands for a suite: `overall` where there is one."""
    return "overall" if "overall" in suite.metrics else next(iter(suite.metrics), "")
