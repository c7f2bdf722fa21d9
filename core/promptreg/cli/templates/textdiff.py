"""Two texts as a unified diff, or word by word; bounded work on any input."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

__all__ = ["Line", "Piece", "unified", "words"]

Mark: TypeAlias = Literal["same", "removed", "added", "place"]
Line: TypeAlias = tuple[Mark, str]
"""What a line is, and its text without an end."""
Piece: TypeAlias = tuple[Mark, str]

_CONTEXT = 3
_MAX_WORK = 4_000_000
"""Pairs of lines or words that are compared; beyond, the middle is shown as replaced whole."""
_WORDS = re.compile(r"\n|[^\S\n]+|\w+|[^\w\s]")


def unified(before: str, after: str) -> list[Line]:
    """Return the changed lines with three lines around them, and `@@` lines for places."""
    a, b = before.split("\n"), after.split("\n")
    matches = list(_opcodes(a, b))
    lines: list[Line] = []
    for group in _grouped(matches):
        first, last = group[0], group[-1]
        lines.append(("place", f"@@ -{_span(first[1], last[2])} +{_span(first[3], last[4])} @@"))
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                lines += [("same", line) for line in a[i1:i2]]
            else:
                lines += [("removed", line) for line in a[i1:i2]]
                lines += [("added", line) for line in b[j1:j2]]
    return lines


def words(before: str, after: str) -> list[Piece]:
    """Return the whole text in pieces, with the words that changed marked."""
    a, b = _WORDS.findall(before), _WORDS.findall(after)
    pieces: list[Piece] = []
    for tag, i1, i2, j1, j2 in _opcodes(a, b):
        if tag == "equal":
            pieces.append(("same", "".join(a[i1:i2])))
            continue
        pieces += [("removed", "".join(a[i1:i2]))] if i2 > i1 else []
        pieces += [("added", "".join(b[j1:j2]))] if j2 > j1 else []
    return pieces


Opcode: TypeAlias = tuple[str, int, int, int, int]


def _opcodes(a: Sequence[str], b: Sequence[str]) -> Iterator[Opcode]:
    """Yield what turns `a` into `b`; equal beginnings and ends cost next to nothing."""
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    end = 0
    while end < min(len(a), len(b)) - start and a[-1 - end] == b[-1 - end]:
        end += 1
    if start:
        yield ("equal", 0, start, 0, start)
    x, y = a[start : len(a) - end], b[start : len(b) - end]
    if len(x) * len(y) > _MAX_WORK:  # matching costs the product, or more
        yield ("replace", start, start + len(x), start, start + len(y))
    else:
        for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, x, y).get_opcodes():
            yield (tag, start + i1, start + i2, start + j1, start + j2)
    if end:
        yield ("equal", len(a) - end, len(a), len(b) - end, len(b))


def _grouped(opcodes: Sequence[Opcode]) -> Iterator[list[Opcode]]:
    """Yield runs of changes that are near each other, with their surroundings."""
    group: list[Opcode] = []
    for n, (tag, i1, i2, j1, j2) in enumerate(opcodes):
        if tag != "equal":
            group.append((tag, i1, i2, j1, j2))
            continue
        last = n == len(opcodes) - 1
        if group and not last and i2 - i1 <= 2 * _CONTEXT:
            group.append((tag, i1, i2, j1, j2))
            continue
        if group:
            keep = min(_CONTEXT, i2 - i1)
            yield [*group, (tag, i1, i1 + keep, j1, j1 + keep)]
            group = []
        if not last:
            keep = min(_CONTEXT, i2 - i1)
            group = [(tag, i2 - keep, i2, j2 - keep, j2)]
    if any(tag != "equal" for tag, *_ in group):
        yield group


def _span(start: int, end: int) -> str:
    length = end - start
    return f"{start + 1 if length else start},{length}"
