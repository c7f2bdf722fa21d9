"""Whether going on can still decide anything: conditional power."""

from __future__ import annotations

import math

from scipy.special import ndtr, ndtri

from promptreg.stats.model import PairedResult

__all__ = ["chance_to_accuse", "chance_to_prove"]


def chance_to_prove(result: PairedResult, *, better: int, share: float, level: float) -> float:
    """Return the probability that the last interval excludes a worsening by the margin.

    Conditional power if nothing changes in what is left to ask (Lan, Simon & Halperin 1982,
    Commun. Stat. C 1:207): a generous assumption for a version that was worse so far. 1 where the
    spread is not known, since nothing may be called futile then.

    Args:
        result: The line so far.
        better: 1 if a higher score is better, else -1.
        share: Share of the planned information that is there, in (0, 1).
        level: Error of the last look's interval.
    """
    known = _known(result, share)
    if known is None:
        return 1.0
    change, se, spread = known
    needed = -_margin(result) - float(ndtri(level / 2)) * se * math.sqrt(share)
    return float(ndtr((better * change * share - needed) / spread))


def chance_to_accuse(result: PairedResult, *, better: int, share: float, level: float) -> float:
    """Return the probability that the last look accuses the line, if the trend goes on.

    Args:
        result: The line so far.
        better: 1 if a higher score is better, else -1.
        share: Share of the planned information that is there, in (0, 1).
        level: Two-sided error at which one line of many is accused.
    """
    known = _known(result, share)
    if known is None:
        return 0.0 if result.se == 0 else 1.0
    change, se, spread = known
    needed = float(ndtri(level / 2)) * se * math.sqrt(share)
    return float(ndtr((needed - better * change) / spread))


def _known(result: PairedResult, share: float) -> tuple[float, float, float] | None:
    """Return the change, its standard error, and the spread that what is left adds."""
    if not (result.se and result.difference is not None and 0 < share < 1):
        return None
    return result.difference, result.se, result.se * math.sqrt(share * (1 - share))


def _margin(result: PairedResult) -> float:
    """Return the margin in the metric's unit; that of a ratio is relative to the baseline."""
    if result.ratio is None:
        return result.margin
    return (result.margin - 1) * (result.baseline or 0.0)
