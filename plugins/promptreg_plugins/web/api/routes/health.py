"""For those who keep the service running: whether it lives, works, and how it fares."""

from __future__ import annotations

import asyncio
import logging

from fastapi import APIRouter, Request, Response

from promptreg_plugins.web.api.asking import Asking, Reader, refusals
from promptreg_plugins.web.api.metrics import CONTENT_TYPE, Metrics
from promptreg_plugins.web.api.problem import problem_response
from promptreg_plugins.web.api.schemas import Health
from promptreg_plugins.web.model import JobState
from promptreg_plugins.web.problems import ProblemError
from promptreg_plugins.web.service import Service

__all__ = ["router"]

router = APIRouter(tags=["operation"])
_WITHIN_S = 5.0
_TOLERATED = frozenset({"suites"})
"""A suite that somebody breaks takes neither the others nor the pages that say so away."""
_log = logging.getLogger("promptreg.web.health")


@router.get("/health/live", operation_id="isLive")
async def live() -> Health:
    """Say that the process answers."""
    return Health(status="ok", parts={})


@router.get(
    "/health/ready",
    operation_id="isReady",
    responses={503: refusals()[503]},
    response_model=Health,
)
async def ready(request: Request, service: Asking) -> Health | Response:
    """Say whether database, store and workers do; what is wrong is told in the log alone.

    A suite that cannot be used is named there, too, and leaves the service ready.
    """
    parts = await _parts(service)
    for part, state in parts.items():
        request.app.state.metrics.ready(part, state == "ok")
        if state != "ok":
            _log.warning("not ready", extra={"fields": {"part": part, "problem": state}})
    wrong = [p for p, state in parts.items() if state != "ok" and p not in _TOLERATED]
    if wrong:
        return problem_response(
            request.scope,
            503,
            f"not ready: {', '.join(sorted(wrong))}",
            kind="unavailable",
            title="Temporarily unavailable",
            errors=[{"field": part, "message": "unavailable"} for part in sorted(wrong)],
            headers={"Retry-After": "5"},
        )
    said = {p: "ok" if state == "ok" else "not all can be used" for p, state in parts.items()}
    return Health(status="ok", parts=said)


@router.get(
    "/metrics",
    operation_id="getMetrics",
    response_class=Response,
    responses={
        **refusals(),
        200: {
            "description": "For Prometheus.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
    },
)
async def metrics(request: Request, service: Asking, who: Reader) -> Response:
    """Return counters of requests, jobs, calls, tokens, templates, scores and failures."""
    told: Metrics = request.app.state.metrics
    for part, state in (await _parts(service)).items():
        told.ready(part, state == "ok")
    try:
        for job_state in JobState:
            page = await service.jobs(suite=None, state=job_state, offset=0, limit=1)
            told.jobs(job_state.value, page.total)
    except ProblemError as error:  # the rest is as true as before
        _log.warning("no counts of jobs: %s", error.detail)
    return Response(told.text(), headers={"Content-Type": CONTENT_TYPE})


async def _parts(service: Service) -> dict[str, str]:
    try:
        async with asyncio.timeout(_WITHIN_S):
            return dict(await service.healthy())
    except TimeoutError:
        return {"service": f"no answer within {_WITHIN_S:g} s"}
    except ProblemError as error:
        return {"service": error.detail}
