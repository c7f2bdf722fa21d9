"""`plan`: what a comparison would do and could see, before any model is called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from promptreg import numbers
from promptreg.errors import PromptregError, UsageError
from promptreg.pipeline.calibrate.spreads import known_spreads
from promptreg.pipeline.design import only_paired
from promptreg.pipeline.detectable import TYPICAL, Detectable, detectable_changes
from promptreg.pipeline.event_loop import run_loop
from promptreg.pipeline.keys import KeyMaker, digest
from promptreg.pipeline.looks import make_agenda
from promptreg.pipeline.parts import answering, make_provider, make_scoring, policy_for
from promptreg.pipeline.planned import CHARACTERS_PER_TOKEN, PlannedVersion, cost_of, count_trials
from promptreg.pipeline.planned_models import PlannedModel, count_models
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.versions import (
    common_templates,
    lookup,
    make_version,
    same_asked,
    serves,
)
from promptreg.pipeline.work import Version, Work
from promptreg.policy import Policy
from promptreg.protocols import Provider
from promptreg.records import Completion, ScenarioSet
from promptreg.stages.load import RunRef
from promptreg.store.probes import recall_probe

__all__ = ["Plan", "key_maker", "plan"]

_Known = tuple[str, Mapping[str, object]]
"""A model's name, and what its server says of itself."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done."""

    suite: str
    provider: str
    versions: tuple[PlannedVersion, ...]
    detectable: tuple[Detectable, ...]
    cost: float | None
    notes: tuple[str, ...] = ()
    models: tuple[PlannedModel, ...] = ()
    """What scorers ask models besides; `cost` and `calls` do not count it."""

    @property
    def model_calls(self) -> int:
        """Calls to make by scorers."""
        return sum(m.calls for m in self.models)

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
    only_paired(project.suite, "planning")
    every = project.every_scenario()
    scenarios = project.narrowed(every, options)
    scoring = make_scoring(project)
    policy = policy_for(project, scoring, every, options)
    notes: list[str] = []
    repeats = max(project.repeats(options), policy.looks.more_repeats)
    versions = _versions(project, refs, scenarios, options, anew_from=repeats)
    providers = answering(project, (v.template for v in versions))
    servers = {name: _server(project, made, notes, name) for name, made in providers.items()}
    keys = {name: _keys_of(project, made, servers[name], name) for name, made in providers.items()}
    names = [v.template.provider_name for v in versions]
    work = Work(
        tuple(versions),
        project.repeats(options),
        project.seed(options),
        images=tuple(getattr(providers[name], "takes_images", False) for name in names),
    )
    who = [(keys[name], providers[name]) for name in names]
    asks = bool(scoring.batched or scoring.pairwise)
    answered: dict[tuple[int, str, int], Completion] | None = {} if asks else None
    planned = count_trials(project, work, who, options, answered)
    cost = cost_of(project, planned, notes)
    if not all(v.measured or v.trials == v.cached for v in planned):
        notes.append(
            f"prompt tokens are estimated at {CHARACTERS_PER_TOKEN:g} characters per token; "
            "completion tokens are not known before the first calls"
        )
    models: list[PlannedModel] = []
    if answered is not None:
        models = count_models(
            project, work, scoring, answered, cache=options.cache, paired=len(refs) == 2
        )
    if any(m.calls and m.completion_tokens is None for m in models):
        notes.append("what judges will say is not known before their first verdicts, nor its cost")
    if scoring.pairwise and len(refs) != 2:
        of_pairs = ", ".join(scale.name for scale in scoring.pair_scales)
        notes.append(f"{of_pairs}: judged in comparisons only; a plan for two versions counts it")
    if len(refs) == 2:
        anew = all(made.cacheable for made in providers.values())
        notes.extend(_looks(work, policy, asks_anew=anew))
    spreads = {}
    if len(providers) == 1:
        (name,) = providers
        spreads = known_spreads(
            project, versions, scenarios, scoring, providers[name], servers[name], notes
        )
    elif len(refs) == 2 and all(a != b for a, b in zip(names[::2], names[1::2], strict=True)):
        notes.append(
            f"providers are compared, not templates alone: {names[0]} with {names[1]}; both are "
            "asked interleaved, each at its own pace"
        )
    shown = policy if len(refs) == 2 else policy.of_runs
    detectable = tuple(detectable_changes(versions, shown, work.repeats, spreads))
    if any(d.basis == TYPICAL for d in detectable):
        notes.append(
            "detectable changes rest on typical variances, of edits that change a few answers and "
            "families that share nothing; where more changes, less is seen. 'promptreg calibrate' "
            "measures them, and 'compare' says them from what came"
        )
    return Plan(
        suite=project.suite.suite,
        provider=", ".join(
            f"{name} ({project.suite.provider_of(name).use})"
            if name
            else project.suite.provider.use
            for name in providers
        ),
        versions=tuple(planned),
        detectable=detectable,
        cost=cost,
        notes=tuple(notes),
        models=tuple(models),
    )


def _versions(
    project: Project,
    refs: Sequence[str],
    scenarios: ScenarioSet,
    options: Options,
    *,
    anew_from: int,
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
        anew = (
            len(held) == 2
            and same_asked(held[0], held[1])
            and make_provider(project, held[0].provider_name).cacheable
        )
        for i, template in enumerate(held if served else ()):
            offset = anew_from if anew and i else 0
            lane = len(versions)
            versions.append(make_version(project, template, served, lane=lane, first_repeat=offset))
    if not versions:
        raise UsageError(
            "no template serves any of the chosen scenarios; see 'select' and --filter"
        )
    return versions


def _looks(work: Work, policy: Policy, *, asks_anew: bool) -> Iterator[str]:
    """Say what looks make of the number of trials, which is that without any."""
    if not policy.looks.several:
        return
    agenda = make_agenda(
        work.versions,
        [True] * len(work.versions),
        policy.looks,
        alpha=policy.alpha,
        repeats=work.repeats,
        asks_anew=asks_anew,
    )
    yield from agenda.notes
    if agenda.scenario_looks > 1:
        yield (
            f"the data are looked at {agenda.scenario_looks} times, and the gate stops as soon as "
            f"it is decided: after {agenda.batches[0].trials:,} trials at the earliest"
        )
    if further := sum(batch.trials for batch in agenda.batches[agenda.scenario_looks :]):
        yield (
            f"while it is inconclusive up to {numbers.count(further, 'further trial')} follow, "
            f"{agenda.most_repeats} repeats of each scenario at the most (gate.more)"
        )


def key_maker(
    project: Project, provider: Provider, notes: list[str], name: str = ""
) -> KeyMaker | None:
    """Return what makes keys; None where the server's model is not known."""
    return _keys_of(project, provider, _server(project, provider, notes, name), name)


def _keys_of(
    project: Project, provider: Provider, server: _Known | None, name: str
) -> KeyMaker | None:
    if server is None:
        return None
    told = {"model": server[0], **server[1]}
    use = project.suite.provider_of(name).use
    return KeyMaker(use, provider.identity(), told, "")  # type: ignore[arg-type]


def _server(project: Project, provider: Provider, notes: list[str], name: str) -> _Known | None:
    """Return model and facts of the server; None where they are not known or do not matter."""
    entry = project.suite.provider_of(name)
    who = f"provider {name} ({entry.use})" if name else f"provider {entry.use}"
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

    told = run_loop(ask())
    kept = digest({"use": entry.use, "identity": dict(identity)})
    known = told or recall_probe(project.store, kept)
    if known is not None and told is None:
        notes.append(f"{who} is not reachable: the store was searched for the model it named last")
    if known is None:
        notes.append(f"{who} is not reachable: nothing can be looked up in the store")
    return known
