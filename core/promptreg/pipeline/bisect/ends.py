"""The two ends of a bisection, and the commits between them where there are any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from promptreg.errors import TemplateError, UsageError
from promptreg.pipeline.project import Options, Project
from promptreg.records import Template
from promptreg.stages.load import GitVersion, RunRef, State, git_version, lineage, resolve

__all__ = ["Ends", "find_ends"]


@dataclass(frozen=True, slots=True)
class Ends:
    """What is bisected.

    Attributes:
        good, bad: the texts at both ends.
        states: the texts that commits left between them, both ends included; empty where the
            edit itself is looked into.
        notes: what a reader must know.
    """

    good: Template
    bad: Template
    states: tuple[State, ...] = ()
    notes: tuple[str, ...] = ()


def find_ends(
    project: Project, good: str, bad: str, options: Options, by: str | None = None
) -> Ends:
    """Return both ends, and the states between them where commits are to be searched.

    Args:
        project: the opened suite.
        good: reference of the version before.
        bad: reference of the version after.
        options: the command line's word; `--template` picks one of several templates.
        by: `hunks`, `commits`, or None to choose.

    Raises:
        UsageError: a reference names nothing, a stored run, or another template than the other;
            or commits are asked for where there are none.
    """
    name = _template(project, (good, bad), options)
    found = _found(project, name, good, bad, by)
    left, right = found.good.provider_name, found.bad.provider_name
    if left != right:
        raise UsageError(
            f"{good} is asked of the provider {left!r} and {bad} of {right!r}: bisect looks into a "
            "text, and what a change of providers does is not in it. Name versions of one provider"
        )
    return found


def _found(project: Project, name: str, good: str, bad: str, by: str | None) -> Ends:
    at = [git_version(ref, name, project.suite, project.base) for ref in (good, bad)]
    notes: tuple[str, ...] = ()
    if at[0] is not None and at[1] is not None:
        states, notes = _states(project, at[0], at[1], by)
        if by == "commits" or (by is None and len(states) > 2):
            return _ends(project, states, good, bad)
        if states:
            if len(states) == 2:
                commit = states[1].commit.hash[:10]
                notes = (f"one commit, {commit}, changed the template between {good} and {bad}",)
            return replace(_ends(project, states, good, bad), states=(), notes=notes)
    elif by == "commits":
        raise UsageError(
            f"--commits needs a revision of git on both sides, such as {name}@git:HEAD~9 and "
            f"{name}@git:HEAD; found {good} and {bad}"
        )
    return Ends(_version(project, name, good), _version(project, name, bad), notes=notes)


def _states(
    project: Project, good: GitVersion, bad: GitVersion, by: str | None
) -> tuple[tuple[State, ...], tuple[str, ...]]:
    try:
        states = lineage(good, bad, project.suite, project.path.name, project.base)
    except UsageError as e:
        # An error of the templates' own is one all the same; only a missing line is got around.
        if by == "commits" or isinstance(e, TemplateError):
            raise
        return (), (str(e),)
    if len(states) == 1:
        raise UsageError(
            f"no commit between {good.revision.name} and {bad.revision.name} changes the template "
            f"{good.template}: there is nothing to bisect"
        )
    return states, ()


def _ends(project: Project, states: tuple[State, ...], good: str, bad: str) -> Ends:
    first, last = _end(states[0], good), _end(states[-1], bad)
    asked = project.suite.provider_name  # what has no label of the suite is asked of that one
    return Ends(
        replace(first, provider_name=asked), replace(last, provider_name=asked), tuple(states)
    )


def _end(state: State, ref: str) -> Template:
    if state.template is None:
        raise TemplateError(state.problem or f"{ref}: the file is not there")
    return replace(state.template, label=_label(state.template.name, ref))


def _version(project: Project, name: str, ref: str) -> Template:
    found = resolve(ref, project.suite, project.base, template=name)
    if isinstance(found, RunRef):
        raise UsageError(
            f"{ref}: a stored run has no text to cut into pieces; name template versions"
        )
    if name not in found.templates:
        raise UsageError(f"{ref} is no version of the template {name}")
    return replace(found.templates[name], label=_label(name, ref))


def _label(name: str, ref: str) -> str:
    return ref.removeprefix(f"{name}@")


def _template(project: Project, refs: Sequence[str], options: Options) -> str:
    """Return the one template that is meant."""
    templates = project.suite.templates
    if len(options.templates) > 1:
        raise UsageError("bisect looks into one template at a time; give --template once")
    named = {ref.partition("@")[0] for ref in refs if ref.partition("@")[0] in templates}
    named |= set(options.templates)
    if len(named) > 1:
        raise UsageError(f"both sides must be of one template; found {', '.join(sorted(named))}")
    for name in named:
        if name in templates:
            return name
        resolve(refs[0], project.suite, project.base, template=name)  # says what there is
    if len(templates) == 1:
        return next(iter(templates))
    held = [name for name in templates if all(ref in templates[name].versions for ref in refs)]
    if len(held) == 1:
        return held[0]
    raise UsageError(
        f"{refs[0]} and {refs[1]} are versions of "
        + (f"several templates ({', '.join(held)})" if held else "no one template")
        + f"; --template says which is meant: {', '.join(templates)}"
    )
