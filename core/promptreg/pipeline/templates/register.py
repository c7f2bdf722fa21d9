"""`templates register`: a text becomes a version of the registry, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from promptreg.errors import UsageError
from promptreg.journal import MAX_TEXT, Event, Labelled, Registered, State, check_name
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.templates.who import Now, now
from promptreg.pipeline.versions import lookup
from promptreg.records import Template
from promptreg.stages.load import RunRef, open_journal
from promptreg.stages.render import compile_template, with_variables

__all__ = ["Outcome", "chosen", "register", "registration"]


_IN_USE = "production"
"""The alias that `promote` and `rollback` move unless they are told another."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What registering a version came to.

    Attributes:
        template: the version, with its variables.
        done: `registered` (a new version), `labelled` (a known text got another label) or
            `known` (nothing was written).
        first: of a known text, when, by whom and under which label it was registered.
    """

    template: Template
    done: Literal["registered", "labelled", "known"]
    first: Registered | None = None


def register(
    project: Project, ref: str, options: Options, *, label: str | None = None
) -> tuple[Outcome, ...]:
    """Register what a reference names; identical text makes no new version.

    Args:
        project: the suite.
        ref: any reference to versions.
        options: `--template`.
        label: what the version is called in the registry; its own label unless given.

    Raises:
        UsageError: a label already names another text, or a name cannot be registered.
    """
    templates = chosen(project, ref, options, label=label)
    circumstances = now(project.base)
    outcomes: list[Outcome] = []

    def make(state: State) -> list[Event]:
        events: list[Event] = []
        for template in templates.values():
            outcome, event = registration(template, state, circumstances)
            outcomes.append(outcome)
            events += [event] if event else []
        return events

    open_journal(project.suite, project.base).append(make)
    return tuple(outcomes)


def chosen(
    project: Project, ref: str, options: Options, *, label: str | None
) -> Mapping[str, Template]:
    """Return the versions a reference names as they would be registered, by template.

    Raises:
        UsageError: it names a run, or something that cannot be registered.
        TemplateError: a text breaks its engine's rules.
    """
    found = lookup(project, ref, options)
    if isinstance(found, RunRef):
        raise UsageError(f"{ref}: a stored run is no template version; name the version it ran")
    made = {}
    for name, template in found.items():
        check_name(name, "template")
        own = template.label if label is None else label
        if label is None and own.startswith("git:"):
            raise UsageError(
                f"{name}@{own}: a version from git needs a label of its own: --label NAME"
            )
        check_name(own, "label")
        if len(template.text) > MAX_TEXT:
            raise UsageError(
                f"{name}@{own}: {len(template.text):,} characters; at most {MAX_TEXT:,} can be "
                "registered"
            )
        renderer = compile_template(template, clock=project.suite.clock)
        template = with_variables(template, renderer)
        made[name] = replace(template, name=name, label=own)
    return made


def registration(template: Template, state: State, now: Now) -> tuple[Outcome, Event | None]:
    """Return what registering a version comes to, and what to write for it.

    Raises:
        UsageError: its label is an alias, or already names another text.
    """
    name, label, sha256 = template.name, template.label, template.sha256
    if state.alias(name, label) is not None:
        raise UsageError(f"{name}@{label} is an alias; give the version another label (--label)")
    if label == _IN_USE and not state.labelled(name, label):
        raise UsageError(
            f"{name}@{label}: {label!r} is the alias that promotions move, and a label stays for "
            "ever; give the version another label (--label)"
        )
    for other in state.labelled(name, label):
        if other.registered.sha256 != sha256:
            raise UsageError(
                f"{name}@{label} is registered with another text "
                f"({other.registered.sha256[:12]}, {other.registered.at[:10]} by "
                f"{other.registered.by}; this one is {sha256[:12]}): a label names one text for "
                f"ever. See 'promptreg templates diff {name}@sha256:"
                f"{other.registered.sha256[:12]} {name}@{label}', and give the new text a label "
                "of its own (--label NAME)"
            )
    told = {"at": now.at, "by": now.by, "commit": now.commit, "template": name, "label": label}
    known = state.version(name, sha256)
    if known is None:
        event = Registered(
            **told,
            sha256=sha256,
            engine=template.engine,
            variables=template.variables,
            source=template.source,
            text=template.text,
        )
        return Outcome(template, "registered"), event
    if label in known.labels:
        return Outcome(template, "known", known.registered), None
    return Outcome(template, "labelled", known.registered), Labelled(**told, sha256=sha256)
