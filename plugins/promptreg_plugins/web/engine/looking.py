"""Looking at suites, templates, scenarios, runs, trials and plug-ins; nothing here changes any."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from promptreg.discovery import load_plugins
from promptreg_plugins.web.engine.images import read_image
from promptreg_plugins.web.engine.plugins import plugins_of
from promptreg_plugins.web.engine.scenarios import all_of, one_of, page_of
from promptreg_plugins.web.engine.suites import Served, Suites
from promptreg_plugins.web.engine.telling import told
from promptreg_plugins.web.engine.templates import templates_of, text_of
from promptreg_plugins.web.engine.trials import RunTrials
from promptreg_plugins.web.model import (
    Page,
    RunInfo,
    ScenarioRow,
    SuiteInfo,
    TemplateInfo,
    TrialRow,
)
from promptreg_plugins.web.problems import NotFoundError, ProblemError
from promptreg_plugins.web.settings import Settings

__all__ = ["Looking"]

T = TypeVar("T")
_PATIENCE_S = 1.0
"""Seconds that a list of all suites waits for one that is read anew."""


class Looking:
    """The part of a `Service` that reads suites and their run stores.

    Args:
        settings: which suites.

    Raises:
        UsageError: two suites have one name.
    """

    def __init__(self, settings: Settings) -> None:
        self._plugins = load_plugins()
        self._suites = Suites(settings.suites, self._plugins)
        self._trials = RunTrials()
        self._infos: dict[Path, SuiteInfo] = {}

    async def suites(self) -> list[SuiteInfo]:
        """Return the suites that are served; one that cannot be opened says its problem.

        One that is being read is told as it was last.
        """
        every = self._suites.all
        asked = {
            served.path: asyncio.ensure_future(self._in_threads(served, self._info, served))
            for served in every
            if not served.reading
        }
        if asked:
            await asyncio.wait(asked.values(), timeout=_PATIENCE_S)
        found = []
        for served in every:
            told = asked.get(served.path)
            found.append(told.result() if told and told.done() else self._last(served))
        return found

    async def suite(self, name: str) -> SuiteInfo:
        """Return one suite."""
        return await self._at(name, self._info)

    def _info(self, served: Served) -> SuiteInfo:
        try:
            project, found = served.project, served.scenarios()
            info = SuiteInfo(
                name=served.name,
                file=str(served.path),
                provider=project.suite.provider.use,
                templates=tuple(templates_of(project)),
                scenarios=len(found.all),
                attributes=found.attributes,
                metrics=served.metrics(),
            )
        except ProblemError as e:
            info = SuiteInfo(served.name, str(served.path), problem=e.detail)
        self._infos[served.path] = info
        return info

    def _last(self, served: Served) -> SuiteInfo:
        reading = "it is being read; ask again in a moment"
        return self._infos.get(served.path) or SuiteInfo(
            served.name, str(served.path), problem=reading
        )

    async def _look_at_all(self) -> None:
        """Have files that changed read again; one that takes its time is not waited for."""
        looks = [self._in_threads(s, s.look) for s in self._suites.all if not s.reading]
        if looks:
            await asyncio.wait(map(asyncio.ensure_future, looks), timeout=_PATIENCE_S)

    async def templates(self, suite: str) -> list[TemplateInfo]:
        """Return a suite's templates with versions and aliases."""
        return await self._at(suite, lambda served: templates_of(served.project))

    async def template_text(self, suite: str, template: str, ref: str) -> str:
        """Return the text of a version."""
        return await self._at(suite, lambda served: text_of(served.project, template, ref).text)

    async def scenarios(
        self, suite: str, *, where: Mapping[str, str], query: str, offset: int, limit: int
    ) -> Page[ScenarioRow]:
        """Return a page of scenarios."""
        return await self._at(
            suite, lambda served: page_of(served.scenarios(), where, query, offset, limit)
        )

    async def scenario(self, suite: str, scenario_id: str) -> ScenarioRow:
        """Return one scenario."""
        return await self._at(suite, lambda served: one_of(served.scenarios(), scenario_id))

    async def image(self, suite: str, scenario_id: str, place: int) -> tuple[bytes, str]:
        """Return the bytes and media type of one of a scenario's images."""

        def look(served: Served) -> tuple[bytes, str]:
            images = one_of(served.scenarios(), scenario_id).images
            if not 0 <= place < len(images):
                raise NotFoundError(f"the scenario has {len(images)} images, none at {place}")
            return read_image(served.project.base, images[place])

        return await self._at(suite, look)

    async def runs(self, suite: str) -> list[RunInfo]:
        """Return the stored runs of a suite, the newest first."""
        return await self._at(suite, lambda served: all_of(served.project))

    async def trials(
        self,
        suite: str,
        run_id: str,
        *,
        where: Mapping[str, str],
        failed: bool | None,
        offset: int,
        limit: int,
    ) -> Page[TrialRow]:
        """Return a page of a run's trials."""

        def look(served: Served) -> Page[TrialRow]:
            return self._trials.page(
                served.project.store,
                run_id,
                served.order(),
                where=where,
                failed=failed,
                offset=offset,
                limit=limit,
            )

        return await self._at(suite, look)

    async def trial(self, suite: str, run_id: str, scenario_id: str, repeat: int) -> TrialRow:
        """Return one trial, prompt included."""
        return await self._at(
            suite,
            lambda served: self._trials.one(served.project.store, run_id, scenario_id, repeat),
        )

    async def plugins(self) -> list[dict[str, str]]:
        """Return what is registered, and what is broken, with why."""
        return plugins_of(self._plugins)

    async def _do(self, work: Callable[..., T], *args: Any) -> T:
        """Do what blocks in a thread; errors of promptreg become refusals."""
        return await asyncio.to_thread(_told, work, *args)

    async def _at(self, suite: str, work: Callable[[Served], T]) -> T:
        """Do something with a suite, in threads of its own.

        Raises:
            NotFoundError: none is called so.
        """
        served = self._suites.known(suite)
        if served is None:
            served = await self._do(self._suites.get, suite)
        return await self._in_threads(served, lambda: work(self._suites.get(suite)))

    async def _in_threads(self, served: Served, work: Callable[..., T], *args: Any) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(served.threads, partial(_told, work, *args))


def _told(work: Callable[..., T], *args: Any) -> T:
    with told():
        return work(*args)
