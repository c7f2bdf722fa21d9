"""A suite: its templates and versions, its metrics over time, and the form that compares two."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from promptreg_plugins.look import template_diff
from promptreg_plugins.web.model import SuiteInfo
from promptreg_plugins.web.pages.asking import form_of, runner_of
from promptreg_plugins.web.pages.comparing import Wish, plan_of, request_of, wish_of, wished
from promptreg_plugins.web.pages.dashboard import leading_metric
from promptreg_plugins.web.pages.rendering import address, render
from promptreg_plugins.web.pages.trend import trend_plot
from promptreg_plugins.web.plan import PlanOut
from promptreg_plugins.web.problems import (
    ConflictError,
    InvalidError,
    NotFoundError,
    ProblemError,
    TooManyError,
    UnavailableError,
)
from promptreg_plugins.web.service import Service

__all__ = ["add"]

_RUNS, _JOBS = 10, 10


def add(router: APIRouter, service: Service) -> None:
    """Add the suite's page, a template's page, and what the form does."""

    @router.get("/suites/{name}")
    async def suite(name: str, request: Request) -> Response:
        return await _page(service, request, name, wish_of(request.query_params))

    @router.post("/suites/{name}/jobs")
    async def submit(name: str, request: Request) -> Response:
        who = runner_of(request)
        fields = await form_of(request)
        try:
            job = await service.submit(request_of(name, fields), who)
        except InvalidError as error:
            return await _page(service, request, name, wished(fields), refused=error)
        return RedirectResponse(address("/jobs/{}", job.id), 303)

    @router.post("/suites/{name}/plan")
    async def plan(name: str, request: Request) -> Response:
        who = runner_of(request)
        fields = await form_of(request)
        try:
            found = plan_of(await service.plan(request_of(name, fields), who))
        except (InvalidError, ConflictError, UnavailableError, TooManyError) as error:
            return await _page(service, request, name, wished(fields), refused=error)
        return await _page(service, request, name, wished(fields), plan=found)

    @router.get("/suites/{name}/plan")
    async def no_plan(name: str) -> Response:
        return RedirectResponse(address("/suites/{}", name), 303)

    @router.get("/suites/{name}/templates/{template:path}")
    async def template(name: str, template: str, request: Request) -> Response:
        query = request.query_params
        known = {t.name: t for t in await service.templates(name)}
        if template not in known:
            raise NotFoundError(f"suite {name} has no template {template[:80]!r}")
        shown = known[template]
        labels = [v.label for v in shown.versions if v.problem is None]
        refs = [*labels, *(a for a in shown.aliases if a not in labels)]
        after = query.get("b") or (labels[-1] if labels else "")
        before = query.get("a") or (labels[-2] if len(labels) > 1 else after)
        texts = [await service.template_text(name, template, r) for r in (before, after) if r]
        diff: Any = ""
        if len(texts) > 1:
            diff = await asyncio.to_thread(template_diff, texts[0], texts[1], (before, after))
        return await render(
            request,
            "template.html.j2",
            suite=name,
            template=shown,
            refs=refs,
            pair=(before, after),
            text=texts[-1] if texts else "",
            diff=diff,
        )


async def _page(
    service: Service,
    request: Request,
    name: str,
    wish: Wish,
    *,
    refused: ProblemError | None = None,
    plan: PlanOut | None = None,
) -> Response:
    suite = await service.suite(name)
    if suite.problem:
        return await render(request, "suite_broken.html.j2", status=503, suite=suite)
    metric = request.query_params.get("metric") or leading_metric(suite)
    template = request.query_params.get("of") or None
    jobs, runs, trends = await asyncio.gather(
        service.jobs(suite=name, state=None, offset=0, limit=_JOBS),
        service.runs(name),
        _trends(service, suite, metric, template),
    )
    return await render(
        request,
        "suite.html.j2",
        status=refused.status if refused else 200,
        suite=suite,
        refs=_refs(suite),
        filters=[f"{k}={v}" for k, values in suite.attributes.items() for v in values][:400],
        wish=wish,
        refused=refused,
        plan=plan,
        metric=metric,
        of=template or "",
        jobs=jobs,
        runs=runs[:_RUNS],
        runs_total=len(runs),
        trends=trends,
    )


async def _trends(
    service: Service, suite: SuiteInfo, metric: str, template: str | None
) -> list[tuple[str, Any, list[dict[str, Any]]]]:
    """Return (template, drawing, points, the newest first)."""
    if not metric:
        return []
    try:
        points = await service.trend(suite.name, metric, template)
    except ProblemError as error:
        if error.status == 503:
            return []
        raise
    groups: dict[str, list[dict[str, Any]]] = {}
    for point in points:
        groups.setdefault(str(point.get("template") or ""), []).append(point)
    return [
        (name, trend_plot(rows, metric, f"trend{i}"), rows[-30:][::-1])
        for i, (name, rows) in enumerate(list(groups.items())[:12])
    ]


def _refs(suite: SuiteInfo) -> Mapping[str, list[str]]:
    """Return what can be compared: labels that can be read, then aliases, by template."""
    found = {}
    for template in suite.templates:
        labels = [v.label for v in template.versions if v.problem is None]
        found[template.name] = [*labels, *(a for a in template.aliases if a not in labels)]
    return found
