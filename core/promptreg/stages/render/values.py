"""How values become text in a prompt; the same for every engine.

Text stays as it is; numbers as Python writes them; booleans are `true` and `false`; lists and
objects are compact JSON. Null is no text: a prompt that says "None" is an invented value.
"""

from __future__ import annotations

import json
from typing import Any

__all__ = ["MAX_PROMPT", "TooLongError", "text_of"]

MAX_PROMPT = 1_000_000
"""Characters a prompt may have."""

_MAX_PIECES = 200_000
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class TooLongError(ValueError):
    """A value is longer than any prompt may be."""


def text_of(value: Any) -> str:
    """Return a value as it stands in a prompt.

    Raises:
        TooLongError: the text would be longer than a prompt may be.
        TypeError: null, or nothing that JSON knows.
    """
    if isinstance(value, str):
        return value
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, (list, tuple, dict)):
        return _bounded_json(value)
    if value is None:
        raise TypeError("is null")
    raise TypeError(f"is {type(value).__name__}; allowed: text, numbers, booleans, lists, objects")


def _bounded_json(value: Any) -> str:
    """Return compact JSON; stops early where a template made lists that multiply."""
    parts = []
    length = 0
    for part in _json.iterencode(value):
        parts.append(part)
        length += len(part)
        if length > MAX_PROMPT or len(parts) > _MAX_PIECES:
            raise TooLongError(f"is longer than {MAX_PROMPT:,} characters as JSON")
    return "".join(parts)
