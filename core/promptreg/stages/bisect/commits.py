"""The search for the commit that did it, along one line of history. No git, no calls."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from promptreg.stages.bisect.bench import Bench, ExhaustedError, Outcome

__all__ = ["Boundary", "CommitFinding", "commit_tests", "search_commits"]

_FEW = 6
"""Up to so many states between both ends may all be tested."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """Between `good`, shown no worse, and `bad`, which regressed; states in between are open."""

    good: int
    bad: int

    @property
    def exact(self) -> bool:
        """Whether the state `bad` is the first bad one, without doubt about another."""
        return self.bad == self.good + 1


@dataclass(frozen=True, slots=True)
class CommitFinding:
    """What the search found.

    Attributes:
        boundaries: where it became bad, in order; the last one is what BAD suffers from. Several
            where it was mended in between and broken again.
        exhausted: the search ended because the tests planned for were used up.
    """

    boundaries: tuple[Boundary, ...]
    exhausted: bool = False

    @property
    def named(self) -> bool:
        """Whether each boundary is one commit."""
        return all(b.exact for b in self.boundaries) and not self.exhausted


def commit_tests(contents: Sequence[str]) -> int:
    """Return how many tests a search along these states may make.

    Args:
        contents: what identifies each state's content, from GOOD to BAD; equal contents need one
            test.
    """
    inner = len(set(contents) - {contents[0], contents[-1]})
    if inner <= _FEW or _back_and_forth(contents):
        return inner
    return min(inner, 2 * math.ceil(math.log2(inner)) + 2)


def search_commits(
    contents: Sequence[str], judge: Callable[[int], Outcome], *, most: int | None = None
) -> CommitFinding:
    """Return where along a line of states the regression came in.

    By halves, as `git bisect` does, between the last state shown no worse and the next one that
    regressed; a state that is unclear or cannot be tested is passed over for its neighbours.
    Where the verdicts are not those of one change (regressed, no worse, regressed again) every
    state is tested.

    Args:
        contents: what identifies each state's content, GOOD first, BAD (which regressed) last.
        judge: tests the state of an index.
        most: tests that may be made; default: `commit_tests`.
    """
    first = {content: i for i, content in reversed(list(enumerate(contents)))}
    known = {contents[0]: Outcome.HARMLESS, contents[-1]: Outcome.REGRESSED}
    tests = commit_tests(contents) if most is None else most
    bench = Bench(lambda content: judge(first[content]), tests, known)
    exhausted = False
    try:
        _halve(contents, bench)
        if _uneven(contents, bench):
            for content in contents:
                bench.test(content)
    except ExhaustedError:
        exhausted = True
    return CommitFinding(tuple(_boundaries(contents, bench)), exhausted)


def _halve(contents: Sequence[str], bench: Bench[str]) -> None:
    while True:
        low, high = _gap(contents, bench)
        middle = (low + high) / 2
        inner = [i for i in range(low + 1, high) if bench.seen(contents[i]) is None]
        if not inner:
            return
        bench.test(contents[min(inner, key=lambda i: abs(i - middle))])


def _gap(contents: Sequence[str], bench: Bench[str]) -> tuple[int, int]:
    """Return the last state known to be no worse, and the first after it known to regress."""
    seen = [bench.seen(c) for c in contents]
    low = max(i for i, o in enumerate(seen) if o is Outcome.HARMLESS)
    high = min(i for i, o in enumerate(seen) if o is Outcome.REGRESSED and i > low)
    return low, high


def _uneven(contents: Sequence[str], bench: Bench[str]) -> bool:
    low, _ = _gap(contents, bench)
    return any(bench.seen(c) is Outcome.REGRESSED for c in contents[:low])


def _back_and_forth(contents: Sequence[str]) -> bool:
    """Return whether GOOD's own content comes back after BAD's own was there."""
    return contents[0] in contents[contents.index(contents[-1]) :]


def _boundaries(contents: Sequence[str], bench: Bench[str]) -> list[Boundary]:
    found: list[Boundary] = []
    good: int | None = None
    for i, content in enumerate(contents):
        outcome = bench.seen(content)
        if outcome is Outcome.HARMLESS:
            good = i
        elif outcome is Outcome.REGRESSED and good is not None:
            found.append(Boundary(good, i))
            good = None
    return found
