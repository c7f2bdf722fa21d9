"""Slices worth naming: which became worse, which better, which are too small to say."""

from __future__ import annotations

from promptreg.stages.report.lines import drop, slice_words
from promptreg.stages.report.text import one_line
from promptreg.verdicts import Comparison, Difference, Verdict

__all__ = ["SLICES_SHOWN", "gaining_slices", "hurting_slices", "too_small"]

SLICES_SHOWN = 8


def hurting_slices(
    comparison: Comparison, limit: int = SLICES_SHOWN
) -> tuple[list[Difference], int]:
    """Return the slices that became worse, the worst first, and how many more there are.

    A slice hurts if it is accused, suspect, or worse by more than its margin. Slices are hints:
    they never gate.
    """
    rows = [d for d in comparison.differences if d.slice is not None and not d.gating and _hurts(d)]
    rows.sort(key=_severity)
    return rows[:limit], max(0, len(rows) - limit)


def gaining_slices(
    comparison: Comparison, limit: int = SLICES_SHOWN
) -> tuple[list[Difference], int]:
    """Return the slices that became better, the best first, and how many more there are.

    A slice gains if it is shown to be improved, or is better by more than its margin.
    """
    rows = [
        d
        for d in comparison.differences
        if d.slice is not None
        and not d.gating
        and d.interval is not None
        and not d.insufficient
        and (d.verdict is Verdict.IMPROVED or drop(d) < -1)
    ]
    rows.sort(key=lambda d: (d.ratio is not None, d.verdict is not Verdict.IMPROVED, drop(d)))
    return rows[:limit], max(0, len(rows) - limit)


def too_small(comparison: Comparison) -> str:
    """Return which slices have too few families for a verdict, in words; empty for none.

    A slice of which only some metrics have too few is named with these; what applies to none of
    its scenarios is not counted.
    """
    there: dict[str, list[Difference]] = {}
    for d in comparison.differences:
        if d.slice is not None and not d.gating and d.n_scenarios:
            there.setdefault(slice_words(d.slice), []).append(d)
    whole = [part for part, rows in there.items() if all(d.insufficient for d in rows)]
    single = dict.fromkeys(
        f"{one_line(d.metric, 60)} ({part})"
        for part, rows in there.items()
        if part not in whole
        for d in rows
        if d.insufficient
    )
    names = [*whole, *single]
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return f"too small for a verdict: {', '.join(names[:6])}{more}" if names else ""


def _hurts(d: Difference) -> bool:
    if d.interval is None or d.insufficient:  # too few scenarios to say anything at all
        return False
    return drop(d) > 0 and (d.verdict is Verdict.REGRESSED or d.suspect or drop(d) > 1)


def _severity(d: Difference) -> tuple[bool, int, float]:
    """Order: answers before the bill (which a longer prompt raises in every slice alike)."""
    rank = 0 if d.verdict is Verdict.REGRESSED else 1 if d.suspect else 2
    return d.ratio is not None, rank, -drop(d)
