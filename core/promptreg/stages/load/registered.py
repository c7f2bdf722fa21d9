"""Versions that were registered: read from the journal, never from the work tree."""

from __future__ import annotations

import re
from pathlib import Path

from promptreg.errors import UsageError
from promptreg.journal import Journal, State, Version
from promptreg.records import Template
from promptreg.stages.load.places import Places
from promptreg.suite import Suite

__all__ = ["find_registered", "open_journal", "template_of"]

_SHA256 = re.compile(r"sha256:([0-9a-f]{6,64})\Z")


def open_journal(suite: Suite, base: Path) -> Journal:
    """Return the journal of a suite; the file need not exist.

    Raises:
        UsageError: its path leads outside of the project.
    """
    if not suite.registry.strip() or not suite.registry.isprintable():
        raise UsageError(f"registry: {suite.registry!r:.80} is no file name")
    return Journal(Places(base, UsageError).inside(Path(suite.registry), "registry"))


def template_of(version: Version, label: str = "") -> Template:
    """Return a registered version as a template.

    Args:
        version: the version.
        label: what it is called; its first label unless given. Recorded completions are looked up
            by it.
    """
    found = version.registered
    return Template(
        name=found.template,
        label=label or found.label,
        engine=found.engine,
        text=found.text,
        source=f"{found.source} as registered {found.at[:10]}",
    )


def find_registered(name: str, selector: str, state: State) -> Template | None:
    """Return what an alias, `sha256:HEX` or a registered label names; None: nothing.

    Raises:
        UsageError: it names several versions, or an alias that merged branches moved apart.
    """
    if selector.startswith("sha256:"):
        return _by_hash(name, selector, state)
    alias = state.alias(name, selector)
    if alias is not None:
        now = alias.now
        version = state.version(name, now.to_sha256)
        assert version is not None  # noqa: S101 - folding has checked that it is registered
        return template_of(version, now.label)
    found = state.labelled(name, selector)
    if len(found) > 1:
        ways = ", ".join(f"{name}@sha256:{v.registered.sha256[:12]}" for v in found)
        raise UsageError(
            f"{name}@{selector}: merged branches registered different texts under this label; "
            f"name one: {ways}"
        )
    return template_of(found[0], selector) if found else None


def _by_hash(name: str, selector: str, state: State) -> Template | None:
    match = _SHA256.match(selector)
    if match is None:
        raise UsageError(
            f"{name}@{selector:.80}: allowed is sha256: and 6 to 64 hex digits, in lower case"
        )
    versions = state.versions.get(name, {})
    found = [v for sha256, v in versions.items() if sha256.startswith(match[1])]
    if len(found) > 1:
        ways = ", ".join(f"sha256:{v.registered.sha256[:16]}" for v in found)
        raise UsageError(f"{name}@{selector}: begins several hashes: {ways}")
    return template_of(found[0]) if found else None
