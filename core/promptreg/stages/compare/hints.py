"""Slices as hints: what many of them at once allow to be said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from promptreg.policy import Policy
from promptreg.stages.compare.evident import excludes_no_change, unaccused
from promptreg.stages.compare.lines import Line
from promptreg.stats.analysis import PairedResult
from promptreg.stats.multiplicity import benjamini_hochberg
from promptreg.verdicts import Difference, Verdict

__all__ = ["SliceAnalysis", "hints"]

SliceAnalysis = Callable[[Sequence[Line]], Sequence[tuple[Difference, PairedResult]]]
SLICE_Q = 0.10
"""False discovery rate among slices, which are hints and never gate."""


def hints(
    slices: Iterable[Sequence[Line]], analysed: SliceAnalysis, policy: Policy
) -> list[Difference]:
    """Return the differences of slices, with the verdicts that many hints at once allow.

    Args:
        slices: the lines of each slice.
        analysed: returns each line's difference and what it was made from.
        policy: says which metrics gate.
    """
    judged = [found for part in slices for found in analysed(part)]
    adjusted: dict[int, float] = {}
    for metric in policy.gating:  # its slices are one family of hints: they are what is searched
        mine = [
            i
            for i, (d, r) in enumerate(judged)
            if r.n_clusters > 0 and r.name == d.metric == metric
        ]
        adjusted |= dict(
            zip(mine, benjamini_hochberg([judged[i][1].p_value for i in mine]), strict=True)
        )
    return [_hint(d, adjusted.get(i)) for i, (d, _) in enumerate(judged)]


def _hint(difference: Difference, p_adjusted: float | None) -> Difference:
    """Return a slice's difference with the verdict that its adjusted p-value allows."""
    verdict = difference.verdict
    change = difference.difference or 0.0
    if difference.direction == "lower_is_better":
        change = -change
    if difference.insufficient:
        return replace(difference, p_adjusted=p_adjusted, suspect=False)
    if verdict is not Verdict.EQUIVALENT and p_adjusted is not None and change != 0:
        if p_adjusted <= SLICE_Q and excludes_no_change(difference):
            verdict = Verdict.REGRESSED if change < 0 else Verdict.IMPROVED
        elif verdict in (Verdict.REGRESSED, Verdict.IMPROVED):
            verdict = unaccused(difference)
    suspect = difference.suspect and verdict is Verdict.INCONCLUSIVE
    return replace(difference, p_adjusted=p_adjusted, verdict=verdict, suspect=suspect)
