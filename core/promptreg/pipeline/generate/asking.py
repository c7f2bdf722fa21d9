"""Any provider, for generators: questions in, completions or failures out, several at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from promptreg.discovery import Plugins
from promptreg.errors import CallError, PromptregError, ProviderError
from promptreg.pipeline.keys import digest
from promptreg.pipeline.opening import make_caller
from promptreg.protocols import Call, Provider
from promptreg.records import Completion, Failure, Json, Prompt
from promptreg.suite import ProviderEntry, parse_provider

__all__ = ["AskedProvider"]


class AskedProvider:
    """A provider of a generator's own, through the caller that runs use; keeps no answer itself.

    Args:
        plugins: who knows providers.
        settings: as the section `provider` of a suite.
        base: the folder that relative paths start from.
        where: names the place in messages.

    Raises:
        SuiteError, PluginError: the settings are wrong.
    """

    def __init__(
        self, plugins: Plugins, settings: Mapping[str, Any], base: Path, where: str
    ) -> None:
        self.entry: ProviderEntry = parse_provider(settings, where)
        self._plugins, self._base, self._where = plugins, base, where
        made = self._provider()  # what is wrong with the settings is wrong from the start
        self.takes_images = bool(getattr(made, "takes_images", False))

    def _provider(self) -> Provider:
        own = dict(self.entry.settings)
        match own.get("path"):
            case str(path):
                own["path"] = str(self._base / path)
            case list(paths):
                own["path"] = [str(self._base / str(path)) for path in paths]
        return self._plugins.providers.create(self.entry.use, own, self._where)

    def identity(self) -> dict[str, Json]:
        """Return what shapes the answers."""
        return {"use": self.entry.use, "identity": digest(dict(self._provider().identity()))}

    def ask(
        self, questions: Sequence[tuple[str, Prompt]]
    ) -> Iterator[tuple[str, Completion | Failure]]:
        """Yield the name of each question and what came of it, as they come, a handful at a time.

        Raises:
            ProviderError: nobody is there, or nobody answers any more.
        """
        # A thread of its own: its event loop outlives a handful, and may be asked from a notebook.
        with ThreadPoolExecutor(max_workers=1) as thread, asyncio.Runner() as runner:
            session = _Session(self._provider(), self.entry)
            run = runner.run
            try:
                thread.submit(run, session.open()).result()
                width = self.entry.concurrency
                for start in range(0, len(questions), width):
                    some = questions[start : start + width]
                    found = thread.submit(run, session.answers(some)).result()
                    yield from zip((name for name, _ in some), found, strict=True)
                    if session.caller.stopped is not None:
                        raise ProviderError(f"{self._where}: stopped: {session.caller.stopped}")
            finally:
                thread.submit(run, session.aclose()).result()
                thread.submit(runner.close).result()


class _Session:
    def __init__(self, provider: Provider, entry: ProviderEntry) -> None:
        self._provider, self._entry = provider, entry

    async def open(self) -> None:
        entry = self._entry
        self.caller = make_caller(entry, self._provider, concurrency=entry.concurrency)
        try:
            probe = await self._provider.probe()
        except PromptregError as e:
            raise ProviderError(f"provider {entry.use}: not ready: {e}") from e
        if not probe.ready:
            raise ProviderError(f"provider {entry.use}: not ready: {probe.detail}")
        warm_up = getattr(self._provider, "warm_up", None)
        if entry.warm_up and warm_up is not None:
            with suppress(CallError, TimeoutError):
                await asyncio.wait_for(warm_up(), entry.timeout.read)

    async def answers(self, some: Sequence[tuple[str, Prompt]]) -> list[Completion | Failure]:
        calls = [
            Call(prompt=p, repeat=0, key=n, template="", version="", scenario_id=n, lane=i)
            for i, (n, p) in enumerate(some)
        ]
        return await asyncio.gather(*(self.caller.call(call) for call in calls))

    async def aclose(self) -> None:
        with suppress(Exception):
            await self._provider.aclose()
