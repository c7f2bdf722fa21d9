"""Suites, their templates and the trend of their metrics."""

from __future__ import annotations

import asyncio
import difflib
import hashlib
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Path, Query

from promptreg_plugins.web.api.asking import API, PLAIN, Asking, Reader, refusals
from promptreg_plugins.web.api.schemas import (
    Diff,
    Listing,
    Suite,
    Template,
    Text,
    Trend,
    TrendPoint,
)
from promptreg_plugins.web.model import TemplateInfo
from promptreg_plugins.web.problems import InvalidError, NotFoundError
from promptreg_plugins.web.service import Service

__all__ = ["SuiteName", "router"]

router = APIRouter(prefix=API + "/suites", tags=["suites"])
SuiteName = Annotated[
    str,
    Path(
        min_length=1,
        max_length=200,
        pattern=PLAIN,
        description="A suite's name.",
        examples=["home_security"],
    ),
]
TemplateName = Annotated[
    str,
    Path(
        min_length=1,
        max_length=200,
        pattern=PLAIN,
        description="A template's name.",
        examples=["basic"],
    ),
]
_REF: dict[str, Any] = {
    "min_length": 1,
    "max_length": 200,
    "pattern": PLAIN,
    "description": "A label, an alias, or `sha256:` and the beginning of the hash.",
}
_LONGEST_DIFF = 2_000_000
Item = TypeVar("Item")


@router.get("", operation_id="listSuites", responses=refusals())
async def list_suites(service: Asking, who: Reader) -> Listing[Suite]:
    """Return the suites that are served; one that cannot be opened says its problem."""
    suites = [Suite.model_validate(suite) for suite in await service.suites()]
    return _all(suites)


@router.get("/{suite}", operation_id="getSuite", responses=refusals(404))
async def get_suite(suite: SuiteName, service: Asking, who: Reader) -> Suite:
    """Return one suite."""
    return Suite.model_validate(await service.suite(suite))


@router.get(
    "/{suite}/templates", operation_id="listTemplates", tags=["templates"], responses=refusals(404)
)
async def list_templates(suite: SuiteName, service: Asking, who: Reader) -> Listing[Template]:
    """Return a suite's templates with their versions and aliases."""
    return _all([Template.model_validate(one) for one in await service.templates(suite)])


@router.get(
    "/{suite}/templates/{template}",
    operation_id="getTemplate",
    tags=["templates"],
    responses=refusals(404),
)
async def get_template(
    suite: SuiteName, template: TemplateName, service: Asking, who: Reader
) -> Template:
    """Return one template."""
    return Template.model_validate(await _template(service, suite, template))


@router.get(
    "/{suite}/templates/{template}/diff",
    operation_id="diffTemplate",
    tags=["templates"],
    responses=refusals(404),
)
async def diff_template(
    suite: SuiteName,
    template: TemplateName,
    baseline: Annotated[str, Query(**_REF, examples=["v1"])],
    candidate: Annotated[str, Query(**_REF, examples=["v2"])],
    service: Asking,
    who: Reader,
) -> Diff:
    """Return how two versions differ."""
    before = await service.template_text(suite, template, baseline)
    after = await service.template_text(suite, template, candidate)
    if len(before) + len(after) > _LONGEST_DIFF:
        raise InvalidError(f"texts of together more than {_LONGEST_DIFF:,} characters")
    lines = await asyncio.to_thread(_diff, before, after, baseline, candidate)
    return Diff(
        suite=suite,
        template=template,
        baseline=baseline,
        candidate=candidate,
        same=before == after,
        lines=lines,
    )


@router.get(
    "/{suite}/templates/{template}/versions/{ref:path}",
    operation_id="getTemplateText",
    tags=["templates"],
    responses=refusals(404),
)
async def get_template_text(
    suite: SuiteName,
    template: TemplateName,
    ref: Annotated[str, Path(**_REF, examples=["v1"])],
    service: Asking,
    who: Reader,
) -> Text:
    """Return the text of a version."""
    text = await service.template_text(suite, template, ref)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Text(suite=suite, template=template, ref=ref, hash=digest, text=text)


@router.get("/{suite}/trend", operation_id="getTrend", tags=["trend"], responses=refusals(404))
async def get_trend(
    suite: SuiteName,
    metric: Annotated[
        str,
        Query(
            min_length=1,
            max_length=200,
            pattern=PLAIN,
            description="A metric.",
            examples=["in_range"],
        ),
    ],
    service: Asking,
    who: Reader,
    template: Annotated[
        str | None,
        Query(min_length=1, max_length=200, pattern=PLAIN, description="Only this template."),
    ] = None,
) -> Trend:
    """Return a metric over the finished jobs of a suite, the oldest first."""
    points = await service.trend(suite, metric, template)
    return Trend(
        suite=suite,
        metric=metric,
        points=[
            TrendPoint.model_validate({n: p.get(n) for n in TrendPoint.model_fields})
            for p in points
        ],
    )


async def _template(service: Service, suite: str, name: str) -> TemplateInfo:
    templates = await service.templates(suite)
    for one in templates:
        if one.name == name:
            return one
    there = ", ".join(one.name for one in templates)
    raise NotFoundError(f"no template is called {name!r}; there are: {there}", field="template")


def _diff(before: str, after: str, baseline: str, candidate: str) -> list[str]:
    return list(
        difflib.unified_diff(
            before.splitlines(), after.splitlines(), baseline, candidate, lineterm=""
        )
    )


def _all(items: list[Item]) -> Listing[Item]:
    return Listing(items=items, total=len(items), offset=0, limit=max(1, len(items)))
