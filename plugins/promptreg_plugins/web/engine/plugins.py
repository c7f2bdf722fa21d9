"""What is registered, by whom, and what is broken."""

from __future__ import annotations

from promptreg.discovery import Plugins

__all__ = ["plugins_of"]


def plugins_of(plugins: Plugins) -> list[dict[str, str]]:
    """Return plug-ins as rows: kind, name, distribution, summary, problem."""
    rows = [
        {
            "kind": catalog.kind,
            "name": entry.name,
            "distribution": entry.owner,
            "summary": entry.summary,
            "problem": "",
        }
        for catalog in plugins.catalogs
        for entry in catalog
    ]
    rows += [
        {
            "kind": "broken",
            "name": broken.name,
            "distribution": broken.owner,
            "summary": "",
            "problem": broken.reason,
        }
        for broken in plugins.broken
    ]
    return rows
