"""Stored runs and their trials, and asking for new ones."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from promptreg_plugins.web.api.asking import (
    API,
    PLAIN,
    Asking,
    Filters,
    Limit,
    Offset,
    Reader,
    Runner,
    filters_of,
    refusals,
)
from promptreg_plugins.web.api.requests import RunBody
from promptreg_plugins.web.api.routes.creating import ACCEPTED, IdempotencyKey, created
from promptreg_plugins.web.api.routes.scenarios import ScenarioId
from promptreg_plugins.web.api.routes.suites import SuiteName
from promptreg_plugins.web.api.schemas import JobOut, Listing, Run, Trial
from promptreg_plugins.web.problems import NotFoundError

__all__ = ["router"]

router = APIRouter(prefix=API + "/suites/{suite}/runs", tags=["runs"])
RunId = Annotated[
    str,
    Path(
        min_length=1,
        max_length=200,
        pattern=PLAIN,
        description="A run's id.",
        examples=["basic-v1-9ec9c47e25"],
    ),
]


@router.get("", operation_id="listRuns", responses=refusals(404))
async def list_runs(
    suite: SuiteName, service: Asking, who: Reader, offset: Offset = 0, limit: Limit = 50
) -> Listing[Run]:
    """Return the stored runs of a suite, the newest first."""
    runs = await service.runs(suite)
    part = [Run.model_validate(run) for run in runs[offset : offset + limit]]
    return Listing(items=part, total=len(runs), offset=offset, limit=limit)


@router.post(
    "",
    operation_id="createRun",
    status_code=202,
    responses={**refusals(400, 404, 409, 413, 415), **ACCEPTED},
)
async def create_run(
    suite: SuiteName,
    body: RunBody,
    request: Request,
    response: Response,
    service: Asking,
    who: Runner,
    key: IdempotencyKey = None,
) -> JobOut:
    """Ask for runs of one or more versions; the job is followed under `/jobs`."""
    return await created(body.job(suite), key, API + "/jobs", response, service, who)


@router.get("/{run}", operation_id="getRun", responses=refusals(404))
async def get_run(suite: SuiteName, run: RunId, service: Asking, who: Reader) -> Run:
    """Return one run."""
    for one in await service.runs(suite):
        if one.id == run:
            return Run.model_validate(one)
    raise NotFoundError(f"{suite} has no run {run!r}", field="run")


@router.get("/{run}/trials", operation_id="listTrials", responses=refusals(404))
async def list_trials(
    suite: SuiteName,
    run: RunId,
    service: Asking,
    who: Reader,
    filters: Filters = [],  # noqa: B006 - FastAPI copies it
    failed: Annotated[
        bool | None, Query(description="Only those that failed, or only those that did not.")
    ] = None,
    offset: Offset = 0,
    limit: Limit = 50,
) -> Listing[Trial]:
    """Return a run's trials in scenario order, without prompts."""
    page = await service.trials(
        suite, run, where=filters_of(filters), failed=failed, offset=offset, limit=limit
    )
    return Listing[Trial].model_validate(page)


@router.get(
    "/{run}/trials/{scenario:path}/{repeat}", operation_id="getTrial", responses=refusals(404)
)
async def get_trial(
    suite: SuiteName,
    run: RunId,
    scenario: ScenarioId,
    repeat: Annotated[int, Path(ge=0, le=1_000_000, description="Counted from 0.", examples=[0])],
    service: Asking,
    who: Reader,
) -> Trial:
    """Return one trial with the prompt that was sent."""
    return Trial.model_validate(await service.trial(suite, run, scenario, repeat))
