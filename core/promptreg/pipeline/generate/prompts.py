"""What templates make of generated scenarios, frozen as columns where that is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from promptreg.errors import SuiteError, TemplateError
from promptreg.numbers import count
from promptreg.records import Scenario, Template
from promptreg.stages.lint import Finding, few
from promptreg.stages.load import load_template, matches
from promptreg.stages.render import Renderer, compile_template, render
from promptreg.suite import Suite

__all__ = ["COLUMN", "add_prompts", "stale_prompts"]

COLUMN = "formatted_prompt_input"


def add_prompts(
    suite: Suite | None, path: Path, rows: Sequence[Mapping[str, Any]], label: str | None
) -> list[dict[str, Any]]:
    """Return the rows with a column `formatted_prompt_input_TEMPLATE` for each template.

    The prompt stands where `select` lets the template serve the scenario, else there is none. They
    take several times the room of all other columns, hence only where asked for.

    Args:
        suite: with the templates; None: there is none.
        path: the suite file, for messages and as the place that sources start from.
        rows: the scenarios.
        label: of the versions to render; None: the rows stay as they are.

    Raises:
        SuiteError: there is no suite, or no template has such a version.
        TemplateError: a scenario lacks a variable.
    """
    made = [dict(row) for row in rows]
    if label is None:
        return made
    if suite is None:
        raise SuiteError(f"{path}: generate.prompts: needs a suite with templates; there is none")
    names = [name for name, entry in suite.templates.items() if label in entry.versions]
    if not names:
        known = sorted({v for entry in suite.templates.values() for v in entry.versions})
        raise SuiteError(
            f"{path}: generate.prompts: no template has the version {label!r}; "
            f"there are: {', '.join(known)}"
        )
    scenarios = [_scenario(row) for row in made]
    for name in names:
        template = load_template(name, label, suite.templates[name], path.resolve().parent)
        renderer = compile_template(template, clock=suite.clock)
        rules = suite.select.get(name)
        for row, scenario in zip(made, scenarios, strict=True):
            served = not rules or matches(scenario, rules)
            try:
                text = (
                    render(renderer, scenario, allow_role_tokens=suite.allow_role_tokens).text
                    if served
                    else None
                )
            except TemplateError as e:
                raise TemplateError(f"{path}: generate.prompts: {name}@{label}: {e}") from e
            row[f"{COLUMN}_{name}"] = text
    return made


def stale_prompts(
    template: Template, renderer: Renderer, scenarios: Iterable[Scenario], *, loose: bool
) -> Iterator[Finding]:
    """Find frozen prompts that a template does not make any more; it was edited since.

    Args:
        template: the version that was frozen.
        renderer: of its text as it is now.
        scenarios: those it serves, with their frozen columns.
        loose: whether values may hold role tokens.
    """
    column = f"{COLUMN}_{template.name}"
    others = []
    for scenario in scenarios:
        frozen = scenario.variables.get(column)
        try:
            if (
                frozen is not None
                and frozen != render(renderer, scenario, allow_role_tokens=loose).text
            ):
                others.append(scenario.id)
        except TemplateError:  # a finding of its own
            return
    if others:
        message = (
            f"makes other prompts than {column} holds, of {count(len(others), 'scenario')} "
            f"({few(others)}): it was edited since they were frozen; generate the set again"
        )
        yield Finding("warning", "stale-prompts", f"{template.name}@{template.label}", message)


def _scenario(row: Mapping[str, Any]) -> Scenario:
    words = {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in row.items()
        if isinstance(value, (str, int, bool))
    }
    return Scenario(str(row["scenario_id"]), row, {}, words, str(row.get("family")), ())
