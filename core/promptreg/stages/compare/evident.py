"""What an interval shows by itself, and the verdict that is left without an accusation."""

from __future__ import annotations

from dataclasses import replace

from promptreg.verdicts import Difference, Verdict

__all__ = ["excludes_no_change", "excludes_worsening", "unaccused", "without_accusation"]


def excludes_no_change(d: Difference) -> bool:
    """Return whether the interval lies on one side of no change: a hint may not contradict it."""
    if d.interval is None:
        return False
    if d.ratio is not None:
        _, low, high = d.ratio
        return low > 1 or high < 1
    low, high = d.interval
    return low > 0 or high < 0


def excludes_worsening(d: Difference) -> bool:
    """Return whether the whole interval is better than a worsening by the margin."""
    if d.interval is None or d.margin is None:
        return False
    if d.ratio is not None:
        _, low, high = d.ratio
        return high < d.margin if d.direction == "lower_is_better" else low * d.margin > 1
    low, high = d.interval
    worst = low if d.direction == "higher_is_better" else -high
    return worst > -d.margin * (1 - 1e-9)


def unaccused(d: Difference) -> Verdict:
    """Return the verdict of a change that nothing may call regressed or improved.

    What is too little for an improvement may still exclude a worsening.
    """
    return Verdict.NO_WORSE if excludes_worsening(d) else Verdict.INCONCLUSIVE


def without_accusation(d: Difference, p_adjusted: float, alpha: float) -> Difference:
    """Return a difference with a larger adjusted p-value, which may be too large to accuse."""
    if d.verdict not in (Verdict.REGRESSED, Verdict.IMPROVED) or p_adjusted <= alpha:
        return replace(d, p_adjusted=p_adjusted)
    verdict = Verdict.INCONCLUSIVE if d.insufficient else unaccused(d)
    open_, seen = verdict is Verdict.INCONCLUSIVE, not d.insufficient and excludes_no_change(d)
    return replace(d, p_adjusted=p_adjusted, verdict=verdict, suspect=open_ and seen)
