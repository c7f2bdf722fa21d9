"""Services that ask nobody: what models said is looked up, and what is missing is counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from promptreg.errors import PromptregError
from promptreg.pipeline.keys import KeyMaker, canonical, digest
from promptreg.pipeline.parts import model_parts
from promptreg.pipeline.project import Project
from promptreg.pipeline.services.asked_model import KIND
from promptreg.protocols import Provider
from promptreg.records import Cause, Completion, Failure, Json, Prompt
from promptreg.store.calls import CallStore
from promptreg.store.probes import recall_probe
from promptreg.suite import ProviderEntry

__all__ = ["StoredServices"]

_NOT_ASKED = Failure(Cause.CONNECT, "a plan asks nobody")


@dataclass(slots=True)
class StoredServices:
    """Services whose models answer from the store alone, and count what they do not find."""

    project: Project
    store: CallStore | None
    hits: int = 0
    misses: int = 0
    characters: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seen: int = 0
    models: dict[str, _RememberedModel] = field(default_factory=dict)

    def model(
        self,
        provider: Mapping[str, Any],
        *,
        schema: Mapping[str, Json] | None = None,
        sampling: Mapping[str, Json] | None = None,
    ) -> _RememberedModel:
        """Return the model behind settings, as the store remembers it."""
        name = canonical([dict(part) if part else None for part in (provider, schema, sampling)])
        if name not in self.models:
            entry, made = model_parts(self.project, provider, schema, sampling)
            self.models[name] = _RememberedModel(self, entry, made)
        return self.models[name]

    async def embed(self, texts: Sequence[str]) -> Any:
        """Refuse: a plan takes no time.

        Raises:
            PromptregError: always.
        """
        raise PromptregError("a plan embeds nothing")

    async def embedder(self) -> Mapping[str, Json]:
        """Return nothing: nobody looks at it."""
        return {}

    async def aclose(self) -> None:
        """Release connections."""
        for model in self.models.values():
            with suppress(Exception):
                await model.provider.aclose()


class _RememberedModel:
    """A model as the store remembers it."""

    def __init__(self, services: StoredServices, entry: ProviderEntry, provider: Provider) -> None:
        self.entry, self.provider = entry, provider
        self._services = services
        self._keys: KeyMaker | None = None
        self._known = False
        self._asked: set[str] = set()

    async def identity(self) -> Mapping[str, Json]:
        return {}

    async def ask(self, prompt: str, repeat: int = 0) -> Completion | Failure:
        services = self._services
        if not self._known:
            self._known, self._keys = True, await self._maker()
        key = self._keys.key(Prompt(prompt), repeat) if self._keys else digest([prompt, repeat])
        found = None
        if services.store is not None and self._keys is not None:
            found = services.store.get_many([key]).get(key)
        if found is not None:
            services.hits += 1
            if found.prompt_tokens is not None and found.completion_tokens is not None:
                services.seen += 1
                services.prompt_tokens += found.prompt_tokens
                services.completion_tokens += found.completion_tokens
            return found
        if key not in self._asked:  # the same question is asked once
            self._asked.add(key)
            services.misses += 1
            services.characters += len(prompt)
        return _NOT_ASKED

    async def _maker(self) -> KeyMaker | None:
        identity = self.provider.identity()
        known: tuple[str, Mapping[str, Any]] | None = None
        with suppress(PromptregError):
            probe = await self.provider.probe()
            known = (probe.model, probe.fingerprint) if probe.ready else None
        use = self.entry.use
        name = digest({"use": use, "identity": dict(identity)})
        known = known or recall_probe(self._services.project.store, name)
        if known is None:
            return None
        return KeyMaker(KIND + use, identity, {"model": known[0], **known[1]}, "")
