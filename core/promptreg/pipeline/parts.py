"""What a suite's settings make: its plug-ins, its policy, and what each trial contributes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from promptreg.errors import SuiteError
from promptreg.pipeline.project import Options, Project
from promptreg.policy import EFFECTIVE, DesignPolicy, Policy, make_policy
from promptreg.protocols import Provider
from promptreg.records import Outcome, ScenarioSet, Template, Trial
from promptreg.stages.score import Given, Scoring
from promptreg.suite import ProviderEntry

__all__ = [
    "answering",
    "default_blocks",
    "make_provider",
    "make_scoring",
    "model_parts",
    "policy_for",
    "told",
]


def make_provider(project: Project, name: str = "") -> Provider:
    """Return the suite's provider, or the one of that name among several.

    Raises:
        PluginError, SuiteError: it is unknown, or its settings are wrong.
    """
    where = f"providers.{name}" if name in project.suite.providers else "provider"
    return _provider(project, project.suite.provider_of(name), f"{project.path}: {where}")


def answering(project: Project, versions: Iterable[Template]) -> dict[str, Provider]:
    """Return the providers that these versions are asked of, by name.

    Raises:
        PluginError, SuiteError: one is unknown, or its settings are wrong.
    """
    names = dict.fromkeys(version.provider_name for version in versions)
    return {name: make_provider(project, name) for name in names}


def model_parts(
    project: Project,
    settings: Mapping[str, Any],
    schema: Mapping[str, Any] | None = None,
    sampling: Mapping[str, Any] | None = None,
    where: str = "",
) -> tuple[ProviderEntry, Provider]:
    """Return how the model of a scorer is called, and its provider.

    Args:
        project: the opened suite.
        settings: as the section `provider` of a suite.
        schema: JSON schema that answers are held to, where the provider can do that and the
            settings do not say otherwise.
        sampling: what the settings leave open.
        where: who asks, for messages.

    Raises:
        PluginError, SuiteError: the provider is unknown, or its settings are wrong.
    """
    from promptreg.suite import parse_provider

    where = where or f"{project.path}: scorers: provider"
    entry = parse_provider(settings, where)
    known = project.plugins.providers.get(entry.use, where).settings()
    given = entry.settings
    if schema is not None and not given.keys() & {"json_schema", "response_format", "grammar"}:
        shape: dict[str, Any] = {}
        if "json_schema" in known:
            shape = {"json_schema": dict(schema)}
        elif "response_format" in known:
            told = {"name": "verdict", "strict": True, "schema": dict(schema)}
            shape = {"response_format": {"type": "json_schema", "json_schema": told}}
        entry = entry.model_copy(update=shape)
    if sampling and "sampling" in known:
        entry = entry.model_copy(update={"sampling": _sampling(sampling, given.get("sampling"))})
    return entry, _provider(project, entry, where)


def _sampling(defaults: Mapping[str, Any], given: Any) -> Any:
    if given is not None and not isinstance(given, Mapping):
        return given  # the provider's own check says what is wrong
    chosen = dict(given or {})
    sizes = {"max_tokens", "n_predict", "max_completion_tokens"}
    sized = bool(sizes & chosen.keys())
    return {k: v for k, v in defaults.items() if not (sized and k in sizes)} | chosen


def _provider(project: Project, entry: ProviderEntry, where: str) -> Provider:
    settings = dict(entry.settings)
    match settings.get("path"):  # relative to the suite, wherever the command was called
        case str(path):
            settings["path"] = str(project.base / path)
        case list(paths):
            settings["path"] = [str(project.base / str(path)) for path in paths]
    return project.plugins.providers.create(entry.use, settings, where)


def make_scoring(project: Project) -> Scoring:
    """Return the suite's scorers, ready to score.

    Raises:
        PluginError, SuiteError: one is unknown, its settings are wrong, or two share a metric.
    """
    made = []
    for i, entry in enumerate(project.suite.scorers):
        where = f"{project.path}: scorers[{i}]"
        settings = entry.settings
        if "cap_s" in project.plugins.scorers.get(entry.use, where).settings():
            # What a trial that never came back took: as long as one waits for it.
            entries = project.suite.providers.values() or [project.suite.provider]
            settings = {"cap_s": max(e.timeout.read for e in entries)} | settings
        if "read_text" in project.plugins.scorers.get(entry.use, where).settings():
            # Files that settings name: relative to the suite, of the revision whose policy decides.
            settings = settings | {"read_text": project.read_text}
        scorer = project.plugins.scorers.create(entry.use, settings, where)
        made.append((f"{entry.use} (scorers[{i}])", scorer))
    return Scoring(made, effective=project.suite.answer.effective)


def told(
    scoring: Scoring, trial: Trial, batched: Mapping[int, Given] | None = None
) -> dict[str, tuple[float | None, Outcome]]:
    """Score a trial and return what it contributes to each metric, as run writers take it.

    `batched` holds what scorers said that are asked in batches.
    """
    outcomes = zip(scoring.scales, scoring.apply(trial, batched or {}), strict=True)
    return {s.name: (None if value != value else value, o) for s, (value, o) in outcomes}


def default_blocks(scoring: Scoring) -> dict[str, list[str]]:
    """Return the composite's blocks where the suite names none: one per scorer of quality.

    A metric takes part if it is an average on a finite range, and its scorer does not say that it
    stands apart. `answered` is in by way of the
    others, since a failed trial is the worst value of each; alone it stands only where there is
    nothing else.
    """
    blocks: dict[str, list[str]] = {}
    for scale in scoring.scales:
        finite = math.isfinite(scale.high - scale.low)
        if scale.name in scoring.apart or scale.name.startswith(EFFECTIVE):
            continue
        if scale.statistic == "mean" and finite:
            blocks.setdefault(scoring.sources[scale.name], []).append(scale.name)
    quality = {who: names for who, names in blocks.items() if names != ["answered"]}
    return {"+".join(names): names for names in (quality or blocks).values()}


def policy_for(
    project: Project, scoring: Scoring, scenarios: ScenarioSet, options: Options
) -> Policy:
    """Return the suite's policy with the command line's word, checked against what exists.

    Takes every scenario, whatever a filter keeps: a filter does not make a policy wrong.

    Raises:
        SuiteError: it names a metric, attribute or value that does not exist.
    """
    values: dict[str, set[str]] = {}
    for scenario in scenarios.scenarios:
        for attribute, value in scenario.attributes.items():
            values.setdefault(attribute, set()).add(value)
    policy = make_policy(
        project.suite.gate,
        scoring.scales,
        default_blocks(scoring),
        values,
        where=str(project.path),
        alpha=options.alpha,
        margins=options.margins,
        looks=options.looks,
        anytime=options.anytime,
        strict=options.strict,
        shown_only=scoring.shown_only,
        pairwise=scoring.pair_scales,
    )
    design = project.suite.design
    if design.kind == "paired":
        return policy
    if policy.pairwise:
        raise SuiteError(
            f"{project.path}: scorers: {', '.join(map(repr, policy.pairwise))} compares both "
            "versions' answers to one scenario, and 'design: unpaired' has one answer to each"
        )
    return replace(policy, design=DesignPolicy(design.unit or "", dict(design.split)))
