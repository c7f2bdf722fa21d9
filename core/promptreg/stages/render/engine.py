"""Templates become renderers, and scenarios become prompts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from promptreg.errors import TemplateError
from promptreg.records import Prompt, Scenario, Template
from promptreg.stages.render.formats import FormatRenderer
from promptreg.stages.render.jinjas import JinjaRenderer
from promptreg.stages.render.problems import Problem, RenderError

__all__ = ["Renderer", "check_rendering", "compile_template", "render", "with_variables"]

ENGINES = ("format", "jinja", "raw")


class Renderer(Protocol):
    """A compiled template.

    Attributes:
        variables: the names it takes from scenarios.
        where: the version, for messages.
    """

    variables: frozenset[str]
    where: str

    def render(self, variables: Mapping[str, Any]) -> str:
        """Return the prompt's text.

        Raises:
            RenderError: it cannot be made.
        """
        ...

    def smuggled(self, variables: Mapping[str, Any], text: str) -> Problem | None:
        """Return the role token that a value brought into the prompt, if one did."""
        ...


def compile_template(template: Template, *, clock: str | None = None) -> Renderer:
    """Return the renderer of a template version.

    Args:
        template: the version.
        clock: what the variable `now` says (the suite's `clock`).

    Raises:
        TemplateError: the text breaks the engine's rules; says line and column.
    """
    where = f"template {template.name}@{template.label}"
    if template.engine == "jinja":
        return JinjaRenderer(template, where, clock)
    if template.engine in ("format", "raw"):
        return FormatRenderer(template, where, clock)
    raise TemplateError(
        f"{where}: no engine is called {template.engine!r}; there are: {', '.join(ENGINES)}"
    )


def with_variables(template: Template, renderer: Renderer) -> Template:
    """Return the template with the names its renderer takes."""
    return replace(template, variables=tuple(sorted(renderer.variables)))


def render(renderer: Renderer, scenario: Scenario, *, allow_role_tokens: bool = False) -> Prompt:
    """Return the prompt of a scenario: exactly what is sent.

    Args:
        renderer: a compiled template.
        scenario: the situation.
        allow_role_tokens: send values that hold role tokens as they are.

    Raises:
        RenderError: a variable is missing or null, a value holds a role token, or the template's
            own code failed. The text of an error is never a prompt.
    """
    try:
        text = renderer.render(scenario.variables)
    except RenderError as e:
        raise _of(scenario, renderer, e.problems) from e
    if not allow_role_tokens:
        problem = renderer.smuggled(scenario.variables, text)
        if problem is not None:
            raise _of(scenario, renderer, (problem,))
    return Prompt(text, scenario.images)


def check_rendering(
    renderer: Renderer, scenarios: Iterable[Scenario], *, allow_role_tokens: bool = False
) -> list[Problem]:
    """Return everything that keeps scenarios from becoming prompts; no call is made.

    A variable that no scenario has is reported once, without a scenario.
    """
    problems: list[Problem] = []
    everywhere: set[tuple[str, str]] = set()
    for scenario in scenarios:
        try:
            render(renderer, scenario, allow_role_tokens=allow_role_tokens)
        except RenderError as e:
            for problem in e.problems:
                if problem.code != "missing":
                    problems.append(problem)
                elif (problem.code, problem.variable) not in everywhere:
                    everywhere.add((problem.code, problem.variable))
                    problems.append(replace(problem, scenario=""))
    return problems


def _of(scenario: Scenario, renderer: Renderer, problems: tuple[Problem, ...]) -> RenderError:
    return RenderError(tuple(replace(p, scenario=scenario.id) for p in problems), renderer.where)
