"""What several `templates` commands say alike, and their JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from promptreg.journal import Moved, Version
    from promptreg.pipeline.project import Project

__all__ = [
    "SHORT",
    "TOKENS_PER_CHARACTER",
    "move_json",
    "move_words",
    "registered_json",
    "short",
    "written_words",
]

SHORT = 12
"""Hex digits of a hash that people are shown; `template@sha256:HEX` takes them."""
TOKENS_PER_CHARACTER = 0.25
"""A rule of thumb for English text."""


def short(sha256: str) -> str:
    """Return the beginning of a hash, or a dash."""
    return sha256[:SHORT] or "-"


def written_words(project: Project) -> list[str]:
    """Return what to do with the registry's file, which was just written to."""
    from promptreg.errors import PromptregError
    from promptreg.stages.load.gitsource import run_git

    name = project.suite.registry
    lines = [f"written to {name}; commit it"]
    try:
        asked = run_git(project.base, "check-attr", "merge", "--", name)
    except PromptregError:  # no git: then there are no branches to join
        return lines
    if not asked.returncode and asked.stdout.rstrip().endswith(b": unspecified"):
        line = f"{name.rpartition('/')[2]} merge=union"
        lines.append(f"branches that both write to it conflict, until .gitattributes says: {line}")
    return lines


def move_words(move: Moved) -> str:
    """Return one move of an alias as a sentence."""
    origin = f"from {short(move.from_sha256)} " if move.from_sha256 else ""
    text = f"{move.at} {move.alias}: {move.how.replace('_', ' ')} {origin}"
    text += f"to {move.label} ({short(move.to_sha256)}) by {move.by}"
    if move.decision is not None:
        text += f"; gate {move.decision.verdict.replace('_', ' ').upper()}"
        if move.decision.reasons:
            text += f": {'; '.join(move.decision.reasons[:3])}"
        if move.decision.options:
            text += f" ({' '.join(move.decision.options)})"
    if move.override:
        text += f"; OVERRIDDEN: {move.override}"
    return text + (f"; {move.reason}" if move.reason else "")


def move_json(move: Moved) -> dict[str, Any]:
    """Return one move of an alias as JSON values."""
    from dataclasses import asdict

    decision = None if move.decision is None else asdict(move.decision)
    return {
        "at": move.at,
        "by": move.by,
        "commit": move.commit or None,
        "how": move.how,
        "template": move.template,
        "alias": move.alias,
        "from": move.from_sha256 or None,
        "to": move.to_sha256,
        "label": move.label,
        "decision": decision,
        "override": move.override or None,
        "reason": move.reason or None,
    }


def registered_json(version: Version | None) -> dict[str, Any] | None:
    """Return a registration as JSON values; null where there is none."""
    if version is None:
        return None
    found = version.registered
    return {
        "at": found.at,
        "by": found.by,
        "commit": found.commit or None,
        "labels": list(version.labels),
        "source": found.source,
    }
