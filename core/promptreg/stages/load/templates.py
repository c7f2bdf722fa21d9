"""A suite's template entries become `Template` records."""

from __future__ import annotations

from pathlib import Path

from promptreg.errors import TemplateError
from promptreg.records import Template
from promptreg.stages.load.sources import Source, parse_source, read_source
from promptreg.suite import TemplateEntry

__all__ = ["at_revision", "load_template", "own_source"]


def load_template(name: str, label: str, entry: TemplateEntry, base: Path) -> Template:
    """Return one labelled version of a template; `variables` are left to the engine.

    Args:
        name: the template's name in the suite.
        label: one of the entry's labels.
        entry: the suite's entry.
        base: the folder of the suite file.

    Raises:
        TemplateError: the source is missing, outside of the project, or no readable text.
    """
    where = f"templates.{name}.{label}"
    if label not in entry.versions:
        raise TemplateError(
            f"templates.{name} has no version {label!r}; there are: "
            f"{', '.join(entry.versions) or 'none'}"
        )
    source = parse_source(entry.versions[label], where)
    if source.kind == "same":
        source = _at(own_source(name, entry), source.revision)
    return _template(name, label, entry, source, base, where)


def at_revision(
    name: str, entry: TemplateEntry, revision: str, base: Path, *, label: str | None = None
) -> Template:
    """Return a template as its file was at a git revision.

    Args:
        name: the template's name in the suite.
        entry: the suite's entry.
        revision: such as `HEAD~1`, or `REV:path` for another file.
        base: the folder of the suite file.
        label: whose file; None: the template's only version that is no git source.

    Raises:
        TemplateError: also when the template has several versions and no label says which.
    """
    where = f"{name}@git:{revision}"
    source = parse_source(f"git:{revision}", where)
    if source.kind == "same":
        own = own_source(name, entry) if label is None else _labelled(name, entry, label)
        source = _at(own, source.revision)
    return _template(name, f"git:{revision}", entry, source, base, where)


def own_source(name: str, entry: TemplateEntry) -> Source:
    """Return the only source of a template that is not a git revision.

    Raises:
        TemplateError: there are several, or none; the message says how to name one.
    """
    sources = {
        label: source
        for label, text in entry.versions.items()
        if not (source := parse_source(text, f"templates.{name}.{label}")).revision
    }
    if len(set(sources.values())) == 1:
        return next(iter(sources.values()))
    if not sources:
        raise TemplateError(f"templates.{name} has no file of its own that a revision could hold")
    ways = ", ".join(f"git:REV:{entry.versions[label]}" for label in sources)
    raise TemplateError(
        f"templates.{name} has several versions ({', '.join(sources)}); say whose file at the "
        f"revision: {ways}"
    )


def _labelled(name: str, entry: TemplateEntry, label: str) -> Source:
    source = parse_source(entry.versions[label], f"templates.{name}.{label}")
    if source.revision:
        raise TemplateError(f"templates.{name}.{label} is a git revision already")
    return source


def _at(source: Source, revision: str) -> Source:
    return Source(source.kind, source.path, source.selector, revision)


def _template(
    name: str, label: str, entry: TemplateEntry, source: Source, base: Path, where: str
) -> Template:
    found = read_source(source, base, where, entry.engine)
    return Template(
        name=name, label=label, engine=entry.engine, text=found.text, source=found.origin
    )
