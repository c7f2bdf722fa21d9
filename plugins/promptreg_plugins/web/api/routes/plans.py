"""Plans: what a comparison would cost and could see, before anything is asked of a model."""

from __future__ import annotations

from fastapi import APIRouter

from promptreg_plugins.web.api.asking import API, Asking, Runner, refusals
from promptreg_plugins.web.api.requests import CompareBody
from promptreg_plugins.web.model import JobKind
from promptreg_plugins.web.plan import PlanOut

__all__ = ["router"]

router = APIRouter(prefix=f"{API}/plans", tags=["plans"])


@router.post(
    "",
    operation_id="planComparison",
    summary="Say what a comparison would cost",
    responses=refusals(400, 404, 409, 413, 415),
)
async def plan(body: CompareBody, service: Asking, who: Runner) -> PlanOut:
    """Return what `promptreg plan --json` says: nothing is kept, and no model is called.

    It takes the role `run`: providers are asked which model they serve, and it is work.
    """
    return PlanOut.model_validate(await service.plan(body.job(JobKind.COMPARE), who))
