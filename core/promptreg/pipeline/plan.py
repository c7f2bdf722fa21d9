"""`plan`: what a comparison would do and could see, before any model is called."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from promptreg.errors import PromptregError, UsageError
from promptreg.pipeline.calibrate.spreads import known_spreads
from promptreg.pipeline.compare import policy_for
from promptreg.pipeline.detectable import TYPICAL, Detectable, detectable_changes
from promptreg.pipeline.keys import KeyMaker, digest
from promptreg.pipeline.looping import run_loop
from promptreg.pipeline.parts import make_provider, make_scoring
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.versions import common_templates, lookup, make_version, serves
from promptreg.pipeline.work import Version, Work
from promptreg.protocols import Provider
from promptreg.records import ScenarioSet
from promptreg.stages.load import RunRef
from promptreg.store.calls import CallStore
from promptreg.store.probes import recall_probe

__all__ = ["Detectable", "Plan", "PlannedVersion", "key_maker", "plan"]

CHARACTERS_PER_TOKEN = 4.0
"""A rule of thumb for English text; used only where no completion of the version is stored."""
_CHUNK = 512
_Known = tuple[str, Mapping[str, object]]
"""A model's name, and what its server says of itself."""


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


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done."""

    suite: str
    provider: str
    versions: tuple[PlannedVersion, ...]
    detectable: tuple[Detectable, ...]
    cost: float | None
    notes: tuple[str, ...] = ()

    @property
    def trials(self) -> int:
        """Trials in all."""
        return sum(v.trials for v in self.versions)

    @property
    def cached(self) -> int:
        """Trials already in the store."""
        return sum(v.cached for v in self.versions)

    @property
    def calls(self) -> int:
        """Calls to make."""
        return self.trials - self.cached


def plan(project: Project, refs: Sequence[str], options: Options) -> Plan:
    """Return what running or comparing `refs` would do.

    Raises:
        UsageError: a reference names a stored run (which needs no plan), or nothing.
    """
    every = project.every_scenario()
    scenarios = project.narrowed(every, options)
    scoring = make_scoring(project)
    policy = policy_for(project, scoring, every, options)
    provider = make_provider(project)
    notes: list[str] = []
    versions = _versions(project, refs, scenarios, options, asks_anew=provider.cacheable)
    server = _server(project, provider, notes)
    keys = _keys_of(project, provider, server)
    work = Work(tuple(versions), project.repeats(options), project.seed(options))
    planned = _count(project, work, keys, provider, options)
    cost = _cost(project, planned, notes)
    if not all(v.measured or v.trials == v.cached for v in planned):
        notes.append(
            f"prompt tokens are estimated at {CHARACTERS_PER_TOKEN:g} characters per token; "
            "completion tokens are not known before the first calls"
        )
    spreads = known_spreads(project, versions, scenarios, provider, server, notes)
    detectable = tuple(detectable_changes(versions, policy, work.repeats, spreads))
    if any(d.basis == TYPICAL for d in detectable):
        notes.append(
            "detectable changes rest on typical variances; 'promptreg calibrate' measures them, "
            "and 'compare' says them from measured ones"
        )
    return Plan(
        suite=project.suite.suite,
        provider=project.suite.provider.use,
        versions=tuple(planned),
        detectable=detectable,
        cost=cost,
        notes=tuple(notes),
    )


def _versions(
    project: Project,
    refs: Sequence[str],
    scenarios: ScenarioSet,
    options: Options,
    *,
    asks_anew: bool,
) -> list[Version]:
    found = []
    for ref in refs:
        templates = lookup(project, ref, options)
        if isinstance(templates, RunRef):
            raise UsageError(f"{ref}: a stored run needs no plan; name template versions")
        found.append(templates)
    names = list(found[0])
    if len(found) == 2:
        names = common_templates(found[0], found[1], refs[0], refs[1])
    versions: list[Version] = []
    for name in names:
        served = serves(project, name, scenarios)
        held = [templates[name] for templates in found if name in templates]
        # As `compare` does: the second half of a version against itself is asked anew.
        anew = asks_anew and len(held) == 2 and held[0].sha256 == held[1].sha256
        for i, template in enumerate(held if served else ()):
            offset = project.repeats(options) if anew and i else 0
            lane = len(versions)
            versions.append(make_version(project, template, served, lane=lane, first_repeat=offset))
    if not versions:
        raise UsageError(
            "no template serves any of the chosen scenarios; see 'select' and --filter"
        )
    return versions


def key_maker(project: Project, provider: Provider, notes: list[str]) -> KeyMaker | None:
    """Return what makes keys; None where the server's model is not known."""
    return _keys_of(project, provider, _server(project, provider, notes))


def _keys_of(project: Project, provider: Provider, server: _Known | None) -> KeyMaker | None:
    if server is None:
        return None
    told = {"model": server[0], **server[1]}
    return KeyMaker(project.suite.provider.use, provider.identity(), told, "")  # type: ignore[arg-type]


def _server(project: Project, provider: Provider, notes: list[str]) -> _Known | None:
    """Return model and facts of the server; None where they are not known or do not matter."""
    entry = project.suite.provider
    identity = provider.identity()
    if not provider.cacheable:
        return None

    async def ask() -> _Known | None:
        try:
            probe = await provider.probe()
        except PromptregError:
            return None
        finally:
            await provider.aclose()
        return (probe.model, dict(probe.fingerprint)) if probe.ready else None

    name = digest({"use": entry.use, "identity": dict(identity)})
    told = run_loop(ask())
    known = told or recall_probe(project.store, name)
    if known is not None and told is None:
        notes.append(
            f"provider {entry.use} is not reachable: the store was searched for the model it "
            "named last"
        )
    if known is None:
        notes.append(
            f"provider {entry.use} is not reachable: nothing can be looked up in the store"
        )
    return known


def _count(
    project: Project, work: Work, keys: KeyMaker | None, provider: Provider, options: Options
) -> list[PlannedVersion]:
    n = len(work.versions)
    trials, cached, characters = [0] * n, [0] * n, [0] * n
    seen_prompt, seen_completion, seen = [0] * n, [0] * n, [0] * n
    local = not provider.cacheable
    readable = keys is not None and options.cache and CallStore.exists(project.store)
    store = CallStore.open(project.store) if readable else None
    chunk: list[tuple[int, str, int]] = []

    def look() -> None:
        known = store.get_many([key for _, key, _ in chunk]) if store else {}
        for i, key, size in chunk:
            completion = known.get(key)
            if completion is None:
                characters[i] += size
                continue
            cached[i] += 1
            if completion.prompt_tokens is not None and completion.completion_tokens is not None:
                seen[i] += 1
                seen_prompt[i] += completion.prompt_tokens
                seen_completion[i] += completion.completion_tokens
        chunk.clear()

    try:
        for i, _, repeat, prompt in work.order():
            trials[i] += 1
            key = keys.key(prompt, work.versions[i].first_repeat + repeat) if keys else ""
            chunk.append((i, key, len(prompt.text)))
            if len(chunk) >= _CHUNK:
                look()
        look()
    finally:
        if store is not None:
            store.close()
    out = []
    for i, version in enumerate(work.versions):
        calls = trials[i] - cached[i]
        measured = seen[i] > 0
        out.append(
            PlannedVersion(
                template=version.template.name,
                label=version.template.label,
                scenarios=len(version.scenarios),
                trials=trials[i],
                cached=trials[i] if local else cached[i],
                prompt_tokens=0
                if local
                else round(seen_prompt[i] / seen[i] * calls)
                if measured
                else math.ceil(characters[i] / CHARACTERS_PER_TOKEN),
                completion_tokens=0
                if local
                else round(seen_completion[i] / seen[i] * calls)
                if measured
                else None,
                measured=measured or local,
            )
        )
    return out


def _cost(project: Project, planned: Sequence[PlannedVersion], notes: list[str]) -> float | None:
    prices = project.suite.provider.prices
    if not prices:
        return None
    if any(v.completion_tokens is None and v.cached < v.trials for v in planned):
        notes.append("cost cannot be said before the first completions: their length is not known")
        return None
    return (
        sum(
            v.prompt_tokens * prices.get("prompt", 0.0)
            + (v.completion_tokens or 0) * prices.get("completion", 0.0)
            for v in planned
        )
        / 1e6
    )
