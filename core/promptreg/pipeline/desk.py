"""A desk: one provider of the suite, with the caller, keys and limits that go with it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from promptreg.errors import CallError, UsageError
from promptreg.pipeline.facts import provider_facts
from promptreg.pipeline.keys import KeyMaker
from promptreg.pipeline.opening import make_caller, probed
from promptreg.pipeline.parts import make_provider
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.tally import Tally
from promptreg.protocols import Probe
from promptreg.stages.call import Budget, Caller, Spent, Stop, StopKind
from promptreg.suite import ProviderEntry

__all__ = ["Desk", "check_apart", "desks_for", "first_stop", "several"]


class Desk:
    """Who answers some of the versions; lives as long as one event loop.

    Args:
        project: the opened suite.
        name: of the suite's `providers`; empty for the only one.
        options: the command line's word.

    Raises:
        PluginError, SuiteError: the provider is unknown, or its settings are wrong.
    """

    caller: Caller
    keys: KeyMaker
    probe: Probe

    def __init__(self, project: Project, name: str, options: Options) -> None:
        self.name = name
        self.entry: ProviderEntry = project.suite.provider_of(name)
        self.provider = make_provider(project, name)
        self.takes_images = bool(getattr(self.provider, "takes_images", False))
        self.cacheable = self.provider.cacheable
        self.width = options.concurrency or self.entry.concurrency
        self.line = self.who
        self.prints: Mapping[str, str] = {}
        self.models: set[str] = set()
        self.tally = Tally()
        self._project = project
        self._nonce = "" if options.cache else f"{time.time_ns():x}"
        self._cold = False
        self._warming = asyncio.Lock()

    @property
    def who(self) -> str:
        """What errors call it."""
        return f"{self.name} ({self.entry.use})" if self.name else self.entry.use

    async def open(self, budget: Budget | None, spent: Spent) -> None:
        """Ask the provider what it is, and be ready to call it.

        Raises:
            ProviderError: it is not ready, and the store does not know what it was.
        """
        self.renew(budget, spent)
        self.probe = probe = await probed(self._project, self.provider, self.name)
        identity = self.provider.identity()
        server = {"model": probe.model, **probe.fingerprint}
        self.keys = KeyMaker(self.entry.use, identity, server, self._nonce)
        self.line, self.prints = provider_facts(self.entry.use, identity, server, probe.model)
        self._cold = self.entry.warm_up and probe.ready

    def renew(self, budget: Budget | None, spent: Spent) -> None:
        """Take a new caller: one that was stopped makes no more calls."""
        self.caller = make_caller(
            self.entry, self.provider, concurrency=self.width, budget=budget, spent=spent
        )

    def refuse(self) -> None:
        """Let the first call that the store cannot spare stop the run: nobody is there."""
        self.caller.refuse(f"provider {self.who}: not ready: {self.probe.detail}")

    async def warm_up(self) -> None:
        """Make the provider's tiny call, once; whether it can answer trials will show."""
        async with self._warming:  # the others wait for whoever is first
            warm_up = getattr(self.provider, "warm_up", None) if self._cold else None
            self._cold = False
            if warm_up is not None:
                with suppress(CallError, TimeoutError):
                    await asyncio.wait_for(warm_up(), self.entry.timeout.read)

    def remarks(self) -> list[str]:
        """Return what a reader must know of the models that completions name."""
        models, of = sorted(self.models), f"provider {self.name}: " if self.name else ""
        if len(models) > 1:
            return [
                f"{of}completions name {len(models)} models: {', '.join(models[:4])}; differences "
                "may come from the model rather than from the template"
            ]
        if models and self.probe.model and models[0] != self.probe.model:
            return [
                f"{of}completions name the model {models[0]!r}, the server announced "
                f"{self.probe.model!r}"
            ]
        return []

    async def aclose(self) -> None:
        """Release the provider's connections."""
        with suppress(Exception):
            await self.provider.aclose()


def desks_for(project: Project, names: Sequence[str], options: Options) -> dict[str, Desk]:
    """Return one desk for each name.

    Raises:
        PluginError, SuiteError: a provider is unknown, or its settings are wrong.
    """
    return {name: Desk(project, name, options) for name in dict.fromkeys(names)}


def check_apart(desks: Mapping[str, Desk]) -> None:
    """Refuse two names for what turns out to be one provider.

    Raises:
        UsageError: names them.
    """
    seen: dict[str, str] = {}
    for name, desk in desks.items():
        twin = seen.setdefault(desk.keys.shared, name)
        if twin != name:
            raise UsageError(
                f"providers {twin!r} and {name!r} are one and the same: same settings, same model, "
                "same server. There is nothing to compare between them; let the versions name one"
            )


def first_stop(desks: Sequence[Desk]) -> Stop | None:
    """Return why no more calls are made; None while they are.

    One that stopped of itself says more than those that were stopped with it.
    """
    stops = [stop for desk in desks if (stop := desk.caller.stopped) is not None]
    return next((s for s in stops if s.kind is not StopKind.ASKED), stops[0] if stops else None)


def several(desks: Sequence[Desk]) -> str:
    """Return one line about those who answer, for people; with calls and cost where several do."""
    if len(desks) == 1:
        return desks[0].line
    parts = []
    for desk in desks:
        tally = desk.tally
        cost = "" if tally.cost is None else f", cost {tally.cost:.4g}"
        called = f" ({tally.called:,} called{cost})" if desk.cacheable else ""
        parts.append(f"{desk.name}: {desk.line}{called}")
    return "; ".join(parts)
