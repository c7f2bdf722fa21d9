"""Which template versions a change touches, by the hash of their content."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from promptreg.errors import TemplateError, UsageError, did_you_mean
from promptreg.pipeline.base_ref.base import Base
from promptreg.pipeline.project import Project
from promptreg.records import Template
from promptreg.stages.load import load_template, past_template
from promptreg.suite import TemplateEntry

__all__ = ["Edit", "Touched", "find_touched"]

Words: TypeAlias = Counter[str]
_ALIKE = 0.6
"""Share of common words from which on a template that comes is one that goes, edited."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One version before and after; `baseline` None: it is new."""

    baseline: Template | None
    candidate: Template
    shown: str = ""
    """What reports call it: the template's name, with the label where several are touched."""


@dataclass(frozen=True, slots=True)
class Touched:
    """What a change does to the versions of a suite.

    Attributes:
        edits: changed and new versions, in the suite's order, each content once.
        unchanged: how many versions have the same content on both sides.
        notes: deleted and renamed versions, and versions that share their content with another.
        renamed: what templates were called that have another name now.
    """

    edits: tuple[Edit, ...] = ()
    unchanged: int = 0
    notes: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)


def find_touched(
    project: Project, base: Base, labels: Sequence[str], templates: Sequence[str]
) -> Touched:
    """Return the versions whose engine or text differs between base and work tree.

    A label that the change puts in place of another is held against that one, and so is a
    template: else a new name would be enough to be compared with nothing.

    Args:
        project: the work tree's suite.
        base: the suite at the base.
        labels: only versions of these labels; empty: all.
        templates: only these templates; empty: all.

    Raises:
        UsageError: no label or template is called so on either side.
        TemplateError: a version cannot be read.
    """
    now, then = project.suite.templates, base.suite.templates
    names = [*now, *(n for n in then if n not in now)]
    known = {n: dict.fromkeys([*_labels(now, n), *_labels(then, n)]) for n in names}
    _check("template", templates, names)
    _check("label", labels, [label for n in names for label in known[n]])
    renamed = _renamed(project, base, names)
    edits: list[Edit] = []
    notes: list[str] = []
    seen: dict[tuple[str, str, str, str], str] = {}
    unchanged = 0
    for name in names:
        if (templates and name not in templates) or name in renamed.values():
            continue
        old = renamed.get(name, name)
        replaced = _replaced(_labels(then, old), _labels(now, name))
        for label in dict.fromkeys([*_labels(now, name), *_labels(then, old)]):
            if labels and label not in labels:
                continue
            version = f"{name}@{label}"
            if label not in _labels(now, name):
                if label not in replaced.values():
                    notes.append(f"{version} is deleted by the change: nothing is left to compare")
                continue
            asked = project.suite.asked(name, label)  # of which both sides are, whatever was
            candidate = load_template(name, label, now[name], project.base)
            candidate = replace(candidate, provider_name=asked)
            baseline = None
            before = label if label in _labels(then, old) else replaced.get(label)
            if before is not None:
                baseline = past_template(name, before, then[old], base.revision)
                baseline = replace(baseline, provider_name=asked)
                same = baseline.sha256 == candidate.sha256
                if (old, before) != (name, label):
                    how = "with the same content" if same else "and is compared with it"
                    notes.append(f"{version} takes the place of {old}@{before}, {how}")
                if same:
                    unchanged += 1
                    continue
            content = (name, baseline.sha256 if baseline else "", candidate.sha256, asked)
            twin = seen.setdefault(content, version)
            if twin != version:
                notes.append(f"{version} has the content of {twin} on both sides: compared once")
                continue
            edits.append(Edit(baseline, candidate))
    return Touched(_named(edits), unchanged, tuple(notes), renamed)


def _renamed(project: Project, base: Base, names: Sequence[str]) -> dict[str, str]:
    """Return each new template's predecessor: one that goes, and of the same source or wording."""
    now, then = project.suite.templates, base.suite.templates
    gone = {name: _past_words(name, base) for name in names if name not in now}
    found: dict[str, str] = {}
    for name in names:
        if name in then or not gone:
            continue
        entry = now[name]
        sources = set(entry.versions.values())
        words = [
            _words(load_template(name, label, entry, project.base)) for label in entry.versions
        ]
        alike = {
            old: 1.0
            if sources & set(then[old].versions.values())
            else max((_alike(a, b) for a in words for b in gone[old]), default=0.0)
            for old in gone
        }
        best = max(alike, key=lambda old: alike[old])
        if alike[best] >= _ALIKE:
            found[name] = best
    return found


def _past_words(name: str, base: Base) -> list[Words]:
    entry = base.suite.templates[name]
    found = []
    for label in entry.versions:
        with suppress(TemplateError):  # it goes; that nobody can read it is no longer of interest
            found.append(_words(past_template(name, label, entry, base.revision)))
    return found


def _words(template: Template) -> Words:
    return Counter(template.text.split())


def _alike(a: Words, b: Words) -> float:
    """Return which share of two texts' words they have in common."""
    return 2 * (a & b).total() / max(1, a.total() + b.total())


def _replaced(then: Sequence[str], now: Sequence[str]) -> dict[str, str]:
    """Return each new label's predecessor, where a change takes labels of the template away."""
    gone = [label for label in then if label not in now]
    new = [label for label in now if label not in then]
    return {label: gone[min(i, len(gone) - 1)] for i, label in enumerate(new)} if gone else {}


def _labels(templates: Mapping[str, TemplateEntry], name: str) -> list[str]:
    entry = templates.get(name)
    return [] if entry is None else list(entry.versions)


def _check(what: str, asked: Sequence[str], known: Sequence[str]) -> None:
    for word in asked:
        if word not in known:
            listed = ", ".join(dict.fromkeys(known)) or "none"
            raise UsageError(
                f"no {what} is called {word!r}{did_you_mean(word, known)}, neither at the base nor "
                f"in the work tree; there are: {listed}"
            )


def _named(edits: Sequence[Edit]) -> tuple[Edit, ...]:
    count = Counter(e.candidate.name for e in edits)
    return tuple(
        Edit(
            e.baseline,
            e.candidate,
            e.candidate.name
            if count[e.candidate.name] == 1
            else f"{e.candidate.name}@{e.candidate.label}",
        )
        for e in edits
    )
