"""The summary of a step in GitHub Actions."""

from __future__ import annotations

from pathlib import Path

from promptreg_plugins.forge.job import ForgeError

__all__ = ["LIMIT", "SCENARIOS", "append", "octets", "room"]

LIMIT = 1_048_576
"""Bytes; the runner drops a larger summary as a whole."""
SCENARIOS = 40
_LEAST = 4_000
_SPARE = 1_024


def octets(text: str) -> int:
    """Return the size as the runner counts it."""
    return len(text.encode("utf-8", "replace"))


def room(path: Path) -> int:
    """Return how many bytes may still be appended.

    Raises:
        ForgeError: so few that nothing useful fits.
    """
    taken = path.stat().st_size if path.exists() else 0
    left = LIMIT - taken - _SPARE
    if left < _LEAST:
        raise ForgeError(f"the step summary holds {taken:,} bytes already; at most {LIMIT:,} fit")
    return left


def append(path: Path, text: str) -> None:
    """Append a page to the summary, apart from what is there.

    Raises:
        ForgeError: it cannot be written.
    """
    try:
        with path.open("ab") as stream:
            stream.write(f"\n{text}\n".encode("utf-8", "replace"))
    except OSError as e:
        raise ForgeError(f"the step summary was not written: {e.strerror or e}") from e
