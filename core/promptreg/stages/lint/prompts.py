"""Slips that show once templates meet scenarios."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from promptreg.errors import PromptregError
from promptreg.numbers import count
from promptreg.records import Scenario, Template
from promptreg.stages.lint.findings import Finding, few

__all__ = ["ProblemLike", "lint_problems", "lint_prompts", "lint_select"]

MAX_CHARACTERS = 100_000
_CHARACTERS_PER_TOKEN = 4
_CODES = {
    "missing": "missing-variable",
    "null": "null-variable",
    "value": "bad-value",
    "role_token": "role-token",
    "too_long": "too-long",
    "template": "template-error",
}


class ProblemLike(Protocol):
    """What keeps a scenario from becoming a prompt; see `promptreg.stages.render.Problem`."""

    @property
    def code(self) -> str:
        """Its class."""

    @property
    def scenario(self) -> str:
        """The scenario's id, or empty for all."""

    @property
    def variable(self) -> str:
        """The variable, or empty."""

    @property
    def detail(self) -> str:
        """What is wrong."""


def lint_problems(template: Template, problems: Iterable[ProblemLike]) -> list[Finding]:
    """Return one error per kind of problem, with the first scenarios it is found in."""
    where = f"{template.name}@{template.label}"
    grouped: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for problem in problems:
        grouped[problem.code, problem.variable, problem.detail].append(problem.scenario)
    findings = []
    for (code, _, detail), ids in grouped.items():
        named = [i for i in ids if i]
        spread = f" (scenario {few(named)})" if named else ""
        findings.append(Finding("error", _CODES.get(code, code), where, detail + spread))
    return findings


def lint_prompts(
    template: Template, scenarios: Sequence[Scenario], text_of: Callable[[Scenario], str]
) -> list[Finding]:
    """Return what the prompts of one version show: twins, and sizes no model reads.

    Args:
        template: the version.
        scenarios: those it serves.
        text_of: renders one; scenarios it fails on are left to `lint_problems`.
    """
    where = f"{template.name}@{template.label}"
    first: dict[int, str] = {}
    twins: list[str] = []
    longest, longest_id = 0, ""
    for scenario in scenarios:
        try:
            text = text_of(scenario)
        except PromptregError:
            continue
        # 64 bits of a hash that a data file cannot aim at: the seed changes with each process.
        other = first.setdefault(hash((text, scenario.images)), scenario.id)
        if other != scenario.id:
            twins.append(f"{scenario.id} = {other}")
        if len(text) > longest:
            longest, longest_id = len(text), scenario.id
    findings = []
    if twins and len(twins) == len(scenarios) - 1:
        message = "gives every scenario the same prompt; it uses nothing of them"
        findings.append(Finding("warning", "same-prompt", where, message))
    elif twins:
        message = (
            f"gives {count(len(twins), 'scenario')} the prompt of another: {few(twins)}; that is "
            "no further evidence (name their common column as 'cluster', or drop them)"
        )
        findings.append(Finding("warning", "twin-scenarios", where, message))
    if longest > MAX_CHARACTERS:
        message = (
            f"the prompt of {longest_id!r} has {longest:,} characters, some "
            f"{longest // _CHARACTERS_PER_TOKEN:,} tokens; most models read less"
        )
        findings.append(Finding("warning", "large-prompt", where, message))
    return findings


def lint_select(
    select: Mapping[str, Mapping[str, Any]],
    templates: Sequence[str],
    scenarios: Sequence[Scenario],
    matches: Callable[[Scenario, Mapping[str, Any]], bool],
) -> list[Finding]:
    """Return routing that leaves templates or scenarios with nothing to do.

    Args:
        select: the suite's routing: template to what its scenarios have in common.
        templates: every template's name; one without an entry serves all scenarios.
        scenarios: all of them.
        matches: says whether a scenario has what an entry asks for.
    """
    findings = []
    served: set[str] = set()
    columns = set(scenarios[0].variables) if scenarios else set()
    for name in templates:
        where = select.get(name)
        unknown = sorted(set(where or ()) - columns)
        if unknown:
            message = f"asks for {few(unknown)}, which is no column of the scenarios"
            findings.append(Finding("error", "unknown-attribute", f"select.{name}", message))
            continue
        ids = {s.id for s in scenarios if where is None or matches(s, where)}
        if not ids:
            message = "selects no scenario, so the template is never asked"
            findings.append(Finding("error", "empty-selection", f"select.{name}", message))
        served |= ids
    left = [s.id for s in scenarios if s.id not in served]
    if left:
        message = f"leaves {count(len(left), 'scenario')} without a template: {few(left)}"
        findings.append(Finding("warning", "unserved-scenarios", "select", message))
    return findings
