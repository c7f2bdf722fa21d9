"""Slices worth naming: which became worse, which better, which are too small to say."""

from __future__ import annotations

from promptreg.stages.report.lines import drop, line_of, slice_words
from promptreg.stages.report.text import one_line
from promptreg.verdicts import Comparison, Difference, Verdict

__all__ = [
    "SLICES_SHOWN",
    "gaining_slices",
    "how_to_guard",
    "hurting_slices",
    "lost",
    "lost_slices",
    "too_small",
]

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


def lost(comparison: Comparison) -> str:
    """Return in which slices what is shown to have regressed, in words; empty for none.

    `worse where kind=vandalism (deviation, in_range)`: no verdict depends on it, and nobody should
    merge without having seen it. What answers cost is left to the tables.
    """
    several = len({d.template for d in comparison.differences}) > 1
    where: dict[str, list[str]] = {}
    for d in lost_slices(comparison):
        part = slice_words(d.slice) if d.slice else ""
        name = f"{one_line(d.template, 30)}: {part}" if several else part
        where.setdefault(name, []).append(one_line(d.metric, 40))
    named = [
        f"{name} ({', '.join(metrics[:3])}{', ...' if len(metrics) > 3 else ''})"
        for name, metrics in where.items()
    ]
    more = f" and {len(named) - 3} more" if len(named) > 3 else ""
    return f"worse where {'; '.join(named[:3])}{more}" if named else ""


def how_to_guard(comparison: Comparison) -> str:
    """Return what would let the gate decide by the slice that lost most; empty for none."""
    worst = next(iter(lost_slices(comparison)), None)
    if worst is None or worst.slice is None:
        return ""
    where = f"{one_line(worst.slice.attribute, 40)}: {one_line(worst.slice.value, 60)}"
    metric = one_line(worst.metric, 60)
    return f"to gate such a slice: guard: [{{metric: {metric}, where: {{{where}}}}}]"


def lost_slices(comparison: Comparison) -> list[Difference]:
    """Return what is shown to have regressed on slices that only hint, the worst first."""
    return [
        d
        for d in hurting_slices(comparison, len(comparison.differences))[0]
        if d.verdict is Verdict.REGRESSED and d.ratio is None
    ]


def too_small(comparison: Comparison) -> str:
    """Return which slices have too few families for a verdict, in words; empty for none.

    A slice of which only some metrics have too few is named with these; what applies to none of
    its scenarios is not counted. A whole slice that lost more than a margin comes with what it
    lost most: too little to be sure, and too much not to be looked at.
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
    # Of too few families a ratio is not even known, so other rows tell what is a price.
    prices = {d.metric for d in comparison.differences if d.ratio is not None}
    lost = {part: [d for d in there[part] if d.metric not in prices] for part in whole}
    names = [*(f"{part}{_what_it_lost(lost[part])}" for part in whole), *single]
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return f"too small for a verdict: {', '.join(names[:6])}{more}" if names else ""


def _what_it_lost(rows: list[Difference]) -> str:
    most = max(rows, key=drop, default=None)
    if most is None or drop(most) <= 1:
        return ""
    line = line_of(most)
    unit = f" {line.unit}" if line.unit else ""
    return f" ({one_line(most.metric, 40)} {line.baseline} to {line.candidate}{unit}, n {line.n})"


def _hurts(d: Difference) -> bool:
    if d.interval is None or d.insufficient:  # too few scenarios to say anything at all
        return False
    return drop(d) > 0 and (d.verdict is Verdict.REGRESSED or d.suspect or drop(d) > 1)


def _severity(d: Difference) -> tuple[bool, int, float]:
    """Order: answers before the bill (which a longer prompt raises in every slice alike)."""
    rank = 0 if d.verdict is Verdict.REGRESSED else 1 if d.suspect else 2
    return d.ratio is not None, rank, -drop(d)
