"""What the tests of one draw have in common: names, p-values, sparse data, a search for an end."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.special import stdtr

from promptreg.stats.evidence import Settings, Swing, tail_p, unseen_share
from promptreg.stats.model import Floats
from promptreg.stats.unpaired.arms import Arms
from promptreg.stats.unpaired.draws import Draws

__all__ = [
    "FAR",
    "agree",
    "edge",
    "hidden_change",
    "minority",
    "p_of",
    "ratio",
    "swing_of",
    "test_name",
    "too_few_units",
    "welch_freedom",
    "welch_p",
]

FAR = 1e9
"""What T is where the versions differ and nothing varies within either."""
_TIE = 1e-9


def ratio(difference: Floats, se: Floats, scale: float) -> Floats:
    """Return difference / se: 0 where both are 0, but for rounding, and +-FAR where only se is.

    Args:
        difference: NaN stays NaN.
        se: Same shape.
        scale: Size of the numbers they were made of.
    """
    floor = 1e-12 * scale
    flat = se <= floor
    safe = np.where(flat, 1.0, se)
    # A spread of 0 still tells larger differences from smaller ones, which redraws may tie with.
    far = np.where(np.abs(difference) <= floor, 0.0, np.copysign(FAR, difference))
    return np.clip(np.where(flat & ~np.isnan(se), far, difference / safe), -FAR, FAR)


def p_of(observed: float, drawn: Floats, settings: Settings, minor: int) -> float:
    """Return the two-sided p-value of T; a draw in which T is undefined ties with it."""
    return tail_p(signs(observed, drawn), mid_p=settings.mid_p(minor))


def signs(observed: float, drawn: Floats) -> Floats:
    """Return whether T is below, at or above the observed one in each draw."""
    distance = drawn - observed
    near = np.abs(distance) <= _TIE * max(1.0, abs(observed))
    return np.where(np.isnan(distance) | near, 0.0, np.sign(distance))


def swing_of(observed: float, drawn: Floats, settings: Settings, minor: int) -> Swing | None:
    """Return T for the joint distribution of all metrics; an undefined T is as large as can be."""
    if not drawn.size:
        return None
    return Swing(observed, np.where(np.isnan(drawn), np.inf, drawn), settings.mid_p(minor))


def minority(values: Floats) -> int:
    """Return how many values are not the most frequent one."""
    if not values.size:
        return 0
    _, counts = np.unique(values, return_counts=True)
    return int(values.size - counts.max())


def hidden_change(data: Arms, alpha: float, width: float) -> float:
    """Return the largest change that units not seen could hide in the smaller arm.

    The "rule of three", as for pairs: with 30 units that all agree, up to 11.6 % of the others
    may be otherwise.
    """
    return unseen_share(max(1, min(data.clusters)), alpha) * width


def agree(low: float, high: float, estimate: float, *, significant: bool) -> tuple[float, float]:
    """Return the interval made to agree with the test of no change."""
    if not significant:
        return min(low, 0.0), max(high, 0.0)
    if estimate > 0:
        return max(low, 0.0), high
    return low, min(high, 0.0) if estimate < 0 else high


def edge(
    rejected: Callable[[float], bool], start: float, step: float, limit: float, steps: int = 16
) -> float:
    """Return the first rejected shift on the way from `start`; `limit` where none is.

    Args:
        rejected: Whether the test excludes a shift; it does not exclude `start`.
        start: The estimate.
        step: First step; negative to search downwards. It grows until a shift is rejected.
        limit: Where the search ends, beyond start in the direction of step; may be infinite.
        steps: Halvings of the last stretch.
    """
    inner, reach = start, step
    for _ in range(24):
        outer = start + reach
        outer = max(outer, limit) if step < 0 else min(outer, limit)
        if rejected(outer):
            break
        if outer == limit:
            return limit
        inner, reach = outer, reach * 2
    else:
        return math.copysign(math.inf, step)
    for _ in range(steps):
        middle = 0.5 * (inner + outer)
        if rejected(middle):
            outer = middle
        else:
            inner = middle
    return outer


def welch_p(t: float, variances: tuple[float, float], clusters: tuple[int, int]) -> float:
    """Return the two-sided p-value of T by Student's t with Welch's degrees of freedom.

    Args:
        t: The statistic.
        variances: Of both sides' means.
        clusters: Units of both sides.
    """
    freedom = welch_freedom(variances, clusters)
    if math.isinf(freedom):  # nothing varies: T is 0 or as large as can be
        return 1.0 if t == 0 else 0.0
    return float(2.0 * stdtr(freedom, -abs(t)))


def welch_freedom(variances: tuple[float, float], clusters: tuple[int, int]) -> float:
    """Return Welch's degrees of freedom (Satterthwaite 1946, Biometrics 2:110)."""
    parts = sum(v**2 / (g - 1) for v, g in zip(variances, clusters, strict=True) if g > 1)
    return sum(variances) ** 2 / parts if parts > 0 else math.inf


def test_name(draws: Draws, name: str) -> str:
    """Return the name of the test with how the draws were made."""
    how = "exact enumeration" if draws.enumerated else f"{draws.rows} draws"
    return f"{name} ({how})"


def too_few_units(data: Arms, draws: Draws, alpha: float) -> list[str]:
    """Return the note that nothing can be accused with so few units, if so."""
    if (draws.enumerated and 2.0 / (draws.rows + 1) > alpha) or not data.comparable:
        before, after = data.clusters
        return [f"{before} and {after} units: too few to accuse anything at this level"]
    return []
