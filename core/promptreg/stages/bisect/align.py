"""Which old line became which new one, in a run of changed lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeAlias

__all__ = ["Change", "align"]

Change: TypeAlias = tuple[str, str]
"""What is replaced, and by what."""
_ALIKE = 0.4
"""Share of words two lines must have in common to be taken for one line before and after."""
_MAX_PAIRS = 250_000


def align(old: Sequence[str], new: Sequence[str]) -> list[Change]:
    """Return the replaced, dropped and added lines, in an order that keeps both texts' own.

    As many lines as before are paired one by one. Otherwise the pairs are those that have most
    words in common (Dice 1945 on multisets of words; the best monotone pairing by dynamic
    programming); what is left is dropped or added.

    Args:
        old: the lines before, or sentences, or words.
        new: the lines after.
    """
    if len(old) == len(new):
        return list(zip(old, new, strict=True))
    if not old or not new:
        return [(line, "") for line in old] + [("", line) for line in new]
    if len(old) * len(new) > _MAX_PAIRS:
        return [("".join(old), "".join(new))]
    return _walk(old, new, _best(old, new))


def _best(old: Sequence[str], new: Sequence[str]) -> list[list[float]]:
    """Return the best sum of likenesses of every pair of endings."""
    bags = [[Counter(line.split()) for line in lines] for lines in (old, new)]
    best = [[0.0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i in range(len(old) - 1, -1, -1):
        for j in range(len(new) - 1, -1, -1):
            alike = _alike(bags[0][i], bags[1][j])
            paired = best[i + 1][j + 1] + alike if alike >= _ALIKE else 0.0
            best[i][j] = max(best[i + 1][j], best[i][j + 1], paired)
    return best


def _walk(old: Sequence[str], new: Sequence[str], best: list[list[float]]) -> list[Change]:
    found: list[Change] = []
    i = j = 0
    while i < len(old) or j < len(new):
        if i < len(old) and best[i][j] == best[i + 1][j]:
            found.append((old[i], ""))
            i += 1
        elif j < len(new) and best[i][j] == best[i][j + 1]:
            found.append(("", new[j]))
            j += 1
        else:
            found.append((old[i], new[j]))
            i, j = i + 1, j + 1
    return found


def _alike(a: Counter[str], b: Counter[str]) -> float:
    total = a.total() + b.total()
    return 2 * (a & b).total() / total if total else 0.0
