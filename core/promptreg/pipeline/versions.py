"""From references to template versions that are known to render on every scenario."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from promptreg.errors import TemplateError, UsageError, did_you_mean
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.work import Version
from promptreg.records import Scenario, ScenarioSet, Template
from promptreg.stages.load import Resolved, RunRef, matches, resolve
from promptreg.stages.render import check_rendering, compile_template

__all__ = [
    "check_looked_up_apart",
    "common_templates",
    "lookup",
    "make_version",
    "same_asked",
    "serves",
]


def lookup(project: Project, ref: str, options: Options) -> dict[str, Template] | RunRef:
    """Return the template versions a reference names, by template, or the run it names.

    Raises:
        UsageError: nothing is called so, or `--template` leaves nothing.
    """
    # One template alone also says whose version a file is that the suite does not list.
    only = options.templates[0] if len(options.templates) == 1 else None
    found = resolve(ref, project.suite, project.base, template=only)
    if isinstance(found, RunRef):
        return found
    return _chosen(found, ref, options)


def _chosen(found: Resolved, ref: str, options: Options) -> dict[str, Template]:
    if not options.templates:
        return dict(found.templates)
    for name in options.templates:
        if name not in found.templates:
            known = sorted(found.templates)
            raise UsageError(
                f"--template {name}: {ref!r} has no template {name!r}{did_you_mean(name, known)}; "
                f"it has: {', '.join(known)}"
            )
    return {name: found.templates[name] for name in options.templates}


def common_templates(
    a: Mapping[str, Template], b: Mapping[str, Template], ref_a: str, ref_b: str
) -> list[str]:
    """Return the templates both references have.

    Raises:
        UsageError: there is none.
    """
    names = [name for name in a if name in b]
    if not names:
        raise UsageError(
            f"no template has both {ref_a!r} ({', '.join(a)}) and {ref_b!r} ({', '.join(b)})"
        )
    return names


def same_asked(a: Template, b: Template) -> bool:
    """Return whether two versions are one text, asked of one provider: an A/A comparison."""
    return a.sha256 == b.sha256 and a.provider_name == b.provider_name


def check_looked_up_apart(a: Template, b: Template, *, cacheable: bool) -> None:
    """Refuse two texts of one label where completions are looked up by label.

    Both would get the same completions, and the comparison would say that they are equal.

    Raises:
        UsageError: they are such.
    """
    if not cacheable and a.label == b.label and a.sha256 != b.sha256:
        raise UsageError(
            f"template {a.name}: both sides have the label {a.label!r} and different texts "
            f"({a.source}: {a.sha256[:12]}; {b.source}: {b.sha256[:12]}), and the provider looks "
            "completions up by label: give the changed text a label of its own"
        )


def serves(project: Project, template: str, scenarios: ScenarioSet) -> tuple[Scenario, ...]:
    """Return the scenarios the suite routes to a template; all where it says nothing."""
    rules = project.suite.select.get(template)
    if not rules:
        return scenarios.scenarios
    return tuple(s for s in scenarios.scenarios if matches(s, rules))


def make_version(
    project: Project,
    template: Template,
    scenarios: Sequence[Scenario],
    *,
    side: str = "",
    lane: int = 0,
    first_repeat: int = 0,
) -> Version:
    """Return a version that renders on every scenario.

    Raises:
        TemplateError: it cannot be compiled, or a scenario lacks a variable; nothing was sent.
    """
    renderer = compile_template(template, clock=project.suite.clock)
    problems = check_rendering(
        renderer, scenarios, allow_role_tokens=project.suite.allow_role_tokens
    )
    if problems:
        more = f"\n  and {len(problems) - 5} more" if len(problems) > 5 else ""
        listed = "\n  ".join(p.message for p in problems[:5])
        raise TemplateError(
            f"template {template.name}@{template.label} cannot be rendered; "
            f"nothing was sent:\n  {listed}{more}"
        )
    return Version(side, template, renderer, tuple(scenarios), first_repeat, lane)
