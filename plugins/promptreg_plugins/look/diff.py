"""Two template texts side by side, with the words that changed marked."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest

from promptreg.stages.report.text import clean

__all__ = ["DiffRow", "side_by_side"]

_CONTEXT = 3
_MAX_LINES = 600
_MAX_LINE = 1_000
_MAX_WORK = 300_000
"""Pairs of words compared in one diff; lines after that are marked as a whole."""
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")

Piece = tuple[str, bool]
"""Text, and whether it changed."""


@dataclass(frozen=True, slots=True)
class DiffRow:
    """One line of both texts: `same`, `changed`, `removed`, `added`, or `gap` (lines left out)."""

    kind: str
    left: tuple[Piece, ...] = ()
    right: tuple[Piece, ...] = ()
    left_number: int | None = None
    right_number: int | None = None
    note: str = field(default="")


def side_by_side(before: str, after: str) -> list[DiffRow]:
    """Return the lines of both texts, unchanged stretches shortened to three lines of context."""
    left = clean(before, 200_000).expandtabs(4).split("\n")
    right = clean(after, 200_000).expandtabs(4).split("\n")
    rows = list(_rows(left, right))
    return list(_shortened(rows))


def _rows(left: list[str], right: list[str]) -> Iterator[DiffRow]:
    start = 0
    while start < min(len(left), len(right)) and left[start] == right[start]:
        start += 1
    end = 0
    while end < min(len(left), len(right)) - start and left[-1 - end] == right[-1 - end]:
        end += 1
    a, b = left[start : len(left) - end], right[start : len(right) - end]
    yield from _same(left, right, 0, 0, start)
    budget = _Budget()
    if max(len(a), len(b)) > _MAX_LINES:  # matching costs the square of the lines or more
        yield DiffRow("gap", note=f"{len(a):,} lines became {len(b):,}: too many to compare here")
    else:
        for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, a, b).get_opcodes():
            if tag == "equal":
                yield from _same(left, right, start + i1, start + j1, i2 - i1)
            else:
                yield from _changed(a[i1:i2], b[j1:j2], start + i1 + 1, start + j1 + 1, budget)
    yield from _same(left, right, len(left) - end, len(right) - end, end)


def _same(left: list[str], right: list[str], i: int, j: int, n: int) -> Iterator[DiffRow]:
    for k in range(n):
        a, b = ((line[:_MAX_LINE], False) for line in (left[i + k], right[j + k]))
        yield DiffRow("same", (a,), (b,), i + k + 1, j + k + 1)


class _Budget:
    """Work left for comparing words: hostile lines would cost minutes."""

    def __init__(self) -> None:
        self.left = _MAX_WORK

    def allows(self, work: int) -> bool:
        """Return whether this much work may be done, and take it off."""
        if work > self.left:
            return False
        self.left -= work
        return True


def _changed(a: list[str], b: list[str], i: int, j: int, budget: _Budget) -> Iterator[DiffRow]:
    for k, (x, y) in enumerate(zip_longest(a, b)):
        if y is None:
            yield DiffRow("removed", ((x[:_MAX_LINE], True),), (), i + k, None)
        elif x is None:
            yield DiffRow("added", (), ((y[:_MAX_LINE], True),), None, j + k)
        else:
            left, right = _words(x[:_MAX_LINE], y[:_MAX_LINE], budget)
            yield DiffRow("changed", left, right, i + k, j + k)


def _words(x: str, y: str, budget: _Budget) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    a, b = _WORDS.findall(x), _WORDS.findall(y)
    if not budget.allows(len(a) * len(b)):
        return ((x, True),), ((y, True),)
    matcher = difflib.SequenceMatcher(None, a, b, autojunk=False)
    if matcher.quick_ratio() < 0.3:  # nothing in common: marking crumbs would only confuse
        return ((x, True),), ((y, True),)
    left: list[Piece] = []
    right: list[Piece] = []
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        changed = tag != "equal"
        left += [("".join(a[i1:i2]), changed)] if i2 > i1 else []
        right += [("".join(b[j1:j2]), changed)] if j2 > j1 else []
    return tuple(left), tuple(right)


def _shortened(rows: list[DiffRow]) -> Iterator[DiffRow]:
    """Yield rows near a change, and a gap for the others."""
    near = [False] * len(rows)
    for i, row in enumerate(rows):
        if row.kind != "same":
            low, high = max(0, i - _CONTEXT), min(len(rows), i + _CONTEXT + 1)
            near[low:high] = [True] * (high - low)
    skipped = 0
    for row, keep in zip(rows, near, strict=True):
        if not keep:
            skipped += 1
            continue
        if skipped:
            yield DiffRow("gap", note=f"{skipped:,} unchanged lines")
            skipped = 0
        yield row
    if skipped:
        yield DiffRow("gap", note=f"{skipped:,} unchanged lines")
