"""Templates of a suite: versions, aliases, texts."""

from __future__ import annotations

from promptreg.errors import PromptregError
from promptreg.journal import State
from promptreg.pipeline.project import Project
from promptreg.records import Template
from promptreg.stages.load import RunRef, load_template, open_journal, resolve
from promptreg_plugins.web.engine.refs import check_selector
from promptreg_plugins.web.engine.telling import told
from promptreg_plugins.web.model import TemplateInfo, VersionInfo
from promptreg_plugins.web.problems import NotFoundError

__all__ = ["templates_of", "text_of"]


def templates_of(project: Project) -> list[TemplateInfo]:
    """Return a suite's templates; a version that cannot be read says why."""
    state: State | None = None
    try:
        state = open_journal(project.suite, project.base).read()
    except PromptregError:  # the suite's own versions are there all the same
        state = None
    found = []
    for name, entry in project.suite.templates.items():
        versions = []
        for label, source in entry.versions.items():
            try:
                sha256 = load_template(name, label, entry, project.base).sha256
                versions.append(VersionInfo(label, sha256, entry.engine, str(source)))
            except PromptregError as e:
                versions.append(VersionInfo(label, None, entry.engine, str(source), str(e)))
        found.append(TemplateInfo(name, tuple(versions), _aliases(name, state)))
    return found


def _aliases(name: str, state: State | None) -> dict[str, str]:
    found = {}
    for alias, where in (state.aliases.get(name, {}) if state else {}).items():
        try:
            found[alias] = where.now.label or f"sha256:{where.now.to_sha256}"
        except PromptregError:
            found[alias] = "disputed: merged branches moved it to different versions"
    return found


def text_of(project: Project, template: str, ref: str) -> Template:
    """Return a version: by label, alias or `sha256:` and the hash's beginning.

    Raises:
        NotFoundError: there is no such template or version.
    """
    if template not in project.suite.templates:
        known = ", ".join(project.suite.templates)
        raise NotFoundError(f"no template is called {template!r:.120}; there are: {known}")
    check_selector(ref, "ref")
    with told():
        found = resolve(f"{template}@{ref}", project.suite, project.base)
    if isinstance(found, RunRef):  # not with a template before the `@`
        raise NotFoundError(f"{ref!r:.120} is a run, no version")
    return found.templates[template]
