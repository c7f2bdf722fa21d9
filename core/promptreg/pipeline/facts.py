"""Fingerprints: what, besides the template, shaped a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from promptreg.discovery import Plugins
from promptreg.pipeline.code import code_digest
from promptreg.pipeline.keys import digest
from promptreg.suite import ScorerEntry

__all__ = ["provider_facts", "scorer_facts"]


def provider_facts(
    use: str, identity: Mapping[str, Any], server: Mapping[str, Any], model: str
) -> tuple[str, dict[str, str]]:
    """Return one line about the provider for people, and its fingerprints.

    Args:
        use: the provider's registered name.
        identity: what it says shapes its completions.
        server: what the server says of itself.
        model: the model's name; empty when unknown.
    """
    sampling = identity.get("sampling", {})
    rest = {k: v for k, v in identity.items() if k != "sampling"}
    where = str(identity.get("endpoint") or identity.get("url") or identity.get("path") or "")
    name = model or str(identity.get("model") or "")
    line = " ".join(part for part in (use, name, f"at {where}" if where else "") if part)
    return line, {
        "provider": digest({"use": use, **rest}),
        "sampling": digest(sampling),
        "model": digest(dict(server)),
    }


def scorer_facts(entries: Sequence[ScorerEntry], plugins: Plugins) -> str:
    """Return the fingerprint of the scorers: settings, owner and source code of each.

    The code of the metric that every run has, `answered`, is promptreg's own, as its version is.
    """
    parts: list[Any] = []
    for entry in entries:
        found = plugins.scorers.get(entry.use)
        parts.append([entry.use, entry.settings, found.owner, code_digest(found.factory)])
    return digest(parts)
