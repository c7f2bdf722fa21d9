"""One word on the command line becomes template versions, or a stored run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from promptreg.errors import UsageError, did_you_mean
from promptreg.journal import State
from promptreg.records import Template
from promptreg.stages.load.registered import find_registered, open_journal
from promptreg.stages.load.sources import Source, parse_source, read_source
from promptreg.stages.load.templates import at_revision, load_template
from promptreg.suite import Suite, TemplateEntry

__all__ = ["Resolved", "RunRef", "resolve"]

_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")
_NOT_LABEL = re.compile(r"[^A-Za-z0-9._+-]+")


@dataclass(frozen=True)
class RunRef:
    """A stored run.

    Attributes:
        id: the run's id, or its beginning.
    """

    id: str


@dataclass(frozen=True)
class Resolved:
    """Template versions, one per template.

    Attributes:
        ref: the word they were asked for by.
        templates: template name to version, in the suite's order.
    """

    ref: str
    templates: Mapping[str, Template]


def resolve(
    ref: str, suite: Suite, base: Path, *, template: str | None = None
) -> Resolved | RunRef:
    """Return what a reference names.

    `v1`: every template that has the label. `basic@v1`, `basic@git:HEAD~1`,
    `basic@git:HEAD~1:path`, `git:HEAD~1`: a version of one, or of every, template. A file path: a
    version of the template it belongs to, or of the only one. `run:ID`: a stored run.
    `basic@production`, `production`: where an alias points; `basic@sha256:1f3a5c`: a registered
    version; a label that the suite does not have may be one that was registered. Their texts come
    from the journal.

    Args:
        ref: the word.
        suite: the suite.
        base: the folder of the suite file.
        template: keep this template only.

    Raises:
        UsageError: nothing is called so; the message lists what there is.
        TemplateError: it is known and cannot be read.
    """
    found = _resolve(ref, suite, base, template=template)
    if isinstance(found, RunRef) or not suite.providers:
        return found
    # What no version of the suite says by its label is asked of the suite's `provider`.
    asked = {
        name: replace(t, provider_name=suite.asked(name, t.label))
        for name, t in found.templates.items()
    }
    return Resolved(ref, asked)


def _resolve(ref: str, suite: Suite, base: Path, *, template: str | None) -> Resolved | RunRef:
    if template is not None:
        _entry(suite, template)
    if ref.startswith("run:"):
        if not _RUN.match(ref[4:]):
            raise UsageError(f"{ref!r:.80} is no run; allowed: run:ID, as 'history list' shows")
        return RunRef(ref[4:])
    if ref.startswith("prompts:/"):
        raise UsageError(
            f"{ref:.80}: needs a prompt registry, and none is connected here; allowed: a label, "
            "template@label, template@alias, template@git:REV, a file path, or run:ID"
        )
    names = [template] if template is not None else list(suite.templates)
    name, mark, rest = ref.partition("@")
    if mark and (name in suite.templates or not _is_file(ref, base)):
        entry = _entry(suite, name)
        if template not in (None, name):
            raise UsageError(
                f"{ref!r} is of the template {name!r}, but --template says {template!r}"
            )
        return Resolved(ref, {name: _version(name, rest, entry, suite, base)})
    if ref.startswith("git:"):
        return Resolved(ref, {n: at_revision(n, suite.templates[n], ref[4:], base) for n in names})
    state = open_journal(suite, base).read()
    labelled = [n for n in names if ref in suite.templates[n].versions]
    if labelled:
        _one_meaning(ref, labelled[0], [n for n in names if state.alias(n, ref)], suite)
        return Resolved(ref, {n: load_template(n, ref, suite.templates[n], base) for n in labelled})
    registered = {n: t for n in names if (t := find_registered(n, ref, state)) is not None}
    if registered:
        return Resolved(ref, registered)
    if _is_file(ref, base):
        found = _of_file(ref, suite, names, base)
        return Resolved(ref, {found.name: found})
    raise UsageError(_unknown(ref, suite, names, state))


def _version(name: str, selector: str, entry: TemplateEntry, suite: Suite, base: Path) -> Template:
    if selector.startswith("git:"):
        return at_revision(name, entry, selector[4:], base)
    state = open_journal(suite, base).read()
    if selector in entry.versions:
        _one_meaning(selector, name, [name] if state.alias(name, selector) else [], suite)
        return load_template(name, selector, entry, base)
    if (found := find_registered(name, selector, state)) is not None:
        return found
    if selector.startswith("sha256:"):  # not registered yet: of the suite's own versions
        for label in entry.versions:
            own = load_template(name, label, entry, base)
            if own.sha256.startswith(selector[7:]):
                return own
    known = [*entry.versions, *_registered(state, [name])]
    raise UsageError(
        f"the template {name!r} has no version, alias or registered label {selector!r}"
        f"{did_you_mean(selector, known)}; there are: {', '.join(entry.versions) or 'none'}"
        f"{_registry_words(state, [name])} ('promptreg templates promote' makes an alias)"
    )


def _one_meaning(word: str, labelled: str, aliased: list[str], suite: Suite) -> None:
    """Refuse a word that is a version's label and an alias as well."""
    if aliased:
        raise UsageError(
            f"{word!r} is a label of the suite ({labelled}@{word}: "
            f"{suite.templates[labelled].versions[word]}) and an alias in {suite.registry} "
            f"({aliased[0]}@{word}); give the label another name"
        )


def _registered(state: State, names: list[str]) -> list[str]:
    """Return aliases, then registered labels, of some templates."""
    aliases = [a for n in names for a in state.aliases.get(n, {})]
    labels = [x for n in names for v in state.versions.get(n, {}).values() for x in v.labels]
    return list(dict.fromkeys([*aliases, *labels]))


def _registry_words(state: State, names: list[str]) -> str:
    known = _registered(state, names)
    return f"; in the registry: {', '.join(known[:20])}" if known else ""


def _entry(suite: Suite, name: str) -> TemplateEntry:
    if name not in suite.templates:
        raise UsageError(
            f"no template is called {name!r}{did_you_mean(name, suite.templates)}; "
            f"there are: {', '.join(suite.templates)}"
        )
    return suite.templates[name]


def _path(ref: str, base: Path) -> Path | None:
    """Return the file a word names: from the current folder, as a shell does, or the suite's."""
    if not ref.isprintable() or len(ref) > 1000:
        return None
    for path in (Path(ref), base / ref):
        try:
            if path.is_file():
                return path
        except OSError:
            continue
    return None


def _is_file(ref: str, base: Path) -> bool:
    return _path(ref, base) is not None


def _of_file(ref: str, suite: Suite, names: list[str], base: Path) -> Template:
    """Return a file as a version: of the template that lists it, or of the only template."""
    path = _path(ref, base)
    assert path is not None  # noqa: S101 - the caller has looked
    real = path.resolve()
    for name in names:
        for label, text in suite.templates[name].versions.items():
            source = parse_source(text, f"templates.{name}.{label}")
            if (
                source.kind == "file"
                and not source.revision
                and (base / source.path).resolve() == real
            ):
                return load_template(name, label, suite.templates[name], base)
    if len(names) > 1:
        raise UsageError(
            f"{ref}: the file belongs to no template of the suite; --template says whose version "
            f"it is: {', '.join(names)}"
        )
    # The user names this file by hand: it may lie anywhere, unlike what a suite file names.
    engine = suite.templates[names[0]].engine
    found = read_source(Source("file", real.name), real.parent, ref, engine)
    label = _NOT_LABEL.sub("-", path.stem).strip("-") or "file"
    return Template(names[0], label, engine, found.text, source=found.origin)


def _unknown(ref: str, suite: Suite, names: list[str], state: State) -> str:
    labels = {label for n in names for label in suite.templates[n].versions}
    listed = "; ".join(f"{n}: {', '.join(suite.templates[n].versions) or 'none'}" for n in names)
    return (
        f"no version or file is called {ref!r}"
        f"{did_you_mean(ref, [*labels, *_registered(state, names)])}; versions: {listed}"
        f"{_registry_words(state, names)}. A reference is a label, template@label, "
        "template@alias, template@sha256:HEX, template@git:REV, a file path, or run:ID"
    )
