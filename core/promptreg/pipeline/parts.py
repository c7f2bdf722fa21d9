"""What a suite's settings make: its plug-ins, its policy, and what each trial contributes."""

from __future__ import annotations

import math

from promptreg.pipeline.project import Options, Project
from promptreg.policy import EFFECTIVE, Policy, make_policy
from promptreg.protocols import Provider
from promptreg.records import Outcome, ScenarioSet, Trial
from promptreg.stages.score import Scoring

__all__ = ["default_blocks", "make_provider", "make_scoring", "policy_for", "told"]


def make_provider(project: Project) -> Provider:
    """Return the suite's provider.

    Raises:
        PluginError, SuiteError: it is unknown, or its settings are wrong.
    """
    entry = project.suite.provider
    settings = dict(entry.settings)
    match settings.get("path"):  # relative to the suite, wherever the command was called
        case str(path):
            settings["path"] = str(project.base / path)
        case list(paths):
            settings["path"] = [str(project.base / str(path)) for path in paths]
    return project.plugins.providers.create(entry.use, settings, f"{project.path}: provider")


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
        scorer = project.plugins.scorers.create(entry.use, settings, where)
        made.append((f"{entry.use} (scorers[{i}])", scorer))
    return Scoring(made, effective=project.suite.answer.effective)


def told(scoring: Scoring, trial: Trial) -> dict[str, tuple[float | None, Outcome]]:
    """Score a trial and return what it contributes to each metric, as run writers take it."""
    outcomes = zip(scoring.scales, scoring.apply(trial), strict=True)
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
    return make_policy(
        project.suite.gate,
        scoring.scales,
        default_blocks(scoring),
        values,
        where=str(project.path),
        alpha=options.alpha,
        margins=options.margins,
        looks=options.looks,
    )
