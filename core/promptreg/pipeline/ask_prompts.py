"""Asks a few prompts of a suite, one at a time, through the caller and the store that runs use.

What a run has asked is read from the store, and what is asked here no run asks again.
"""

from __future__ import annotations

from typing import Self

from promptreg.errors import ProviderError
from promptreg.pipeline.desk import Desk
from promptreg.pipeline.loop import Loop
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.work import Item, Version, Work
from promptreg.records import Completion, Failure, Trial
from promptreg.stages.call import Spent
from promptreg.stages.parse import AnswerReader
from promptreg.store.calls import CallStore

__all__ = ["Asking"]


class Asking:
    """Providers, callers and store of a suite, each opened once, when it is needed.

        async with Asking(project) as asking:
            trials = await asking.ask(version)

    Args:
        project: the opened suite.
        options: the seed and the cache's use; what narrows scenarios has no effect.
    """

    def __init__(self, project: Project, options: Options | None = None) -> None:
        self._project = project
        self._options = options or Options()
        self._desks: dict[str, Desk] = {}
        self._reader = AnswerReader(project.suite.answer)
        self._store: CallStore | None = None

    async def __aenter__(self) -> Self:
        """Ask the suite's provider what it is, and open the store.

        Raises:
            ProviderError: the provider is not ready, and the store does not know it.
            StoreError: the store cannot be opened.
        """
        if not self._project.suite.providers:  # else who is needed is known when one is asked
            await self._desk("")
        return self

    async def _desk(self, name: str) -> Desk:
        if name in self._desks:
            return self._desks[name]
        # What narrows or hastens runs has no effect here, and neither has a budget.
        self._desks[name] = desk = Desk(self._project, name, Options())
        try:
            await desk.open(None, Spent())
        except ProviderError:
            del self._desks[name]
            await desk.aclose()
            raise
        if not desk.probe.ready:
            desk.refuse()
        if desk.cacheable and self._store is None:
            self._store = CallStore.open(self._project.store)
        return desk

    async def __aexit__(self, *_: object) -> None:
        """Release connections and the store."""
        if self._store is not None:
            self._store.close()
        for desk in self._desks.values():
            await desk.aclose()

    async def ask(self, version: Version) -> list[Trial]:
        """Return one trial for each of the version's scenarios, in their order.

        Trials are answered or failed, and not scored. What is in the store costs no call.

        Raises:
            TemplateError: a prompt cannot be rendered.
            ProviderError: no more calls are made; what was completed is kept.
            StoreError: a completion could not be kept.
        """
        desk = await self._desk(version.template.provider_name)
        work = Work(
            versions=(version,),
            repeats=1,
            seed=self._project.seed(self._options),
            allow_role_tokens=self._project.suite.allow_role_tokens,
            images=(desk.takes_images,),
        )
        found: dict[str, Trial] = {}

        def finish(item: Item, outcome: Completion | Failure) -> None:
            found[item.scenario.id] = self._trial(version, item, outcome)

        await Loop(work, [desk], self._store, finish).run()
        stop = desk.caller.stopped
        if stop is not None:
            desk.renew(None, Spent())  # no call from here on; what is kept can still be had
            desk.caller.refuse(stop.reason)
            raise ProviderError(f"stopped: {stop.reason}")
        return [found[scenario.id] for scenario in version.scenarios]

    def _trial(self, version: Version, item: Item, outcome: Completion | Failure) -> Trial:
        trial = Trial(version.template, item.scenario, item.repeat, item.prompt)
        if isinstance(outcome, Failure):
            trial.failure = outcome
            return trial
        trial.completion = outcome
        read = self._reader.read(outcome)
        if isinstance(read, Failure):
            trial.failure = read
        else:
            trial.answer = read
        return trial
