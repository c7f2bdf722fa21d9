"""What a plan's versions take: trials, those already answered, tokens and cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from promptreg.pipeline.keys import KeyMaker
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.work import Version, Work
from promptreg.protocols import Provider
from promptreg.records import Completion
from promptreg.store.calls import CallStore

__all__ = ["CHARACTERS_PER_TOKEN", "PlannedVersion", "cost_of", "count_trials"]

CHARACTERS_PER_TOKEN = 4.0
"""A rule of thumb for English text; used only where no completion of the version is stored."""
_CHUNK = 512


@dataclass(frozen=True, slots=True)
class PlannedVersion:
    """One version's share of the work.

    Attributes:
        template, label: the version.
        scenarios: how many it is asked about.
        trials, cached: trials in all, and those already in the store.
        prompt_tokens: of the calls to make; from stored completions, else estimated.
        completion_tokens: of the calls to make; None where nothing is known of them.
        measured: whether the token figures come from stored completions of this version.
    """

    template: str
    label: str
    scenarios: int
    trials: int
    cached: int
    prompt_tokens: int
    completion_tokens: int | None
    measured: bool
    provider: str = ""
    """The name of its provider, where the suite has several."""


def count_trials(
    project: Project,
    work: Work,
    asked: Sequence[tuple[KeyMaker | None, Provider]],
    options: Options,
    answered: dict[tuple[int, str, int], Completion] | None = None,
) -> list[PlannedVersion]:
    """Return each version's share of the work; the store says what is answered already.

    Args:
        project: says where the store is.
        work: what would be asked.
        asked: for each version who would be asked, and what makes the keys of its completions: None
            where the server's model is not known. A provider that only looks up makes no calls.
        options: whether stored completions may be used.
        answered: takes the stored completions, by version, scenario and repeat.
    """
    counts = [_Counts() for _ in work.versions]
    readable = any(keys for keys, _ in asked) and options.cache and CallStore.exists(project.store)
    store = CallStore.open(project.store) if readable else None
    chunk: list[tuple[int, str, int, str, int]] = []

    def look() -> None:
        known = store.get_many([key for _, key, *_ in chunk if key]) if store else {}
        for i, key, size, scenario, repeat in chunk:
            completion = known.get(key)
            counts[i].add(size, completion)
            if completion is not None and answered is not None:
                answered[i, scenario, repeat] = completion
        chunk.clear()

    try:
        for i, scenario, repeat, prompt in work.order():
            keys = asked[i][0]
            key = keys.key(prompt, work.versions[i].first_repeat + repeat) if keys else ""
            chunk.append((i, key, len(prompt.text), scenario.id, repeat))
            if len(chunk) >= _CHUNK:
                look()
        look()
    finally:
        if store is not None:
            store.close()
    return [
        count.planned(version, local=not provider.cacheable)
        for count, version, (_, provider) in zip(counts, work.versions, asked, strict=True)
    ]


@dataclass(slots=True)
class _Counts:
    """What is known of one version's trials; `seen` are those whose tokens were counted."""

    trials: int = 0
    cached: int = 0
    characters: int = 0
    seen: int = 0
    seen_prompt: int = 0
    seen_completion: int = 0

    def add(self, characters: int, completion: Completion | None) -> None:
        """Count a trial: the size of its prompt, and what the store has of it."""
        self.trials += 1
        if completion is None:
            self.characters += characters
            return
        self.cached += 1
        if completion.prompt_tokens is not None and completion.completion_tokens is not None:
            self.seen += 1
            self.seen_prompt += completion.prompt_tokens
            self.seen_completion += completion.completion_tokens

    def planned(self, version: Version, *, local: bool) -> PlannedVersion:
        """Return the version's share; `local`: its provider looks answers up and makes no call."""
        calls = self.trials - self.cached
        prompt_tokens, completion_tokens = 0, 0 if local else None
        if not local and self.seen:
            prompt_tokens = round(self.seen_prompt / self.seen * calls)
            completion_tokens = round(self.seen_completion / self.seen * calls)
        elif not local:
            prompt_tokens = math.ceil(self.characters / CHARACTERS_PER_TOKEN)
        return PlannedVersion(
            template=version.template.name,
            label=version.template.label,
            provider=version.template.provider_name,
            scenarios=len(version.scenarios),
            trials=self.trials,
            cached=self.trials if local else self.cached,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            measured=local or self.seen > 0,
        )


def cost_of(project: Project, planned: Sequence[PlannedVersion], notes: list[str]) -> float | None:
    """Return what the calls would cost by the provider's prices; None, with a note, if unknown."""
    suite = project.suite
    priced = [(v, prices) for v in planned if (prices := suite.provider_of(v.provider).prices)]
    if not priced:
        return None
    if free := sorted({v.provider for v in planned} - {v.provider for v, _ in priced}):
        notes.append(f"the cost is without that of {', '.join(free)}: it has no prices")
    if any(v.completion_tokens is None and v.cached < v.trials for v, _ in priced):
        notes.append("cost cannot be said before the first completions: their length is not known")
        return None
    return (
        sum(
            v.prompt_tokens * prices.get("prompt", 0.0)
            + (v.completion_tokens or 0) * prices.get("completion", 0.0)
            for v, prices in priced
        )
        / 1e6
    )
