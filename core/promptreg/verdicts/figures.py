"""Tables and curves that are shown beside verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Breakdown", "BreakdownRow", "Curve", "Pairwise", "Ranking"]


@dataclass(frozen=True, slots=True)
class BreakdownRow:
    """Scenarios that share attributes' values, and how many of them fail under either version."""

    values: tuple[str, ...]
    scenarios: int
    baseline: int
    candidate: int


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Where a pass/fail metric fails, by the attributes `by`; rows without a failure are left out.

    Counts of what was seen, no tests: slices and guards judge.
    """

    template: str
    metric: str
    by: tuple[str, ...]
    rows: tuple[BreakdownRow, ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """How stated probabilities came true: (mean stated, share that came true, trials) by bin."""

    template: str
    metric: str
    baseline: tuple[tuple[float, float, int], ...]
    candidate: tuple[tuple[float, float, int], ...]


@dataclass(frozen=True, slots=True)
class Pairwise:
    """How the preferences between both sides' answers came about.

    Attributes:
        template, metric: whose.
        fingerprint: hash of the scorer's settings and code, and of what it says shapes its
            preferences (a judge's model, sampling, criteria).
        identity: what it says, JSON values.
        pairs: of answers, repeats included, that the metric applies to.
        won, lost, tied: by the candidate; fractions where opinions differ.
        same: ties of two answers that are the same, nobody was asked.
        failed: pairs with a failed side, nobody was asked.
        gaps: pairs without a preference.
        opinions: readable ones; each was asked in both orders.
        swapped: opinions that the order decided: ties.
        places: how often the answer shown first, and the one shown second, was preferred.
        itself: Krippendorff's alpha of judges with themselves, (value, low, high); None where
            each was asked once, or it is not defined.
        panel: the same of several judges with each other.
    """

    template: str
    metric: str
    fingerprint: str
    identity: Mapping[str, object]
    pairs: int
    won: float
    lost: float
    tied: float
    same: int
    failed: int
    gaps: int
    opinions: int
    swapped: int
    places: tuple[int, int]
    itself: tuple[float, float, float] | None = None
    panel: tuple[float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Ranking:
    """Place of one template version among several, with the range of places the data allow."""

    metric: str
    template: str
    label: str
    mean: float
    interval: tuple[float, float]
    best_rank: int
    worst_rank: int
