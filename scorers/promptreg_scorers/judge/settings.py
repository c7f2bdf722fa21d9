"""Settings that judges of single answers and of pairs share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["chosen_providers", "judge_sampling"]

_MOST_ASKS = 20
_MOST_CHARS = 1_000_000


def chosen_providers(
    provider: Mapping[str, Any] | None,
    judges: Sequence[Mapping[str, Any]] | None,
    *,
    repeats: int,
    attempts: int,
    max_chars: int,
) -> tuple[Mapping[str, Any], ...]:
    """Return who judges.

    Raises:
        ValueError: nobody or both are named, or a number is out of its range.
    """
    if (provider is None) == (judges is None):
        raise ValueError("needs exactly one of 'provider' and 'judges'")
    providers = tuple(judges if judges is not None else [provider or {}])
    if not providers:
        raise ValueError("judges: found none; allowed: one or more providers")
    for name, value, most in (
        ("repeats", repeats, _MOST_ASKS),
        ("attempts", attempts, _MOST_ASKS),
        ("max_chars", max_chars, _MOST_CHARS),
    ):
        if not 1 <= value <= most:
            raise ValueError(f"{name}: found {value}; allowed: 1 to {most:,}")
    return providers


def judge_sampling(repeats: int) -> dict[str, Any]:
    """Return the sampling of judges that leave it open: warmer where they are asked again."""
    return {"temperature": 0.2 if repeats == 1 else 0.7, "seed": 0, "max_tokens": 1_024}
