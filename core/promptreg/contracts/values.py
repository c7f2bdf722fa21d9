"""What may be handed over: JSON values, texts without secrets, errors in one line."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["json_problems", "one_line", "secret_problems", "shown"]

_SECRET_ENDINGS = ("_KEY", "_TOKEN", "_SECRET", "_PASSWORD")
_SHORTEST_SECRET = 6
"""Shorter values ('1', 'none') turn up everywhere by chance."""
_DEEPEST = 40
_LONGEST_SHOWN = 80


def shown(value: object) -> str:
    """Return the value for a message: its repr, at most 80 characters, secrets replaced."""
    try:
        text = repr(value)
    except Exception as e:  # noqa: BLE001 - a stranger's __repr__ may raise anything
        text = f"<{type(value).__name__} whose repr raises {type(e).__name__}>"
    text = _redacted(text)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "..."


def one_line(error: BaseException) -> str:
    """Return `Type: message`, on one line of at most 200 characters, secrets replaced."""
    text = _redacted(" ".join(f"{type(error).__name__}: {error}".split()))
    return text if len(text) <= 200 else text[:197] + "..."


def json_problems(value: Any, where: str, depth: int = 0) -> Iterator[str]:
    """Yield what keeps a value from being JSON, each with its place.

    Allowed: None, booleans, finite numbers, texts, lists, and mappings with texts as keys.
    """
    if depth > _DEEPEST:
        yield f"{where} is nested deeper than {_DEEPEST} levels"
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield f"{where} is {value}; JSON has finite numbers only"
    elif value is None or isinstance(value, (bool, int, str)):
        return
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                yield f"{where} has the key {shown(key)}; keys must be texts"
            else:
                yield from json_problems(item, f"{where}[{key!r}]", depth + 1)
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from json_problems(item, f"{where}[{i}]", depth + 1)
    else:
        yield (
            f"{where} is a {type(value).__name__}; allowed: None, booleans, numbers, texts, "
            "lists and mappings"
        )


def secret_problems(value: Any, where: str) -> Iterator[str]:
    """Yield each secret of the environment that a value holds, by the variable's name only.

    A secret is the value of a variable whose name ends in _KEY, _TOKEN, _SECRET or _PASSWORD.
    """
    texts = list(_texts(value))
    for name, secret in _secrets():
        if any(secret in text for text in texts):
            yield f"{where} holds the value of the environment variable {name}"


def _secrets() -> Iterator[tuple[str, str]]:
    for name, secret in os.environ.items():
        if len(secret) >= _SHORTEST_SECRET and name.upper().endswith(_SECRET_ENDINGS):
            yield name, secret


def _redacted(text: str) -> str:
    """Return the text without secrets: a message about a leak must not be one."""
    for name, secret in _secrets():
        text = text.replace(secret, f"<{name}>")
    return text


def _texts(value: Any, depth: int = 0) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(key, depth + 1)
            yield from _texts(item, depth + 1)
    elif isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        for item in value:
            yield from _texts(item, depth + 1)
