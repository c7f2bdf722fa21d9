"""`validate`: every check that needs no model, joined."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from promptreg.errors import DataError, MissingPackageError, PromptregError
from promptreg.pipeline.check_policy import check_policy
from promptreg.pipeline.fixtures import check_fixture
from promptreg.pipeline.generate import stale_prompts
from promptreg.pipeline.judging.labelled import labelled_by
from promptreg.pipeline.parts import make_provider, make_scoring, model_parts, policy_for
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.reviewed import unreviewed_words
from promptreg.pipeline.templates.drift import lint_registry
from promptreg.pipeline.versions import serves
from promptreg.records import Scenario, ScenarioSet, Template
from promptreg.stages.lint import (
    Finding,
    lint_pair,
    lint_problems,
    lint_prompts,
    lint_scenarios,
    lint_select,
    lint_wording,
)
from promptreg.stages.load import TRUTH_COLUMNS, load_template, matches
from promptreg.stages.render import check_rendering, compile_template, render, with_variables
from promptreg.stages.score import Scoring

__all__ = ["Checked", "check"]


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at, and what was found, the errors first."""

    scenarios: int
    versions: int
    findings: tuple[Finding, ...]


def check(project: Project) -> Checked:
    """Return every finding about a suite; errors are findings too, so that all are seen at once.

    Raises:
        SuiteError, DataError: the suite or the scenarios cannot be read at all.
    """
    suite = project.suite
    fixture = check_fixture(project)
    try:
        scenarios = project.scenarios(Options())
    except DataError as e:
        # What was found out about the fixture says more than what came of reading it.
        known = [f"{f.where}: {f.message}" for f in fixture if f.level == "error"]
        if known:
            raise DataError("\n".join([*known, str(e)])) from e
        raise
    findings = [
        *fixture,
        *_plugins(project, scenarios),
        *_embedder(project, scenarios),
        *_history(project),
        *lint_scenarios(scenarios, TRUTH_COLUMNS),
        *_unreviewed(scenarios),
        *lint_select(suite.select, list(suite.templates), scenarios.scenarios, matches),
    ]
    versions = 0
    for name in suite.templates:
        versions += len(suite.templates[name].versions)
        findings += _template(project, name, scenarios)
    findings += lint_registry(project)
    order = {"error": 0, "warning": 1, "info": 2}
    findings.sort(key=lambda f: order.get(f.level, 3))
    return Checked(len(scenarios.scenarios), versions, tuple(findings))


def _plugins(project: Project, scenarios: ScenarioSet) -> Iterator[Finding]:
    """Find what is wrong with provider, scorers and policy."""
    for name in project.suite.providers or ("",):
        try:
            make_provider(project, name)
        except PromptregError as e:
            yield Finding("error", "provider", "provider", str(e))
    named = {n for entry in project.suite.templates.values() for n in entry.providers.values()}
    for name in sorted({*project.suite.providers} - named - {project.suite.provider_name}):
        yield Finding("warning", "unused-provider", f"providers.{name}", "no version names it")
    try:
        scoring = make_scoring(project)
    except PromptregError as e:
        yield Finding("error", "scorers", "scorers", str(e))
        return
    yield from _models(project, scoring)
    try:
        labelled_by(project, scoring)
    except PromptregError as e:
        yield Finding("error", "labels", "scorers", str(e))
    yield from _idle_metrics(scoring, scenarios.scenarios)
    try:
        policy = policy_for(project, scoring, scenarios, Options())
    except PromptregError as e:
        yield Finding("error", "gate", "gate", str(e))
        return
    served = {name: serves(project, name, scenarios) for name in project.suite.templates}
    yield from check_policy(policy, scoring, served, scenarios)


def _embedder(project: Project, scenarios: ScenarioSet) -> Iterator[Finding]:
    """Find what is wrong with the embedder; without its packages only maps and search are lost."""
    if project.suite.embedder is None:
        return
    from promptreg.pipeline.embed import make_embedder, scenario_texts

    try:
        scenario_texts(project, scenarios)
        make_embedder(project)
    except PromptregError as e:
        if isinstance(e, MissingPackageError):
            yield Finding("warning", "embedder", "embedder", str(e))
        else:
            yield Finding("error", "embedder", "embedder", str(e))


def _history(project: Project) -> Iterator[Finding]:
    """Find what is wrong with the history: a gate only says so after its decision."""
    if project.suite.history is None:
        return
    from promptreg.pipeline.history.sync import make_history

    try:
        make_history(project)
    except PromptregError as e:
        lacking = isinstance(e, MissingPackageError)
        yield Finding("warning" if lacking else "error", "history", "history", str(e))


def _models(project: Project, scoring: Scoring) -> Iterator[Finding]:
    """Find what is wrong with the models that scorers will ask."""
    for plan in (*(scoring.plan(at) for at in scoring.batched), *scoring.pairwise):
        for settings in () if plan.effective else getattr(plan.scorer, "providers", ()):
            try:
                model_parts(project, settings, where=f"{project.path}: {plan.who}: provider")
            except PromptregError as e:
                yield Finding("error", "scorers", plan.who, str(e))


def _idle_metrics(scoring: Scoring, scenarios: Sequence[Scenario]) -> Iterator[Finding]:
    """Find metrics that apply to no scenario: a misspelt `where` selects nothing, silently."""
    used: set[str] = set()
    for scenario in scenarios:
        used.update(scoring.applying(scenario))
    for scale in (*scoring.scales, *scoring.pair_scales):
        if scale.name not in used:
            yield Finding(
                "warning",
                "idle-metric",
                scoring.sources[scale.name],
                f"the metric {scale.name!r} applies to none of the {len(scenarios)} scenarios; "
                "see its 'where' and the ground truth it needs",
            )


def _unreviewed(scenarios: ScenarioSet) -> Iterator[Finding]:
    if said := unreviewed_words(scenarios):
        yield Finding("warning", "unreviewed-truth", scenarios.source, said)


def _template(project: Project, name: str, scenarios: ScenarioSet) -> Iterator[Finding]:
    """Find what is wrong with the versions of one template."""
    suite = project.suite
    entry = suite.templates[name]
    served = serves(project, name, scenarios)
    columns = set(scenarios.scenarios[0].variables) if scenarios.scenarios else set()
    compiled: list[Template] = []
    loose = suite.allow_role_tokens
    for label in entry.versions:
        try:
            template = load_template(name, label, entry, project.base)
            template = replace(template, provider_name=suite.asked(name, label))
            renderer = compile_template(template, clock=suite.clock)
        except PromptregError as e:
            yield Finding("error", "template", f"{name}@{label}", str(e))
            continue
        template = with_variables(template, renderer)
        compiled.append(template)
        yield from lint_wording(template, columns)
        yield from lint_problems(
            template, check_rendering(renderer, served, allow_role_tokens=loose)
        )
        yield from lint_prompts(
            template,
            served,
            lambda s, r=renderer: render(r, s, allow_role_tokens=loose).text,  # type: ignore[misc]
        )
        if suite.generate is not None and suite.generate.prompts == label:
            yield from stale_prompts(template, renderer, served, loose=loose)
    for left, right in pairwise(compiled):
        yield from lint_pair(left, right, optional=entry.optional)
