"""A gate's own error rates."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from promptreg.verdicts.metrics import Slice

__all__ = ["Calibration", "CalibrationState", "Power", "Rate"]


@dataclass(frozen=True, slots=True)
class Rate:
    """How often something happened in simulated gates, with its exact 95 % interval.

    The interval (Clopper-Pearson) is about the number of simulations, not about the completions
    they were made of.
    """

    count: int
    of: int
    interval: tuple[float, float]

    @property
    def share(self) -> float:
        """The observed share, 0 to 1."""
        return self.count / self.of if self.of else 0.0


@dataclass(frozen=True, slots=True)
class Power:
    """What the gate does when a metric really worsens by a known amount.

    Attributes:
        template, metric, slice: what worsens; `slice` for a guard.
        times_margin: by how many margins.
        failed, passed: shares of simulated gates.
    """

    template: str
    metric: str
    slice: Slice | None
    times_margin: float
    failed: Rate
    passed: Rate


class CalibrationState(enum.StrEnum):
    """Whether the gate's own error rates are known."""

    NONE = "none"
    FRESH = "fresh"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Calibration:
    """What `promptreg calibrate` measured of this gate; it is shown and never changes a verdict.

    Attributes:
        state: never measured, measured as things are, or measured before something changed.
        reasons: what changed since, or that it is too old; empty unless stale.
        created_at: ISO 8601 UTC time of the measurement; empty where there is none.
        simulations: gates simulated for each rate.
        false_alarm: share of A/A gates that accuse something of having regressed.
        passed: share of A/A gates that pass.
        power: what the gate does with worsenings of known size.
    """

    state: CalibrationState = CalibrationState.NONE
    reasons: tuple[str, ...] = ()
    created_at: str = ""
    simulations: int = 0
    false_alarm: Rate | None = None
    passed: Rate | None = None
    power: tuple[Power, ...] = ()
