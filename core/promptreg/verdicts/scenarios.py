"""Scenarios whose scores changed, with both answers, and where they lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["MapPoint", "ScenarioChange", "ScenarioMap", "SideTrial"]


@dataclass(frozen=True, slots=True)
class SideTrial:
    """What one version did with one scenario, for people to read."""

    prompt: str
    text: str
    thinking: str
    answer: Mapping[str, object]
    failure: str
    """Empty when answered, else `cause: detail`."""
    scores: Mapping[str, float | None]
    latency_s: float | None = None
    remarks: Mapping[str, str] = field(default_factory=dict)
    """What judges said besides their grades, by metric."""


@dataclass(frozen=True, slots=True)
class ScenarioChange:
    """One scenario under both versions, with how much worse it became.

    `change` is on the composite `overall` scale (-1 to 1, negative is worse) where there is one,
    else on the first gating metric, turned so that negative is worse.
    """

    template: str
    scenario_id: str
    family: str
    attributes: Mapping[str, str]
    ground_truth: Mapping[str, object]
    change: float | None
    baseline: SideTrial
    candidate: SideTrial
    neighbours: tuple[tuple[str, float], ...] = ()
    """Ids of the scenarios most like it that became worse too, with their cosine; only where the
    suite names an embedder."""


@dataclass(frozen=True, slots=True)
class MapPoint:
    """A scenario on the map: place from 0 to 1 both ways, and its change as in `ScenarioChange`."""

    scenario_id: str
    x: float
    y: float
    change: float | None


@dataclass(frozen=True, slots=True)
class ScenarioMap:
    """Scenarios laid out by what they are about; neighbours are alike.

    `shown` is the share of the variance of their vectors that two dimensions hold.
    """

    points: tuple[MapPoint, ...]
    shown: float
