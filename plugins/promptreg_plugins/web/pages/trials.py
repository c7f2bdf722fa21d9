"""One trial with all that happened, beside the same scenario's trial in another run."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response

from promptreg.stages.report.answers import split_answer
from promptreg.stages.report.text import clean, one_line
from promptreg_plugins.web.model import RunInfo, TrialRow
from promptreg_plugins.web.pages.asking import number_of, where_of
from promptreg_plugins.web.pages.rendering import address, render
from promptreg_plugins.web.pages.runs import failed_of
from promptreg_plugins.web.problems import InvalidError, NotFoundError
from promptreg_plugins.web.service import Service

__all__ = ["Text", "add", "bounded"]

_SHORT, _LONG = 4_000, 4_000_000
_STEP, _FAR = 500, 5_000
_RUNS = 60


@dataclass(frozen=True, slots=True)
class Text:
    """A text that may be long: what is shown of it, and how long all of it is."""

    shown: str
    length: int
    cut: bool


@dataclass(frozen=True, slots=True)
class _Side:
    """One version's trial, as text."""

    run: RunInfo
    trial: TrialRow | None
    lacking: str
    values: list[tuple[str, str]]
    fields: list[tuple[str, Text]]
    completion: Text
    prompt: Text


def add(router: APIRouter, service: Service) -> None:
    """Add a trial's page."""

    @router.get("/suites/{name}/trial")
    async def trial(name: str, request: Request) -> Response:
        query = request.query_params
        run_id, scenario_id = query.get("run", ""), query.get("scenario", "")
        if not (run_id and scenario_id):
            raise InvalidError("the address names no run and scenario")
        repeat, whole = number_of(query, "repeat", 0, 10_000), "whole" in query
        runs = await service.runs(name)
        known = {run.id: run for run in runs}
        if run_id not in known:
            raise NotFoundError(f"suite {name} has no stored run {run_id[:120]!r}")
        against = query.get("against", "")
        if against and against not in known:
            raise NotFoundError(f"suite {name} has no stored run {against[:120]!r}")
        own = await service.trial(name, run_id, scenario_id, repeat)
        before, after, place = await _neighbours(service, request, name, own)
        sides = [_side(known[run_id], own, "", whole=whole)]
        if against:  # the other run is the baseline, and stands first
            sides.insert(0, await _other(service, name, known[against], own, whole=whole))
        truth, images = await _known(service, name, scenario_id)
        return await render(
            request,
            "trial.html.j2",
            suite=name,
            run=known[run_id],
            trial=own,
            truth=truth,
            images=images,
            sides=sides,
            against=against,
            others=[r for r in runs if r.id != run_id and r.problem is None][:_RUNS],
            before=before,
            after=after,
            place=place,
            whole=whole,
            everything=address(f"{request.url.path}", **{**dict(query), "whole": "yes"}),
        )


async def _known(
    service: Service, suite: str, scenario_id: str
) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    """Return what is known to be right, and the names of the scenario's images."""
    try:
        row = await service.scenario(suite, scenario_id)
    except NotFoundError:  # the run is older than the suite's scenarios
        return [], ()
    truth = [
        (one_line(str(k), 40), one_line(v if isinstance(v, str) else _json(v, None), 200))
        for k, v in list(row.ground_truth.items())[:30]
    ]
    return truth, row.images


async def _other(
    service: Service, suite: str, run: RunInfo, own: TrialRow, *, whole: bool
) -> _Side:
    try:
        found = await service.trial(suite, run.id, own.scenario_id, own.repeat)
    except NotFoundError as error:
        return _side(run, None, one_line(error.detail, 200), whole=whole)
    return _side(run, found, "", whole=whole)


def _side(run: RunInfo, trial: TrialRow | None, lacking: str, *, whole: bool) -> _Side:
    answer = (trial.answer if trial else None) or {}
    values, texts = split_answer(answer, _LONG if whole else _SHORT)
    nested = [
        (one_line(str(k), 40), bounded(_json(v), whole=whole))
        for k, v in list(answer.items())[:30]
        if isinstance(v, (dict, list))
    ]
    names = {name for name, _ in nested}
    return _Side(
        run=run,
        trial=trial,
        lacking=lacking,
        values=[(k, v) for k, v in values if k not in names],
        fields=[(k, bounded(v, whole=whole)) for k, v in texts] + nested,
        completion=bounded((trial.text if trial else None) or "", whole=whole),
        prompt=bounded((trial.prompt if trial else None) or "", whole=whole),
    )


def bounded(text: str, *, whole: bool) -> Text:
    """Return a text cleaned, and cut unless all of it is wanted."""
    limit = _LONG if whole else _SHORT
    return Text(clean(text[:limit], limit), len(text), len(text) > limit)


def _json(value: Any, indent: int | None = 2) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent, default=str)


async def _neighbours(
    service: Service, request: Request, suite: str, own: TrialRow
) -> tuple[str, str, str]:
    """Return addresses of the trials before and after, and `3 of 132`; empty where unknown.

    The address may say which place among which trials it is (`n`, and the filters of the run's
    page); else the run is searched from its start, as far as 5,000 trials.
    """
    query = request.query_params
    info = await service.suite(suite)
    where = where_of(request, info.attributes)
    failed = failed_of(query.get("failed"))
    place = number_of(query, "n", -1) if query.get("n") else -1
    start = max(0, place - 1) if place >= 0 else 0
    while True:
        size = 3 if place >= 0 else _STEP
        page = await service.trials(
            suite, own.run_id, where=where, failed=failed, offset=start, limit=size
        )
        keys = [(t.scenario_id, t.repeat) for t in page.items]
        mine = (own.scenario_id, own.repeat)
        if mine in keys:
            at = start + keys.index(mine)
            break
        if place >= 0:  # the place is of an older list
            place, start = -1, 0
            continue
        start += len(keys)
        if not keys or start >= min(page.total, _FAR):
            return "", "", ""
    ends = await asyncio.gather(
        *(
            service.trials(suite, own.run_id, where=where, failed=failed, offset=i, limit=1)
            for i in (at - 1, at + 1)
            if 0 <= i < page.total
        )
    )
    found = {p.offset: p.items[0] for p in ends if p.items}
    kept = {f"a.{k}": v for k, v in where.items()} | {
        k: query[k] for k in ("failed", "against") if k in query
    }

    def link(i: int) -> str:
        if i not in found:
            return ""
        t = found[i]
        facts = {"run": own.run_id, "scenario": t.scenario_id, "repeat": t.repeat, "n": i}
        return address("/suites/{}/trial", suite, **facts, **kept)

    return link(at - 1), link(at + 1), f"{at + 1:,} of {page.total:,}"
