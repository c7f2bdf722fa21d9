"""The JSON objects in a text, found in (nearly) linear time whatever the text."""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass
from json import JSONDecodeError
from typing import Any

from promptreg.stages.parse.values import MAX_DEPTH, decode_at, depth_exceeds

__all__ = ["Found", "Search", "find_objects"]

_START = re.compile(r'\{[ \t\r\n]*["}]')
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\Z)|[{}]', re.DOTALL)  # possessive: no backtracking
_MAX_FAILED = 200
_MAX_OBJECTS = 10_000
_LAST = 40
_LAST_BRACES = 2000


@dataclass(frozen=True, slots=True)
class Found:
    """A complete object and where it stands: `text[start:end]`."""

    fields: dict[str, Any]
    start: int
    end: int


@dataclass(slots=True)
class Search:
    """What a text holds.

    Attributes:
        best: the last complete object with all required keys, else the last with most of them.
        count: complete objects that were read; where the search was cut short, the last ones.
        cut_at: where an object begins that is never closed; None where there is none.
        deep: an object was nested too deeply to be read.
        error: the first thing that broke an object, with its position.
    """

    best: Found | None = None
    count: int = 0
    cut_at: int | None = None
    deep: bool = False
    error: str = ""


def find_objects(text: str, required: Set[str] = frozenset()) -> Search:
    """Return the object of a text that is its answer, and why others are none.

    An attempt is made at each brace that a key or a closing brace follows. After a malformed
    object the search goes on right behind its opening brace (a stray brace or quote in prose must
    not swallow the answer); what is found inside the malformed part counts only if it has all
    `required` keys. An object that runs to the end unclosed ends the search: what stands inside
    it is a part of it.

    Work is bounded: after 200 malformed or 10,000 complete objects only the last 40 openings are
    tried.
    """
    search = Search()
    position = floor = failed = 0
    last_brace = most = -1
    hurried = False
    while (opening := _START.search(text, position)) is not None:
        start = opening.start()
        if failed >= _MAX_FAILED or search.count >= _MAX_OBJECTS:
            if not hurried:
                hurried = True
                floor = len(text)  # where an opening stands in is unknown from here on
                position = max(start, _last_openings(text))
                failed = search.count = 0
                continue
            break
        try:
            value, end = decode_at(text, start)
        except StopIteration as e:
            stop, reason = int(e.value), "no JSON value"
        except JSONDecodeError as e:
            stop, reason = e.pos, e.msg
            if reason.startswith("Unterminated string"):
                stop = len(text)
        except RecursionError:
            search.deep = True
            position = floor = _closing(text, start)
            if position < 0:
                search.cut_at = start
                return search
            failed += 10  # such an attempt is dear
            continue
        else:
            if text.count("{", start, end) + text.count("[", start, end) > MAX_DEPTH and (
                depth_exceeds(value)
            ):
                search.deep = True
            else:
                common = len(required & value.keys())
                if start >= floor or common == len(required):
                    search.count += 1
                    if common >= most:
                        most = common
                        search.best = Found(value, start, end)
            position = end
            continue
        if last_brace < 0:
            last_brace = text.rfind("}")
        if stop > last_brace:
            search.cut_at = start
            return search
        search.error = search.error or f"{reason} at character {stop + 1:,}"
        floor = max(floor, stop)
        position = start + 1 if required else max(stop, start + 1)
        failed += 1
    return search


def _closing(text: str, start: int) -> int:
    """Return the position behind the brace that closes the one at `start`; -1 if none does."""
    depth = 0
    for token in _TOKEN.finditer(text, start):
        sign = token[0]
        if sign == "{":
            depth += 1
        elif sign == "}":
            depth -= 1
            if not depth:
                return token.end()
    return -1


def _last_openings(text: str) -> int:
    """Return where the last few possible openings of an object begin."""
    found, position = 0, len(text)
    for _ in range(_LAST_BRACES):
        before = text.rfind("{", 0, position)
        if before < 0:
            break
        position = before
        found += _START.match(text, position) is not None
        if found == _LAST:
            break
    return position
