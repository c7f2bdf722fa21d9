"""Variances of a stored calibration, for plans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from promptreg.errors import PromptregError
from promptreg.pipeline.calibrate.kept import GateTemplate, Wanted, find
from promptreg.pipeline.event_loop import run_loop
from promptreg.pipeline.facts import provider_facts, scorer_facts
from promptreg.pipeline.keys import digest
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.services import SuiteServices
from promptreg.pipeline.work import Version
from promptreg.protocols import Provider
from promptreg.records import Json, ScenarioSet
from promptreg.stages.calibrate import variances_of
from promptreg.stages.score import Scoring
from promptreg.stats.power import Variances
from promptreg.store.calibrations import read_calibrations

__all__ = ["known_spreads"]


def known_spreads(
    project: Project,
    versions: Sequence[Version],
    scenarios: ScenarioSet,
    scoring: Scoring,
    provider: Provider,
    server: tuple[str, Mapping[str, object]] | None,
    notes: list[str],
) -> dict[tuple[str, str], tuple[Variances, str]]:
    """Return variances by (template, metric), each with what it rests on.

    Policy, repeats and seed do not matter here: a variance is the same under all of them.

    Args:
        project: says where calibrations are.
        versions: what is planned.
        scenarios: the set they come from.
        scoring: the suite's scorers; what judges and embedders say of themselves counts.
        provider: who will answer.
        server: model and facts of its server; None where they are not known.
        notes: told which calibration is not used, and why.
    """
    try:
        prints = _fingerprints(project, scoring, provider, server)
    except PromptregError as e:
        if any(True for _ in read_calibrations(project.store)):
            notes.append(f"no calibration is used: who judges cannot be told: {e}")
        return {}
    found: dict[tuple[str, str], tuple[Variances, str]] = {}
    told: dict[str, None] = {}
    for name in dict.fromkeys(v.template.name for v in versions):
        members = [v for v in versions if v.template.name == name]
        ids = digest(sorted(s.id for s in members[0].scenarios))
        texts = tuple(v.template.sha256 for v in members)
        gated = GateTemplate(texts, digest([scenarios.sha256, ids]))
        kept, reasons, warnings = find(project, Wanted({name: gated}, prints, together=False))
        told |= dict.fromkeys(warnings)
        if kept is None:
            continue
        day = kept.created_at[:10]
        if reasons:
            told[f"the calibration of {day} is not used for {name}: {', '.join(reasons)}"] = None
            continue
        for (template, metric), spread in kept.spreads.items():
            # What never varied in a few askings may vary in the next: typical variances stay.
            if template == name and spread.between + spread.within > 0:
                variances = variances_of(spread.between, spread.within)
                found[name, metric] = variances, f"calibration of {day}"
        told[
            f"detectable changes of {name} rest on variances from calibration of {day}; how much a "
            "change differs between scenarios is taken to be as much as their scores do"
        ] = None
    notes.extend(told)
    return found


def _fingerprints(
    project: Project,
    scoring: Scoring,
    provider: Provider,
    server: tuple[str, Mapping[str, object]] | None,
) -> dict[str, str]:
    """Return what a calibration must have been made with.

    Raises:
        PromptregError: a scorer's model is not reachable, and nothing is known of it.
    """
    suite = project.suite
    outside = run_loop(_outside(project, scoring)) if scoring.batched else {}
    model, facts = server or ("", {})
    _, prints = provider_facts(
        suite.provider.use, provider.identity(), {"model": model, **facts}, model
    )
    if server is None and provider.cacheable:
        del prints["model"]  # not known now, so not compared
    return prints | {
        "scorers": scorer_facts(suite.scorers, project.plugins, outside),
        "parser": digest(suite.answer.model_dump(mode="json")),
    }


async def _outside(project: Project, scoring: Scoring) -> dict[int, Mapping[str, Json]]:
    """Return what scorers say shapes their scores besides settings and code, as runs record it."""
    services = SuiteServices(project, Options())
    try:
        return await services.identities(scoring)
    finally:
        await services.aclose()
