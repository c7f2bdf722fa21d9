"""References in requests: versions and runs by name, never files or addresses."""

from __future__ import annotations

import re
from collections.abc import Sequence

from promptreg.errors import PromptregError
from promptreg.pipeline.project import Project
from promptreg.stages.load import open_journal
from promptreg.store.runs import list_runs
from promptreg_plugins.web.model import JobKind
from promptreg_plugins.web.problems import ConflictError, InvalidError

__all__ = ["check_refs", "check_selector"]

_ALLOWED = "a label, template@label, an alias, sha256:HEX, or run:ID"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,127}\Z")
_HASH = re.compile(r"sha256:[0-9a-f]{6,64}\Z")
_RUN = re.compile(r"run:([A-Za-z0-9][A-Za-z0-9._-]{0,127})\Z")
_MANY = 20


def check_refs(project: Project, kind: JobKind, refs: Sequence[str]) -> None:
    """Refuse references that name nothing, or what no request may name.

    A word that looks like a label and is none could be a file's name to the command line: only
    what suite, registry or store know by that name is passed on.

    Raises:
        InvalidError: names the reference and what is allowed.
        ConflictError: the suite's registry or its run store cannot be read.
    """
    if kind is JobKind.RUN:
        if not 1 <= len(refs) <= _MANY:
            raise InvalidError(f"run takes 1-{_MANY} references, found {len(refs)}", field="refs")
    elif len(refs) != 2:
        raise InvalidError(
            f"{kind} takes two references, baseline and candidate; found {len(refs)}", field="refs"
        )
    try:
        known = _known(project)
        for i, ref in enumerate(refs):
            field = f"refs[{i}]" if kind is JobKind.RUN else ("baseline", "candidate")[i]
            _check(project, kind, ref, known, field)
    except PromptregError as e:
        raise ConflictError(str(e)) from e


def check_selector(ref: str, field: str) -> None:
    """Refuse what is neither a name nor a hash.

    Raises:
        InvalidError: says what is allowed.
    """
    if not (_NAME.match(ref) or _HASH.match(ref)):
        raise InvalidError(
            f"{field}: found {ref!r:.120}; allowed: a label, an alias, or sha256: and 6-64 hex "
            "digits",
            field=field,
        )


def _check(
    project: Project, kind: JobKind, ref: str, known: dict[str, set[str]], field: str
) -> None:
    if match := _RUN.match(ref):
        if kind is JobKind.RUN:
            raise InvalidError(
                f"{field}: {ref!r} is a stored run, which is not run again", field=field
            )
        ids = [found.id for found in list_runs(project.store)]
        if sum(name == match[1] or name.startswith(match[1]) for name in ids) == 0:
            raise InvalidError(f"{field}: no run is called {match[1]!r}", field=field)
        return
    template, mark, selector = ref.rpartition("@")
    if mark and template not in known:
        raise InvalidError(
            f"{field}: found {ref!r:.120}; no template is called {template!r:.120}; there are: "
            f"{', '.join(known)}",
            field=field,
        )
    if _HASH.match(selector):
        return
    names = known[template] if mark else {name for words in known.values() for name in words}
    if not _NAME.match(selector) or selector not in names:
        raise InvalidError(
            f"{field}: found {ref!r:.120}; allowed: {_ALLOWED}; there are: "
            f"{', '.join(sorted(names)[:50])}",
            field=field,
        )


def _known(project: Project) -> dict[str, set[str]]:
    """Return template to the labels and aliases it is known by."""
    state = open_journal(project.suite, project.base).read()
    known = {name: set(entry.versions) for name, entry in project.suite.templates.items()}
    for name, words in known.items():
        words.update(state.aliases.get(name, {}))
        for version in state.versions.get(name, {}).values():
            words.update(version.labels)
    return known
