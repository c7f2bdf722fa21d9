"""The scenarios of a suite: filtered, searched, paged."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from promptreg_plugins.web.api.asking import (
    API,
    PLAIN,
    PLAIN_OR_NONE,
    Asking,
    Filters,
    Limit,
    Offset,
    Reader,
    filters_of,
    refusals,
)
from promptreg_plugins.web.api.routes.suites import SuiteName
from promptreg_plugins.web.api.schemas import Listing, Scenario

__all__ = ["ScenarioId", "router"]

router = APIRouter(prefix=API + "/suites/{suite}/scenarios", tags=["scenarios"])
ScenarioId = Annotated[
    str,
    Path(
        min_length=1,
        max_length=500,
        pattern=PLAIN,
        description="A scenario's id.",
        examples=["child_home-1"],
    ),
]


@router.get("", operation_id="listScenarios", responses=refusals(404))
async def list_scenarios(
    suite: SuiteName,
    service: Asking,
    who: Reader,
    filters: Filters = [],  # noqa: B006 - FastAPI copies it
    q: Annotated[
        str,
        Query(max_length=200, pattern=PLAIN_OR_NONE, description="Only those whose text holds it."),
    ] = "",
    offset: Offset = 0,
    limit: Limit = 50,
) -> Listing[Scenario]:
    """Return scenarios in file order."""
    page = await service.scenarios(
        suite, where=filters_of(filters), query=q, offset=offset, limit=limit
    )
    return Listing[Scenario].model_validate(page)


@router.get("/{scenario:path}", operation_id="getScenario", responses=refusals(404))
async def get_scenario(
    suite: SuiteName, scenario: ScenarioId, service: Asking, who: Reader
) -> Scenario:
    """Return one scenario with all that is known of it."""
    return Scenario.model_validate(await service.scenario(suite, scenario))
