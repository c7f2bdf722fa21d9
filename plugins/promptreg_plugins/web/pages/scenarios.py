"""The suite's scenarios: searched, filtered, and one with all that is known of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from promptreg.stages.report.text import one_line
from promptreg_plugins.web.model import RunInfo, ScenarioRow, SuiteInfo, TrialRow
from promptreg_plugins.web.pages.asking import paging_of, where_of
from promptreg_plugins.web.pages.rendering import render
from promptreg_plugins.web.pages.trials import Text, bounded
from promptreg_plugins.web.problems import InvalidError, NotFoundError
from promptreg_plugins.web.service import Service

__all__ = ["add"]

_PAGE, _RUNS, _COLUMNS = 50, 12, 5


def add(router: APIRouter, service: Service) -> None:
    """Add the browser of scenarios and a scenario's page."""

    @router.get("/suites/{name}/scenarios")
    async def scenarios(name: str, request: Request) -> Response:
        suite = await service.suite(name)
        part, query = paging_of(request, _PAGE), request.query_params.get("q", "").strip()[:400]
        where = where_of(request, suite.attributes)
        page = await service.scenarios(
            name, where=where, query=query, offset=part.offset, limit=part.limit
        )
        return await render(
            request,
            "scenarios.html.j2",
            suite=suite,
            page=page,
            where=where,
            query=query,
            columns=_columns(suite, where),
            excerpts={row.id: _excerpt(row, query) for row in page.items},
        )

    @router.get("/suites/{name}/scenario")
    async def scenario(name: str, request: Request) -> Response:
        scenario_id = request.query_params.get("id", "")
        if not scenario_id:
            raise InvalidError("the address names no scenario")
        row, runs = await asyncio.gather(service.scenario(name, scenario_id), service.runs(name))
        readable = [run for run in runs if run.problem is None][:_RUNS]
        found = await asyncio.gather(*(_trial(service, name, r, scenario_id) for r in readable))
        whole = "whole" in request.query_params
        return await render(
            request,
            "scenario.html.j2",
            suite=name,
            row=row,
            variables=_fields(row.variables, whole=whole),
            truth=_fields(row.ground_truth, whole=whole),
            trials=[(r, t) for r, t in zip(readable, found, strict=True) if t is not None],
        )


def _columns(suite: SuiteInfo, where: Mapping[str, str]) -> list[str]:
    """Return the attributes worth a column: those that tell scenarios apart, not yet chosen."""
    names = [n for n, values in suite.attributes.items() if len(values) > 1 and n not in where]
    return names[:_COLUMNS]


def _excerpt(row: ScenarioRow, query: str) -> tuple[str, str, str]:
    """Return where the text that was searched for stands: before, it, after; else empty."""
    if not query:
        return "", "", ""
    texts = [v if isinstance(v, str) else _json(v) for v in row.variables.values()]
    for text in sorted(texts, key=len, reverse=True):  # what tells a story rather than a name
        at = text.lower().find(query.lower())
        if at >= 0:
            end = at + len(query)
            before, after = text[max(0, at - 50) : at], text[end : end + 70]
            left, right = one_line(before, 60), one_line(after, 80)
            left += " " if before[-1:].isspace() else ""
            right = (" " if after[:1].isspace() else "") + right
            return left, one_line(text[at:end], 100), right
    return "", "", ""


_LINE = 100
"""Characters of a list or an object that is shown in one line."""


def _json(value: Any) -> str:
    line = json.dumps(value, ensure_ascii=False, default=str)
    if len(line) <= _LINE:
        return line
    return json.dumps(value, ensure_ascii=False, indent=1, default=str)


def _fields(values: Mapping[str, Any], *, whole: bool) -> list[tuple[str, Text]]:
    return [
        (
            one_line(str(name), 80),
            bounded(value if isinstance(value, str) else _json(value), whole=whole),
        )
        for name, value in list(values.items())[:200]
    ]


async def _trial(service: Service, suite: str, run: RunInfo, scenario_id: str) -> TrialRow | None:
    try:
        return await service.trial(suite, run.id, scenario_id, 0)
    except NotFoundError:
        return None
