"""`validate`: every check that needs no model, joined."""

from __future__ import annotations

from dataclasses import dataclass

from promptreg.errors import PromptregError
from promptreg.pipeline.compare import policy_for
from promptreg.pipeline.execute import make_provider, make_scoring
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.versions import serves
from promptreg.stages.lint import Finding, lint
from promptreg.stages.load import load_template
from promptreg.stages.render import check_rendering, compile_template

__all__ = ["Checked", "check"]


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at, and what was found."""

    scenarios: int
    versions: int
    findings: tuple[Finding, ...]


def check(project: Project) -> Checked:
    """Return every finding about a suite; errors are findings too, so that all are seen at once.

    Raises:
        SuiteError, DataError: the suite or the scenarios cannot be read at all.
    """
    suite = project.suite
    options = Options()
    scenarios = project.scenarios(options)
    findings: list[Finding] = []

    def note(code: str, error: PromptregError) -> None:
        findings.append(Finding("error", code, code, str(error)))

    try:
        make_provider(project)
    except PromptregError as e:
        note("provider", e)
    try:
        scoring = make_scoring(project)
    except PromptregError as e:
        note("scorers", e)
    else:
        try:
            policy_for(project, scoring, scenarios, options)
        except PromptregError as e:
            note("gate", e)
    renderers = {}
    versions = 0
    for name, entry in suite.templates.items():
        for label in entry.versions:
            versions += 1
            where = f"templates.{name}.versions.{label}"
            try:
                template = load_template(name, label, entry, project.base)
                renderer = compile_template(template, clock=suite.clock)
            except PromptregError as e:
                findings.append(Finding("error", "template", where, str(e)))
                continue
            renderers[name, label] = renderer
            served = serves(project, name, scenarios)
            problems = check_rendering(renderer, served, allow_role_tokens=suite.allow_role_tokens)
            findings += [Finding("error", "render", where, str(p)) for p in problems[:20]]
            if len(problems) > 20:
                more = f"{len(problems) - 20} more problems of this kind"
                findings.append(Finding("error", "render", where, more))
    findings += lint(
        suite, scenarios, renderers, {n: serves(project, n, scenarios) for n in suite.templates}
    )
    order = {"error": 0, "warning": 1, "info": 2}
    findings.sort(key=lambda f: order.get(f.level, 3))
    return Checked(len(scenarios.scenarios), versions, tuple(findings))
