"""The plug-ins of a suite, made from its settings, and what each trial contributes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from promptreg.pipeline.project import Project
from promptreg.policy import EFFECTIVE
from promptreg.protocols import Provider
from promptreg.records import Outcome, Trial
from promptreg.stages.score import Given, Scoring
from promptreg.suite import ProviderEntry

__all__ = ["default_blocks", "make_provider", "make_scoring", "model_parts", "told"]


def make_provider(project: Project) -> Provider:
    """Return the suite's provider.

    Raises:
        PluginError, SuiteError: it is unknown, or its settings are wrong.
    """
    return _provider(project, project.suite.provider, f"{project.path}: provider")


def model_parts(
    project: Project,
    settings: Mapping[str, Any],
    schema: Mapping[str, Any] | None,
    where: str = "",
) -> tuple[ProviderEntry, Provider]:
    """Return how the model of a scorer is called, and its provider.

    Args:
        project: the opened suite.
        settings: as the section `provider` of a suite.
        schema: JSON schema that answers are held to, where the provider can do that and the
            settings do not say otherwise.
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
    return entry, _provider(project, entry, where)


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
            settings = {"cap_s": project.suite.provider.timeout.read} | settings
        if "suite_folder" in project.plugins.scorers.get(entry.use, where).settings():
            settings = {"suite_folder": str(project.base)} | settings  # for paths of files
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
