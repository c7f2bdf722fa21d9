"""What is said of one metric: difference, interval, verdict."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from promptreg.records import Direction, Kind

__all__ = ["CorrectedDifference", "Difference", "JudgeAlone", "Missing", "Slice", "Verdict"]


class Verdict(enum.StrEnum):
    """What is said of one metric."""

    IMPROVED = "improved"
    EQUIVALENT = "equivalent"
    NO_WORSE = "no_worse"
    REGRESSED = "regressed"
    INCONCLUSIVE = "inconclusive"

    @property
    def proven(self) -> bool:
        """Whether the metric is shown to be no worse by the margin."""
        return self in (Verdict.IMPROVED, Verdict.EQUIVALENT, Verdict.NO_WORSE)


@dataclass(frozen=True, slots=True)
class Slice:
    """The scenarios that share an attribute's value."""

    attribute: str
    value: str


@dataclass(frozen=True, slots=True)
class Missing:
    """Trials without a value on each side: failures (counted as worst) and gaps (bounded)."""

    baseline: int
    candidate: int


@dataclass(frozen=True, slots=True)
class JudgeAlone:
    """What a judge's scores alone say, where labels of people decide instead."""

    difference: float
    interval: tuple[float, float]
    p_value: float | None
    verdict: Verdict
    """The one it would have; p-values adjusted for all gating metrics."""


@dataclass(frozen=True, slots=True)
class CorrectedDifference:
    """What a judge's difference is once labels of people have taken its bias out.

    Attributes:
        difference: candidate minus baseline, in the metric's unit.
        interval: of it, at `level`.
        level: confidence level.
        n_labelled: scenarios with labels on both sides.
        weight: lambda, how far the judge is believed: 0, the labels alone; 1, all of it.
        labels: the file, as the suite names it.
        labels_sha256: of its content.
        alone: what the judge says, where the verdict is that of the labels; None: the verdict is
            the judge's, and this is shown beside it.
    """

    difference: float
    interval: tuple[float, float]
    level: float
    n_labelled: int
    weight: float
    labels: str
    labels_sha256: str
    alone: JudgeAlone | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """One metric of one template on one slice: candidate against baseline.

    `difference` and `interval` are candidate minus baseline in the metric's own unit and with its
    own sign; `direction` says which sign is better. For ratio metrics (latency, tokens, cost)
    `ratio` holds (estimate, low, high) of candidate over baseline and `interval` is the same
    statement in the metric's unit. Values that do not exist are None, never 0.
    """

    template: str
    metric: str
    slice: Slice | None
    kind: Kind
    unit: str
    direction: Direction
    n_scenarios: int
    n_clusters: int
    repeats: int
    baseline: float | None
    candidate: float | None
    difference: float | None
    interval: tuple[float, float] | None
    level: float
    p_value: float | None
    p_adjusted: float | None
    effect_size: tuple[str, float | None]
    test: str
    margin: float | None
    verdict: Verdict
    gating: bool
    discordant: tuple[int, int] | None
    detectable_difference: float | None
    missing: Missing
    suspect: bool = False
    scenarios_needed: int | None = None
    ratio: tuple[float, float, float] | None = None
    rerun_se: float | None = None
    variance: tuple[float, float] | None = None
    """Share of variance: between scenarios, between repeats (squared units)."""
    notes: tuple[str, ...] = ()
    insufficient: bool = False
    """Whether the slice has too few families for a verdict; it is then inconclusive."""
    min_clusters: int | None = None
    """How many families a verdict on the slice takes."""
    must_prove: bool = False
    """Whether the gate needs a guard to be shown no worse."""
    corrected: CorrectedDifference | None = None
    """Of a judged metric whose judge names labels, where they are enough. Where they decide,
    `difference`, `interval`, p-values, `test` and `verdict` are those of the correction, while
    `baseline` and `candidate` stay what the judge says."""
    scenarios_by_side: tuple[int, int] | None = None
    """Where the sides answered different scenarios: how many each; None where they are paired."""
    clusters_by_side: tuple[int, int] | None = None
    """The same of units of the draw."""
