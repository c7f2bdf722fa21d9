"""A model that scorers ask: through a caller and the call store, apart from generation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from promptreg.errors import CallError
from promptreg.pipeline.keys import KeyMaker
from promptreg.pipeline.opening import make_caller, probed_as
from promptreg.pipeline.project import Project
from promptreg.pipeline.tally import Tally
from promptreg.protocols import Call, Provider
from promptreg.records import Completion, Failure, Json, Prompt
from promptreg.stages.call import Budget, Caller, Spent, Stop
from promptreg.store.calls import CallStore
from promptreg.suite import ProviderEntry

__all__ = ["KIND", "AskedModel"]

KIND = "scorer:"
"""Begins the provider's name in keys, so that no verdict is ever taken for a trial's completion."""


class AskedModel:
    """Implements `promptreg.protocols.Model`.

    Args:
        project: the opened suite.
        entry: how it is reached.
        provider: who answers.
        store: opens the call store.
        budget: the most that may be spent, by all callers together.
        spent: what they spent.
        nonce: a word that keeps these calls apart from stored ones, or empty.
    """

    def __init__(
        self,
        project: Project,
        entry: ProviderEntry,
        provider: Provider,
        store: Callable[[], CallStore],
        budget: Budget | None,
        spent: Spent,
        nonce: str,
    ) -> None:
        self._project, self._entry, self._provider = project, entry, provider
        self._open, self._budget, self._spent, self._nonce = store, budget, spent, nonce
        self._opening = asyncio.Lock()
        self._keys: KeyMaker | None = None
        self._caller: Caller | None = None
        self._identity: Mapping[str, Json] = {}
        self._asked: dict[str, asyncio.Future[Completion | Failure]] = {}
        self._cold = False
        self._warming = asyncio.Lock()
        self.warning = ""
        """What a reader must know of this model; empty for nothing."""
        self.tally = Tally()

    @property
    def synthetic(self) -> bool:
        """Whether its answers are made up."""
        return bool(getattr(self._provider, "synthetic", False))

    @property
    def stopped(self) -> Stop | None:
        """Why no more calls are made; None while they are."""
        return self._caller.stopped if self._caller is not None else None

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return f"the model of a scorer ({self._entry.use})"

    async def identity(self) -> Mapping[str, Json]:
        """Return what shapes its answers.

        Raises:
            ProviderError: it is not ready, and the store does not know what it was.
        """
        async with self._opening:
            if self._keys is None:
                await self._start()
        return self._identity

    async def ask(self, prompt: str, repeat: int = 0) -> Completion | Failure:
        """Return the completion from the store, else from the provider; same prompts share it."""
        await self.identity()
        assert self._keys is not None  # noqa: S101 - for the type checker: made by identity()
        asked = Prompt(prompt)
        key = self._keys.key(asked, repeat)
        while (pending := self._asked.get(key)) is not None:
            await asyncio.wait({pending})
            if not pending.cancelled():
                self.tally.cached += isinstance(pending.result(), Completion)
                return pending.result()
        future: asyncio.Future[Completion | Failure] = asyncio.get_running_loop().create_future()
        self._asked[key] = future
        try:
            outcome = await self._find(key, asked, repeat)
        except BaseException:
            future.cancel()  # who waits for it asks itself, and sees what is wrong
            raise
        else:
            future.set_result(outcome)
            return outcome
        finally:
            del self._asked[key]

    def stop(self, reason: str) -> None:
        """Make no more calls."""
        if self._caller is not None:
            self._caller.stop(reason, grace_s=0.0)

    async def aclose(self) -> None:
        """Release connections."""
        with suppress(Exception):
            await self._provider.aclose()

    async def _start(self) -> None:
        entry, provider = self._entry, self._provider
        probe = await probed_as(self._project, entry.use, provider, self.name)
        caller = make_caller(
            entry, provider, concurrency=entry.concurrency, budget=self._budget, spent=self._spent
        )
        if not probe.ready:
            caller.refuse(f"{self.name}: not ready: {probe.detail}")
            self.warning = (
                f"{self.name} was not reachable ({probe.detail}); what it said was read from the "
                "run store"
            )
        self._cold = entry.warm_up and probe.ready
        server = {"model": probe.model, **probe.fingerprint}
        identity = provider.identity()
        self._identity = {"use": entry.use, "identity": dict(identity), "server": server}
        self._caller = caller
        self._keys = KeyMaker(KIND + entry.use, identity, server, self._nonce)

    async def _find(self, key: str, prompt: Prompt, repeat: int) -> Completion | Failure:
        store = self._open() if getattr(self._provider, "cacheable", True) else None
        while store is not None:
            known = store.get_many([key]).get(key)
            if known is None and key in store.claim([key]):
                break
            known = known or (await store.wait([key])).get(key)  # another process is asking it
            if known is not None:
                self.tally.cached += 1
                return known
        outcome = await self._call(key, prompt, repeat)
        if store is None:
            return outcome
        if isinstance(outcome, Completion):
            return await store.put(key, prompt.text, outcome)
        if self.stopped is None:
            await store.fail(key, outcome)
        else:
            store.release([key])
        return outcome

    async def _call(self, key: str, prompt: Prompt, repeat: int) -> Completion | Failure:
        assert self._caller is not None  # noqa: S101 - for the type checker: made by identity()
        async with self._warming:
            cold, self._cold = self._cold, False
            warm_up: Any = getattr(self._provider, "warm_up", None)
            if cold and warm_up is not None:
                with suppress(CallError, TimeoutError):
                    await asyncio.wait_for(warm_up(), self._entry.timeout.read)
        outcome = await self._caller.call(Call(prompt, repeat, key))
        if isinstance(outcome, Completion):
            self.tally.count_call(outcome)
        return outcome
