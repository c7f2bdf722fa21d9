"""Five verdicts from one interval and one margin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from promptreg.stats.model import PairedResult, Verdict

Number = TypeVar("Number", int, float)


def decide(
    low: float, high: float, estimate: float, margin: float, p_adjusted: float, alpha: float
) -> Verdict:
    """Return the verdict of one metric; all arguments oriented so that positive is better.

    Equivalence comes first: a change that is detectable but below the margin is no accusation.
    "Not significant" alone is never an acquittal.

    Args:
        low: Lower end of the 1 - alpha interval, may be -inf.
        high: Upper end, may be inf.
        estimate: Observed change.
        margin: Largest worsening accepted, positive.
        p_adjusted: p-value corrected for all accusations.
        alpha: Two-sided error; each one-sided claim errs at most alpha/2 (ICH E9).
    """
    # An end on the margin, but for rounding, proves nothing: acquittals are strict.
    inside = margin * (1 - 1e-9)
    if low > -inside and high < inside:
        return "equivalent"
    if p_adjusted <= alpha and estimate < 0:
        return "regressed"
    if p_adjusted <= alpha and estimate > 0:
        return "improved"
    if low > -inside:
        return "no_worse"
    return "inconclusive"


def reconcile(a: PairedResult, b: PairedResult) -> PairedResult:
    """Return the verdict that holds whatever the scores lost to infrastructure would have been.

    Call :func:`~promptreg.stats.analysis.analyse` twice: once with every missing score at the
    worst value for the candidate and the best for the baseline, once the other way round, and
    reconcile metric by metric. Point figures are those of ``a``; the interval is the hull of
    both, the p-values the larger ones; 1 where the changes point to opposite sides, since the
    missing scores could then have been such that nothing changed.

    Returns:
        ``a`` if nothing differs; the one that is undefined if one is, since the other one bounds
        one side only; the verdict of both if they agree; else "inconclusive".

    Raises:
        ValueError: The results are of different metrics.
    """
    if a.name != b.name:
        raise ValueError(f"cannot reconcile metric {a.name!r} with {b.name!r}")
    if a == b:
        return a
    if (a.difference is None) != (b.difference is None):
        return a if a.difference is None else b
    agree = a.verdict == b.verdict
    note = "missing scores bounded both ways"
    # Corrected jointly, a metric that lacks nothing may differ in this figure because others do.
    own = replace(b, p_adjusted=a.p_adjusted) != a
    if not agree:
        note += f": {a.verdict} or {b.verdict}, depending on them"
    adjusted = [p for p in (a.p_adjusted, b.p_adjusted) if p is not None]
    opposed = (a.difference or 0.0) * (b.difference or 0.0) < 0
    ratio = None
    if a.ratio is not None and b.ratio is not None:
        ratio = (a.ratio[0], min(a.ratio[1], b.ratio[1]), max(a.ratio[2], b.ratio[2]))
    return replace(
        a,
        low=_lowest((a.low, b.low)),
        high=_highest((a.high, b.high)),
        p_value=1.0 if opposed else max(a.p_value, b.p_value),
        p_adjusted=None if not adjusted else 1.0 if opposed else max(adjusted),
        verdict=a.verdict if agree else "inconclusive",
        suspect=a.suspect and b.suspect,
        detectable_difference=_largest((a.detectable_difference, b.detectable_difference)),
        scenarios_needed=_largest((a.scenarios_needed, b.scenarios_needed)),
        ratio=ratio,
        confidence_worse_than_margin=_largest(
            (a.confidence_worse_than_margin, b.confidence_worse_than_margin)
        ),
        notes=(*a.notes, *(n for n in b.notes if n not in a.notes), *([note] if own else [])),
    )


def _lowest(ends: Sequence[float | None]) -> float | None:
    """Return the lowest end, or None (unlimited) if any is."""
    known = [end for end in ends if end is not None]
    return min(known) if len(known) == len(ends) else None


def _highest(ends: Sequence[float | None]) -> float | None:
    """Return the highest end, or None (unlimited) if any is."""
    known = [end for end in ends if end is not None]
    return max(known) if len(known) == len(ends) else None


def _largest(values: Sequence[Number | None]) -> Number | None:
    """Return the largest known value, None if none is known."""
    return max((value for value in values if value is not None), default=None)
