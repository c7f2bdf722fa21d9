"""Looking at suites, templates, scenarios, runs, trials and plug-ins; nothing here changes any."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from promptreg.discovery import load_plugins
from promptreg_plugins.web.engine.images import read_image
from promptreg_plugins.web.engine.plugins import plugins_of
from promptreg_plugins.web.engine.scenarios import all_of, one_of, page_of
from promptreg_plugins.web.engine.suites import Suites
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

    async def suites(self) -> list[SuiteInfo]:
        """Return the suites that are served; one that cannot be opened says its problem."""
        return await self._do(lambda: [self._info(s.name) for s in self._suites.looked_at()])

    async def suite(self, name: str) -> SuiteInfo:
        """Return one suite."""
        return await self._do(self._info, name)

    def _info(self, name: str) -> SuiteInfo:
        served = self._suites.get(name)
        try:
            project, found = served.project, served.scenarios()
            return SuiteInfo(
                name=served.name,
                file=str(served.path),
                provider=project.suite.provider.use,
                templates=tuple(templates_of(project)),
                scenarios=len(found.all),
                attributes=found.attributes,
                metrics=served.metrics(),
            )
        except ProblemError as e:
            return SuiteInfo(served.name, str(served.path), problem=e.detail)

    async def templates(self, suite: str) -> list[TemplateInfo]:
        """Return a suite's templates with versions and aliases."""
        return await self._do(lambda: templates_of(self._suites.get(suite).project))

    async def template_text(self, suite: str, template: str, ref: str) -> str:
        """Return the text of a version."""
        return await self._do(lambda: text_of(self._suites.get(suite).project, template, ref).text)

    async def scenarios(
        self, suite: str, *, where: Mapping[str, str], query: str, offset: int, limit: int
    ) -> Page[ScenarioRow]:
        """Return a page of scenarios."""
        return await self._do(
            lambda: page_of(self._suites.get(suite).scenarios(), where, query, offset, limit)
        )

    async def scenario(self, suite: str, scenario_id: str) -> ScenarioRow:
        """Return one scenario."""
        return await self._do(lambda: one_of(self._suites.get(suite).scenarios(), scenario_id))

    async def image(self, suite: str, scenario_id: str, place: int) -> tuple[bytes, str]:
        """Return the bytes and media type of one of a scenario's images."""

        def look() -> tuple[bytes, str]:
            served = self._suites.get(suite)
            images = one_of(served.scenarios(), scenario_id).images
            if not 0 <= place < len(images):
                raise NotFoundError(f"the scenario has {len(images)} images, none at {place}")
            return read_image(served.project.base, images[place])

        return await self._do(look)

    async def runs(self, suite: str) -> list[RunInfo]:
        """Return the stored runs of a suite, the newest first."""
        return await self._do(lambda: all_of(self._suites.get(suite).project))

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

        def look() -> Page[TrialRow]:
            served = self._suites.get(suite)
            return self._trials.page(
                served.project.store,
                run_id,
                served.order(),
                where=where,
                failed=failed,
                offset=offset,
                limit=limit,
            )

        return await self._do(look)

    async def trial(self, suite: str, run_id: str, scenario_id: str, repeat: int) -> TrialRow:
        """Return one trial, prompt included."""
        return await self._do(
            lambda: self._trials.one(
                self._suites.get(suite).project.store, run_id, scenario_id, repeat
            )
        )

    async def plugins(self) -> list[dict[str, str]]:
        """Return what is registered, and what is broken, with why."""
        return plugins_of(self._plugins)

    async def _do(self, work: Callable[..., T], *args: Any) -> T:
        """Do what blocks in a thread; errors of promptreg become refusals."""

        def done() -> T:
            with told():
                return work(*args)

        return await asyncio.to_thread(done)
