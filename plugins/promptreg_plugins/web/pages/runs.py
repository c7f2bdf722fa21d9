"""Stored runs: the list of a suite, and the trials of one run."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response

from promptreg.stages.report.text import one_line
from promptreg_plugins.web.model import RunInfo, TrialRow
from promptreg_plugins.web.pages.asking import paging_of, where_of
from promptreg_plugins.web.pages.rendering import render
from promptreg_plugins.web.problems import InvalidError, NotFoundError, ProblemError
from promptreg_plugins.web.service import Service

__all__ = ["add", "failed_of", "run_of"]

_PAGE, _TRIALS, _COLUMNS = 200, 50, 8


def add(router: APIRouter, service: Service) -> None:
    """Add the lists of runs, and a run's page."""

    @router.get("/runs")
    async def every_run(request: Request) -> Response:
        suites = await service.suites()
        lists = await asyncio.gather(*(_runs(service, s.name, s.problem) for s in suites[:40]))
        groups = [(s.name, *found) for s, found in zip(suites, lists, strict=False)]
        return await render(request, "runs.html.j2", groups=groups, suite="")

    @router.get("/suites/{name}/runs")
    async def runs(name: str, request: Request) -> Response:
        found = await service.runs(name)
        groups = [(name, found[:_PAGE], len(found), "")]
        return await render(request, "runs.html.j2", groups=groups, suite=name)

    @router.get("/suites/{name}/runs/{run_id:path}")
    async def run(name: str, run_id: str, request: Request) -> Response:
        suite, run = await asyncio.gather(service.suite(name), run_of(service, name, run_id))
        query, part = request.query_params, paging_of(request, _TRIALS)
        where, failed = where_of(request, suite.attributes), failed_of(query.get("failed"))
        page = await service.trials(
            name, run_id, where=where, failed=failed, offset=part.offset, limit=part.limit
        )
        return await render(
            request,
            "run.html.j2",
            suite=suite,
            run=run,
            page=page,
            where=where,
            failed=query.get("failed", ""),
            metrics=_metrics(page.items),
            rows=[(t, _brief(t)) for t in page.items],
        )


async def _runs(
    service: Service, suite: str, problem: str | None
) -> tuple[list[RunInfo], int, str]:
    if problem:
        return [], 0, one_line(problem, 400)
    try:
        found = await service.runs(suite)
    except ProblemError as error:
        return [], 0, one_line(error.detail, 400)
    return found[:_PAGE], len(found), ""


async def run_of(service: Service, suite: str, run_id: str) -> RunInfo:
    """Return one run of a suite."""
    for run in await service.runs(suite):
        if run.id == run_id:
            return run
    raise NotFoundError(f"suite {suite} has no stored run {run_id[:120]!r}")


def failed_of(text: str | None) -> bool | None:
    """Return which trials an address asks for: failed, answered, or all."""
    known = {"": None, "yes": True, "no": False}
    if (text or "") not in known:
        raise InvalidError(f"failed is {(text or '')[:40]!r}; allowed are yes, no", field="failed")
    return known[text or ""]


def _metrics(trials: tuple[TrialRow, ...]) -> list[str]:
    return list(dict.fromkeys(name for t in trials for name in t.scores))[:_COLUMNS]


def _brief(trial: TrialRow) -> str:
    """Return what came back in a few words."""
    if trial.failure:
        return one_line(trial.failure, 80)
    if trial.answer:
        short = [
            f"{one_line(str(k), 24)} {one_line(str(v), 24)}"
            for k, v in list(trial.answer.items())[:30]
            if isinstance(v, (int, float, bool)) or (isinstance(v, str) and len(v) <= 24)
        ]
        return " · ".join(short[:3]) or "answered"
    return one_line(trial.text or "", 80) or "answered"
