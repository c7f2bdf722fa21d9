"""Sampling settings: what a user may give, and the seed of a repeat."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["merged", "seed_of"]

_NUMBERS = {
    "temperature": (0.0, 100.0),
    "top_p": (0.0, 1.0),
    "min_p": (0.0, 1.0),
    "max_tokens": (1, 10_000_000),
    "n_predict": (1, 10_000_000),
    "max_completion_tokens": (1, 10_000_000),
}
_WHOLE = frozenset({"max_tokens", "n_predict", "max_completion_tokens", "seed", "top_k"})


def merged(
    defaults: Mapping[str, Any],
    given: Mapping[str, Any] | None,
    reserved: Iterable[str],
    where: str = "sampling",
) -> dict[str, Any]:
    """Return the defaults with what was given laid over them; a null takes a default away.

    Args:
        defaults: used where nothing is given.
        given: from the suite; keys this module does not know are passed on as they are.
        reserved: request fields that are set elsewhere and may not be given here.
        where: name of the setting, for messages.

    Raises:
        ValueError: a key is reserved, or a value is out of range or cannot be sent as JSON.
    """
    taken = set(reserved)
    result = dict(defaults)
    for key, value in (given or {}).items():
        if key in taken:
            raise ValueError(
                f"{where}.{key}: promptreg sets this field itself, or by the provider's own "
                f"setting {key!r} beside 'sampling'"
            )
        if value is None:
            result.pop(key, None)
            continue
        _check(f"{where}.{key}", key, value)
        result[key] = value
    return result


def seed_of(sampling: Mapping[str, Any], repeat: int) -> int | None:
    """Return the seed of a repeat: the given seed plus the repeat; None without a seed.

    A negative seed asks the server for a random one, and stays as it is.
    """
    seed: int | None = sampling.get("seed")
    return seed if seed is None or seed < 0 else seed + repeat


def _check(where: str, key: str, value: Any) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if (key in _NUMBERS or key in _WHOLE) and not number:
        raise ValueError(f"{where}: found {value!r}; a number is allowed")
    if key in _WHOLE and not isinstance(value, int):
        raise ValueError(f"{where}: found {value!r}; a whole number is allowed")
    if key in _NUMBERS:
        low, high = _NUMBERS[key]
        if not low <= value <= high:
            raise ValueError(f"{where}: found {value!r}; allowed: {low:g} to {high:g}")
    if key == "stop":
        words = value if isinstance(value, list) else [value]
        if not all(isinstance(word, str) and word for word in words):
            raise ValueError(f"{where}: found {value!r}; a list of words is allowed")
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as e:
        raise ValueError(f"{where}: it cannot be sent as JSON: {e}") from e
