"""What every test hands to the decision: estimate, interval, p-value, on one scale."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from promptreg.stats.model import Floats

FEW_CHANGED = 8
"""With fewer changed units than this, unseen changes widen the interval."""
MID_P_FROM = 10
"""From this many changed units on, ties count half."""


def how_few(changed: int) -> str:
    """Return how many changed, where that is few: `none`, `only 3`."""
    return f"only {changed}" if changed else "none"


@dataclass(frozen=True, slots=True)
class Settings:
    """What is the same for all metrics of one analysis.

    Attributes:
        alpha: Two-sided error, e.g. 0.05.
        exact: Never count ties half.
    """

    alpha: float
    exact: bool

    def mid_p(self, changed: int) -> bool:
        """Return whether ties count half with this many changed units."""
        return not self.exact and changed >= MID_P_FROM


@dataclass(frozen=True, slots=True)
class Swing:
    """The test statistic as observed and under every flip, in units of its own flip SD.

    Attributes:
        observed: T, signed.
        draws: T under each flip, shape (rows,).
        mid_p: Whether ties count half.
    """

    observed: float
    draws: Floats
    mid_p: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One metric's comparison, candidate minus baseline in the metric's own direction.

    Attributes:
        scale: "difference" in the metric's unit, or "log_ratio".
        baseline: Summary of the baseline in the metric's unit.
        candidate: Summary of the candidate.
        estimate: Point estimate on the scale; may be infinite for a ratio to 0.
        low: Lower end on the scale; may be -inf.
        high: Upper end; may be inf.
        p_value: Two-sided.
        se: Standard error on the scale.
        changed: Families whose scores differ.
        hidden: Largest change that unseen changes could hide, on the scale; 0 if not applied.
        beyond_margin: Confidence that the worsening exceeds the margin.
        test: Human name.
        effect: Name and value of the effect size.
        swing: For the joint distribution of all metrics; ``None`` if nothing can be flipped.
        discordant: Pass/fail: (baseline only, candidate only).
        notes: What a reader must know.
    """

    scale: Literal["difference", "log_ratio"]
    baseline: float
    candidate: float
    estimate: float
    low: float
    high: float
    p_value: float
    se: float | None
    changed: int
    hidden: float
    beyond_margin: float | None
    test: str
    effect: tuple[str, float | None]
    swing: Swing | None
    discordant: tuple[int, int] | None = None
    notes: list[str] = field(default_factory=list)


class Contrast(Protocol):
    """A prepared comparison that waits for the flipped sums of its columns."""

    def evidence(self, sums: Floats) -> Evidence:
        """Return the evidence, given the flipped sums of all registered columns."""
        ...


def tail_p(signs: Floats, *, mid_p: bool) -> float:
    """Return the two-sided p-value from the sign of every flip relative to the observed data.

    ``p = min(1, 2 min(p_up, p_dn))``, the observed data being one additional row that counts
    fully on both sides. With ``mid_p`` the other ties count half.

    Deviation: where all flips are enumerated, textbook mid-p would count the observed row half
    as well. Counted fully, the p-value and the interval agree at every level; the price is
    2**-G in the p-value.

    Args:
        signs: -1, 0 (tie) or 1 for each flip.
        mid_p: Whether ties count half.
    """
    below, above = int(np.count_nonzero(signs < 0)), int(np.count_nonzero(signs > 0))
    ties = (len(signs) - below - above) * (0.5 if mid_p else 1.0)
    return min(1.0, 2.0 * (min(below, above) + ties + 1.0) / (len(signs) + 1.0))


def unseen_share(n_families: int, alpha: float) -> float:
    """Return the largest share of families that could change without one being seen.

    ``1 - (alpha/2)**(1/G)``: the exact upper limit after 0 of G, the "rule of three".
    """
    return float(-np.expm1(np.log(alpha / 2) / n_families))


def rank_for(alpha: float, rows: int) -> int:
    """Return k, the order statistic of the flips at which the interval ends; 0: unlimited."""
    # The tiny term repairs products such as 0.05 / 2 * 1000 that fall below the integer.
    return int(np.floor(alpha / 2 * (rows + 1) + 1e-9))


def family_swing(total: float, sums: Floats, column: Floats, *, mid_p: bool) -> Swing:
    """Return T = sum D_g / sqrt(sum D_g**2) as observed and under each flip."""
    norm = float(np.sqrt(np.sum(column**2)))
    if norm == 0.0:
        return Swing(0.0, np.zeros_like(sums), mid_p)
    return Swing(total / norm, (total - 2.0 * sums) / norm, mid_p)


def too_few(n_families: int, alpha: float) -> list[str]:
    """Return the note that nothing can be accused with so few families, if so."""
    if n_families < 62 and 2.0 / 2.0**n_families > alpha:
        noun = "family" if n_families == 1 else "families"
        return [f"{n_families} {noun}: too few to accuse anything at this level"]
    return []
