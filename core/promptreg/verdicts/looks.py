"""How a comparison that looks several times came to its end."""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["Look", "StopReason", "Stopping"]


class StopReason(enum.StrEnum):
    """Why no further look was taken."""

    REGRESSION = "regression"
    LIMIT = "limit"
    """An absolute limit is shown to be missed."""
    PROOF = "proof"
    IMPROVEMENT = "improvement"
    """Everything that had to be proven no worse is shown to be better."""
    FUTILITY = "futility"
    """What is left to ask could hardly decide anything; never a pass."""
    END = "end"
    """Every planned look was made."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the data so far.

    Attributes:
        scenarios: scenarios that were there, over all templates.
        repeats: askings of each.
        trials: trials that were there, both sides.
        level: level of this look's intervals, such as 0.97.
        alpha_spent: error that accusations may have spent after it.
        boundary: what the largest |T| of the gating lines had to exceed, or E of one of them where
            looks come at any time; None if nothing could.
    """

    scenarios: int
    repeats: int
    trials: int
    level: float
    alpha_spent: float
    boundary: float | None


@dataclass(frozen=True, slots=True)
class Stopping:
    """How a comparison that looks several times came to its end.

    Attributes:
        reason: why it stopped.
        looks_planned: looks at the most, those of further repeats included.
        looks: those that were made.
        repeats_planned: askings of each scenario before more were asked for.
        trials_planned: trials if every look had been made.
        trials_made: trials that were needed.
        calls_saved: trials that were not needed and that no store holds an answer to.
        anytime: whether lines were accused by e-processes.
        strict: whether bounded scores were judged whatever their distribution.
    """

    reason: StopReason
    looks_planned: int
    looks: tuple[Look, ...]
    repeats_planned: int
    trials_planned: int
    trials_made: int
    calls_saved: int
    anytime: bool = False
    strict: bool = False

    @property
    def early(self) -> bool:
        """Whether planned trials were left out."""
        return self.trials_made < self.trials_planned
