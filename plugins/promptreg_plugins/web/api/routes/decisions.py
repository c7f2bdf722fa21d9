"""Comparisons and gates: the same work; a gate's exit code is its verdict."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from promptreg_plugins.web.api.asking import (
    API,
    Asking,
    InState,
    Limit,
    Offset,
    OfSuite,
    Reader,
    Runner,
    refusals,
)
from promptreg_plugins.web.api.requests import CompareBody
from promptreg_plugins.web.api.routes.artifacts import ArtifactName, artifact_response
from promptreg_plugins.web.api.routes.creating import ACCEPTED, IdempotencyKey, created
from promptreg_plugins.web.api.routes.jobs import JobId
from promptreg_plugins.web.api.schemas import JobOut, Listing
from promptreg_plugins.web.model import Job, JobKind
from promptreg_plugins.web.problems import NotFoundError
from promptreg_plugins.web.service import Service

__all__ = ["comparisons", "gates"]


def _router(kind: JobKind, plural: str, one: str) -> APIRouter:
    """Return the routes of comparisons or of gates."""
    router = APIRouter(prefix=f"{API}/{plural}", tags=[plural])
    name = one.capitalize()

    @router.post(
        "",
        operation_id=f"create{name}",
        summary=f"Ask for a {one}",
        status_code=202,
        responses={**refusals(400, 404, 409, 413, 415), **ACCEPTED},
    )
    async def create(
        body: CompareBody,
        request: Request,
        response: Response,
        service: Asking,
        who: Runner,
        key: IdempotencyKey = None,
    ) -> JobOut:
        wanted = body.job(kind)
        place = f"{API}/{plural}"
        return await created(wanted, key, place, response, service, who)

    @router.get(
        "",
        operation_id=f"list{plural.capitalize()}",
        summary=f"The {plural}, the newest first",
        responses=refusals(404),
    )
    async def listed(
        service: Asking,
        who: Reader,
        suite: OfSuite = None,
        state: InState = None,
        offset: Offset = 0,
        limit: Limit = 50,
    ) -> Listing[JobOut]:
        page = await service.jobs(suite=suite, state=state, kind=kind, offset=offset, limit=limit)
        return Listing[JobOut].model_validate(page)

    @router.get(
        "/{job_id}",
        operation_id=f"get{name}",
        summary=f"One {one}",
        responses=refusals(404),
    )
    async def get(job_id: JobId, service: Asking, who: Reader) -> JobOut:
        return JobOut.model_validate(await _one(service, kind, job_id, one))

    @router.get(
        "/{job_id}/report",
        operation_id=f"get{name}Report",
        summary="The JSON document, as the command prints it with --json",
        responses=refusals(404, 409),
    )
    async def report(job_id: JobId, service: Asking, who: Reader) -> dict[str, Any]:
        await _one(service, kind, job_id, one)
        return await service.report(job_id)

    @router.get(
        "/{job_id}/artifacts/{name}",
        operation_id=f"get{name}Artifact",
        summary="A file it wrote",
        response_class=Response,
        responses={**refusals(404), **ArtifactName.responses},
    )
    async def artifact(
        job_id: JobId, name: ArtifactName.Parameter, request: Request, service: Asking, who: Reader
    ) -> Response:
        await _one(service, kind, job_id, one)
        return await artifact_response(job_id, name, request, service)

    return router


async def _one(service: Service, kind: JobKind, job_id: str, one: str) -> Job:
    job = await service.job(job_id)
    if job.request.kind is not kind:
        raise NotFoundError(f"{job_id} is no {one} but a {job.request.kind}", field="job_id")
    return job


comparisons = _router(JobKind.COMPARE, "comparisons", "comparison")
gates = _router(JobKind.GATE, "gates", "gate")
