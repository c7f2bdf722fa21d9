"""Which risk level a risk score belongs to."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["LEVEL_BANDS", "level_of"]

LEVEL_BANDS: tuple[tuple[str, float], ...] = (
    ("low", 0.0),
    ("medium", 30.0),
    ("high", 60.0),
    ("critical", 85.0),
)
"""Level and the lowest score (points) that belongs to it, ascending."""


def level_of(score: float, bands: Sequence[tuple[str, float]] = LEVEL_BANDS) -> str:
    """Return the level of a score: the last band that begins at or below it, else the first."""
    level = bands[0][0]
    for name, start in bands:
        if score < start:
            break
        level = name
    return level
