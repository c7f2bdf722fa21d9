"""What `templates list` and `show` say: the versions of suite and registry, joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from promptreg.errors import PromptregError, UsageError
from promptreg.journal import Moved, State, Version
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.versions import lookup
from promptreg.records import Template
from promptreg.stages.load import RunRef, load_template, open_journal
from promptreg.stages.render import compile_template, with_variables

__all__ = ["Listed", "Shown", "list_templates", "show_versions"]


@dataclass(frozen=True, slots=True)
class Listed:
    """One content of a template, in the suite, in the registry, or in both.

    Attributes:
        template, engine, sha256: the content; the hash is empty where it cannot be read.
        labels: the suite's labels for it.
        registered: the registered version; None: not registered.
        aliases: those that point to it.
        drifted: labels of the suite that are registered with another text, and that text's hash.
        in_suite: whether the suite has the template at all.
        problem: why it cannot be read; empty: it can.
    """

    template: str
    engine: str
    sha256: str
    labels: tuple[str, ...]
    registered: Version | None
    aliases: tuple[str, ...]
    drifted: tuple[tuple[str, str], ...] = ()
    in_suite: bool = True
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """One version with all that is known of it."""

    template: Template
    registered: Version | None
    aliases: tuple[str, ...]
    moves: tuple[Moved, ...]
    problem: str = ""


def list_templates(project: Project, names: Sequence[str] = ()) -> tuple[State, list[Listed]]:
    """Return the registry's state, and every content of every template.

    Args:
        project: the suite.
        names: only these templates; empty: all.

    Raises:
        UsageError: no template is called so, or the journal is damaged.
    """
    state = open_journal(project.suite, project.base).read()
    known = list(dict.fromkeys([*project.suite.templates, *state.versions]))
    for name in names:
        if name not in known:
            raise UsageError(f"no template is called {name!r}; there are: {', '.join(known)}")
    rows: list[Listed] = []
    for name in names or known:
        rows += _of_template(project, name, state)
    return state, rows


def _of_template(project: Project, name: str, state: State) -> list[Listed]:
    entry = project.suite.templates.get(name)
    rows: list[Listed] = []
    own: dict[str, list[str]] = {}
    for label in entry.versions if entry else ():
        assert entry is not None  # noqa: S101 - for the type checker
        try:
            sha256 = load_template(name, label, entry, project.base).sha256
        except PromptregError as e:
            rows.append(Listed(name, entry.engine, "", (label,), None, (), problem=str(e)))
        else:
            own.setdefault(sha256, []).append(label)
    for sha256, labels in own.items():
        version = state.version(name, sha256)
        rows.append(
            Listed(
                template=name,
                engine=entry.engine if entry else "",
                sha256=sha256,
                labels=tuple(labels),
                registered=version,
                aliases=tuple(state.pointing(name, sha256)),
                drifted=tuple(
                    (label, other.registered.sha256)
                    for label in labels
                    for other in state.labelled(name, label)
                    if other.registered.sha256 != sha256
                ),
            )
        )
    for sha256, version in state.versions.get(name, {}).items():
        if sha256 not in own:
            engine, aliases = version.registered.engine, tuple(state.pointing(name, sha256))
            rows.append(
                Listed(name, engine, sha256, (), version, aliases, in_suite=entry is not None)
            )
    return rows


def show_versions(project: Project, ref: str, options: Options) -> list[Shown]:
    """Return the versions a reference names, with their variables and history.

    Raises:
        UsageError: it names nothing, or a run.
    """
    found = lookup(project, ref, options)
    if isinstance(found, RunRef):
        raise UsageError(f"{ref}: a stored run is no template version; 'cache list' shows runs")
    state = open_journal(project.suite, project.base).read()
    shown = []
    for name, template in found.items():
        problem = ""
        try:
            template = with_variables(
                template, compile_template(template, clock=project.suite.clock)
            )
        except PromptregError as e:
            problem = str(e)
        sha256 = template.sha256
        shown.append(
            Shown(
                template=template,
                registered=state.version(name, sha256),
                aliases=tuple(state.pointing(name, sha256)),
                moves=tuple(
                    move
                    for alias in state.aliases.get(name, {}).values()
                    for move in alias.moves
                    if sha256 in (move.from_sha256, move.to_sha256)
                ),
                problem=problem,
            )
        )
    return shown
