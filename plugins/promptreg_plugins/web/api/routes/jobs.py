"""Jobs: what was asked for, where it stands, stopping it and going on."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from promptreg_plugins.web.api.asking import (
    API,
    PLAIN,
    Asking,
    InState,
    Limit,
    Offset,
    OfSuite,
    Reader,
    Runner,
    refusals,
)
from promptreg_plugins.web.api.routes.artifacts import ArtifactName, artifact_response
from promptreg_plugins.web.api.schemas import JobOut, Listing
from promptreg_plugins.web.model import JobKind

__all__ = ["JobId", "router"]

router = APIRouter(prefix=API + "/jobs", tags=["jobs"])
JobId = Annotated[
    str,
    Path(
        min_length=1,
        max_length=100,
        pattern=PLAIN,
        description="A UUID.",
        examples=["0b6f4a52-7c39-4f0e-9f5f-3f1c2a77d101"],
    ),
]


@router.get("", operation_id="listJobs", responses=refusals(404))
async def list_jobs(
    service: Asking,
    who: Reader,
    suite: OfSuite = None,
    state: InState = None,
    kind: Annotated[JobKind | None, Query(description="Only of this kind.")] = None,
    offset: Offset = 0,
    limit: Limit = 50,
) -> Listing[JobOut]:
    """Return comparisons, gates and runs that were asked for, the newest first."""
    page = await service.jobs(suite=suite, state=state, kind=kind, offset=offset, limit=limit)
    return Listing[JobOut].model_validate(page)


@router.get("/{job_id}", operation_id="getJob", responses=refusals(404))
async def get_job(job_id: JobId, service: Asking, who: Reader) -> JobOut:
    """Return one job."""
    return JobOut.model_validate(await service.job(job_id))


@router.post("/{job_id}/cancel", operation_id="cancelJob", responses=refusals(404, 409, 413, 415))
async def cancel_job(job_id: JobId, service: Asking, who: Runner) -> JobOut:
    """Stop a job that is queued or running; what was paid for is kept."""
    return JobOut.model_validate(await service.cancel(job_id, who))


@router.post("/{job_id}/resume", operation_id="resumeJob", responses=refusals(404, 409, 413, 415))
async def resume_job(job_id: JobId, service: Asking, who: Runner) -> JobOut:
    """Queue a failed or cancelled job again; it goes on where it stopped."""
    return JobOut.model_validate(await service.resume(job_id, who))


@router.get(
    "/{job_id}/artifacts/{name}",
    operation_id="getJobArtifact",
    response_class=Response,
    responses={**refusals(404), **ArtifactName.responses},
)
async def get_job_artifact(
    job_id: JobId, name: ArtifactName.Parameter, request: Request, service: Asking, who: Reader
) -> Response:
    """Return a file that a job wrote, such as its log."""
    return await artifact_response(job_id, name, request, service)
