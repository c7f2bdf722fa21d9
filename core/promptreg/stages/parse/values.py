"""Decoding of JSON that notices what `json.loads` lets pass in silence."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any, cast

__all__ = ["MAX_DEPTH", "Doubled", "Huge", "decode_at", "depth_exceeds", "examine", "trouble"]

MAX_DEPTH = 200
"""Deepest nesting of an answer, in levels; each bracket is one."""
_MAX_NUMBER = 300
"""Longest number in characters; longer ones fit no float and take quadratic time to convert."""
_SURROGATE = re.compile("[\ud800-\udfff]")


class Doubled(dict[str, Any]):
    """An object in which a key stood more than once; the last value won, as JSON readers do.

    `keys_doubled` maps each such key to whether its values differed.
    """

    keys_doubled: dict[str, bool]


class Huge:
    """Stands for a number too long to be one."""

    __slots__ = ("length",)

    def __init__(self, length: int) -> None:
        self.length = length

    def __repr__(self) -> str:
        return f"a number of {self.length:,} characters"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) == len(pairs):
        return value
    doubled = Doubled(value)
    doubled.keys_doubled = {}
    seen: dict[str, Any] = {}
    for key, item in pairs:
        if key in seen:
            differs = type(item) is not type(seen[key]) or item != seen[key]
            doubled.keys_doubled[key] = differs or doubled.keys_doubled.get(key, False)
        seen[key] = item
    return doubled


def _integer(text: str) -> int | Huge:
    return int(text) if len(text) <= _MAX_NUMBER else Huge(len(text))


def _number(text: str) -> float | Huge:
    return float(text) if len(text) <= _MAX_NUMBER else Huge(len(text))


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_integer,
    parse_float=_number,
    parse_constant=float,
)
# `raw_decode` would turn the cheap StopIteration into an error that counts the text's lines.
_scan: Any = _DECODER.scan_once  # type: ignore[attr-defined]  # the type stubs leave it out
decode_at = cast("Callable[[str, int], tuple[Any, int]]", _scan)
"""Decode the JSON value at a position: (value, end).

Raises StopIteration(position) or JSONDecodeError where it is malformed, RecursionError where it
is nested beyond what the interpreter allows.
"""


def depth_exceeds(value: Any, limit: int = MAX_DEPTH) -> bool:
    """Return whether a decoded value nests deeper than `limit` levels, without recursion."""
    level = [value]
    for _ in range(limit):
        level = [
            item
            for holder in level
            for item in (holder.values() if isinstance(holder, dict) else holder)
            if isinstance(item, (dict, list))
        ]
        if not level:
            return False
    return True


def trouble(value: Any) -> str:
    """Return what makes a value unfit to be kept or compared; empty where it is sound.

    Looked for, at any depth: NaN, infinities, numbers of more than 300 characters, lone
    surrogates (text that no file can hold).
    """
    return examine(value)[0]


def examine(value: Any) -> tuple[str, list[str]]:
    """Return a value's trouble, and the keys that stand twice in an object in it, at any depth."""
    doubled: list[str] = []
    stack = [value]
    while stack:
        item = stack.pop()
        kind = type(item)
        if kind is str:
            if not item.isascii() and _SURROGATE.search(item):
                return "holds half a surrogate pair, which is no text", doubled
        elif kind is float:
            if not math.isfinite(item):
                return f"is {item}, which is no number", doubled
        elif kind is Huge:
            return f"is {item!r}", doubled
        elif kind is list:
            stack.extend(item)
        elif isinstance(item, dict):
            if isinstance(item, Doubled):
                doubled.extend(item.keys_doubled)
            stack.extend(item)
            stack.extend(item.values())
    return "", doubled
