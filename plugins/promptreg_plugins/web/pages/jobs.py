"""Jobs: the list, and one job: live while it runs, then everything its comparison says."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from promptreg.stages.report.text import clean
from promptreg_plugins.look import template_diff
from promptreg_plugins.web.model import Job, JobState, SuiteInfo
from promptreg_plugins.web.pages import wording
from promptreg_plugins.web.pages.asking import form_of, paging_of, runner_of
from promptreg_plugins.web.pages.comparison import View, view_of, wanted_of
from promptreg_plugins.web.pages.rendering import address, render
from promptreg_plugins.web.problems import InvalidError, NotFoundError, ProblemError
from promptreg_plugins.web.service import Service

__all__ = ["add"]

_PAGE = 50
_LOG = 60_000


def add(router: APIRouter, service: Service) -> None:
    """Add the list of jobs, a job's page, and what its buttons do."""

    @router.get("/jobs")
    async def jobs(request: Request) -> Response:
        query, part = request.query_params, paging_of(request, _PAGE)
        suite, state = query.get("suite") or None, _state(query.get("state"))
        page, suites = await asyncio.gather(
            service.jobs(suite=suite, state=state, offset=part.offset, limit=part.limit),
            service.suites(),
        )
        return await render(
            request,
            "jobs.html.j2",
            page=page,
            suites=[s.name for s in suites],
            states=[str(s) for s in JobState],
            suite=suite or "",
            state=str(state or ""),
        )

    @router.get("/jobs/{job_id}")
    async def job(job_id: str, request: Request) -> Response:
        return await _job_page(service, request, await service.job(job_id))

    @router.post("/jobs/{job_id}/cancel")
    async def cancel(job_id: str, request: Request) -> Response:
        who = runner_of(request)
        await form_of(request)
        await service.cancel(job_id, who)
        return RedirectResponse(address("/jobs/{}", job_id), 303)

    @router.post("/jobs/{job_id}/resume")
    async def resume(job_id: str, request: Request) -> Response:
        who = runner_of(request)
        await form_of(request)
        await service.resume(job_id, who)
        return RedirectResponse(address("/jobs/{}", job_id), 303)


def _state(text: str | None) -> JobState | None:
    if not text:
        return None
    try:
        return JobState(text)
    except ValueError:
        allowed = ", ".join(JobState)
        raise InvalidError(f"state is {text[:40]!r}; allowed are {allowed}") from None


async def _job_page(service: Service, request: Request, job: Job) -> Response:
    suite = await _suite(service, job.request.suite)
    wanted = wanted_of(request.query_params)
    values: dict[str, Any] = {
        "job": job,
        "command": wording.command_line(job.request, suite.file if suite else ""),
        "advice": wording.what_to_do(job),
        "wanted": wanted,
        "view": None,
        "unreadable": "",
        "diffs": [],
        "log": "",
    }
    if "log.txt" in job.artifacts:
        values["log"] = await _log(service, job)
    if job.state is JobState.FINISHED and "report.json" in job.artifacts:
        try:
            document = await service.report(job.id)
            view = await asyncio.to_thread(view_of, document, wanted)
        except (NotFoundError, KeyError, TypeError, ValueError, AttributeError) as error:
            # Of another release, or damaged: the stored files are still there to be fetched.
            values["unreadable"] = clean(f"{type(error).__name__}: {error}", 300)
        else:
            values["view"] = view
            values["diffs"] = await _diffs(service, job, view)
    return await render(request, "job.html.j2", **values)


async def _suite(service: Service, name: str) -> SuiteInfo | None:
    try:
        return await service.suite(name)
    except NotFoundError:  # no longer served; its jobs can still be read
        return None


async def _log(service: Service, job: Job) -> str:
    try:
        content = await service.artifact(job.id, "log.txt")
    except NotFoundError:
        return ""
    return clean(content[-_LOG:].decode("utf-8", "replace"), _LOG)


async def _diffs(service: Service, job: Job, view: View) -> list[tuple[str, object]]:
    """Return (template, both texts side by side), as the texts were when they were compared."""

    async def one(template: str, hashes: tuple[str, str]) -> tuple[str, object]:
        try:
            before, after = [
                await service.template_text(job.request.suite, template, f"sha256:{h}")
                for h in hashes
            ]
        except ProblemError as error:
            return template, clean(f"The texts cannot be shown: {error.detail}", 400)
        caption = f"Template {template}, {view.labels[0]} and {view.labels[1]} side by side"
        diff = await asyncio.to_thread(template_diff, before, after, view.labels, caption=caption)
        return template, diff

    return list(await asyncio.gather(*(one(n, h) for n, h in view.templates.items())))
