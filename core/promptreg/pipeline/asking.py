"""Asks a few prompts of a suite, one at a time, through the caller and the store that runs use.

What a run has asked is read from the store, and what is asked here no run asks again.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Self

from promptreg.errors import CallError, ProviderError
from promptreg.pipeline.keys import KeyMaker
from promptreg.pipeline.loop import Loop
from promptreg.pipeline.opening import make_caller, probed
from promptreg.pipeline.parts import make_provider
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.work import Item, Version, Work
from promptreg.records import Completion, Failure, Trial
from promptreg.stages.parse import AnswerReader
from promptreg.store.calls import CallStore

__all__ = ["Asking"]


class Asking:
    """Provider, caller and store of a suite, opened once.

        async with Asking(project) as asking:
            trials = await asking.ask(version)

    Args:
        project: the opened suite.
        options: the seed and the cache's use; what narrows scenarios has no effect.
    """

    def __init__(self, project: Project, options: Options | None = None) -> None:
        self._project = project
        self._options = options or Options()
        self._provider = make_provider(project)
        self._reader = AnswerReader(project.suite.answer)
        self._store: CallStore | None = None

    async def __aenter__(self) -> Self:
        """Ask the provider what it is, and open the store.

        Raises:
            ProviderError: the provider is not ready, and the store does not know it.
            StoreError: the store cannot be opened.
        """
        provider, entry = self._provider, self._project.suite.provider
        probe = await probed(self._project, provider)
        self._caller = make_caller(entry, provider, concurrency=entry.concurrency)
        if not probe.ready:
            self._refuse(f"provider {entry.use}: not ready: {probe.detail}")
        server = {"model": probe.model, **probe.fingerprint}
        self._keys = KeyMaker(entry.use, provider.identity(), server, "")
        self._cold = entry.warm_up and probe.ready
        if provider.cacheable:
            self._store = CallStore.open(self._project.store)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Release connections and the store."""
        if self._store is not None:
            self._store.close()
        with suppress(Exception):
            await self._provider.aclose()

    async def ask(self, version: Version) -> list[Trial]:
        """Return one trial for each of the version's scenarios, in their order.

        Trials are answered or failed, and not scored. What is in the store costs no call.

        Raises:
            TemplateError: a prompt cannot be rendered.
            ProviderError: no more calls are made; what was completed is kept.
            StoreError: a completion could not be kept.
        """
        work = Work(
            versions=(version,),
            repeats=1,
            seed=self._project.seed(self._options),
            allow_role_tokens=self._project.suite.allow_role_tokens,
            images=getattr(self._provider, "takes_images", False),
        )
        found: dict[str, Trial] = {}

        def finish(item: Item, outcome: Completion | Failure) -> None:
            found[item.scenario.id] = self._trial(version, item, outcome)

        width = min(self._project.suite.provider.concurrency, len(version.scenarios))
        warm_up = self._warm_up if self._cold else None
        await Loop(work, self._keys, self._caller, self._store, finish, width, warm_up).run()
        stop = self._caller.stopped
        if stop is not None:
            self._refuse(stop.reason)
            raise ProviderError(f"stopped: {stop.reason}")
        return [found[scenario.id] for scenario in version.scenarios]

    def _refuse(self, reason: str) -> None:
        """Make no call from here on; what is in the store can still be had."""
        entry = self._project.suite.provider
        self._caller = make_caller(entry, self._provider, concurrency=entry.concurrency)
        self._caller.refuse(reason)

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

    async def _warm_up(self) -> None:
        """Make the provider's tiny call, if it has one, before the first call of all."""
        cold, self._cold = self._cold, False
        warm_up = getattr(self._provider, "warm_up", None)
        if cold and warm_up is not None:
            with suppress(CallError, TimeoutError):
                await asyncio.wait_for(warm_up(), self._project.suite.provider.timeout.read)
