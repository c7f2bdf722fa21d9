"""One metric of pairs while it is filled in: a value for each side, and how they came about."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from promptreg.pipeline.judging.votes import Ballots
from promptreg.records import Outcome, Preference, Scale, ScoreColumn, Unscored
from promptreg.stages.compare import RunPair

__all__ = ["Sheet", "blank_sheet"]

_ANSWERED = "answered"


@dataclass(slots=True)
class Sheet:
    """What is known of all pairs of one template.

    Attributes:
        scale: of the metric.
        values, outcomes: (2, scenarios, repeats): the baseline's and the candidate's.
        asked: (scenario, repeat) that somebody has to be asked about.
        notes: what was said, or why nothing is known, by scenario, of the first repeat.
        failed: pairs with a failed side.
        same, swapped, opinions, places: see `promptreg.verdicts.Pairwise`.
        ballots: the opinions.
    """

    scale: Scale
    values: np.ndarray
    outcomes: np.ndarray
    asked: list[tuple[int, int]]
    failed: int
    notes: dict[int, str] = field(default_factory=dict)
    same: int = 0
    swapped: int = 0
    opinions: int = 0
    first: int = 0
    second: int = 0
    ballots: Ballots = field(default_factory=lambda: Ballots([], []))

    def take(self, at: tuple[int, int], said: Preference | Unscored, family: str) -> None:
        """Fill in what was said of a pair; where nothing was, it stays a gap."""
        i, repeat = at
        note = said.note if isinstance(said, Preference) else said.reason
        if repeat == 0 and note:
            self.notes[i] = note
        if isinstance(said, Unscored):
            return
        self.values[:, i, repeat] = said.baseline, said.candidate
        self.outcomes[:, i, repeat] = Outcome.SCORED
        if not said.votes:
            self.same += 1
            return
        self.opinions += sum(not math.isnan(vote) for judge in said.votes for vote in judge)
        self.swapped += said.swapped
        self.first += said.places[0]
        self.second += said.places[1]
        self.ballots.families.append(family)
        self.ballots.votes.append(said.votes)

    def columns(self) -> tuple[ScoreColumn, ScoreColumn]:
        """Return the baseline's and the candidate's column."""
        one, two = (
            ScoreColumn(self.scale, values, outcomes.astype(np.uint8))
            for values, outcomes in zip(self.values, self.outcomes, strict=True)
        )
        return one, two


def blank_sheet(pair: RunPair, scale: Scale, applies: Sequence[bool | None]) -> Sheet:
    """Return the sheet before anybody is asked.

    A failed side loses to an answered one, and two failed sides are a tie. Where a side was lost
    to the infrastructure nothing is known of the pair.

    Args:
        pair: both runs.
        scale: of the metric.
        applies: of each scenario, whether the metric applies; None where that cannot be told.
    """
    outcomes = [run.columns[_ANSWERED].outcomes for run in (pair.baseline, pair.candidate)]
    shape = outcomes[0].shape
    values = np.full((2, *shape), math.nan)
    kinds = np.full((2, *shape), int(Outcome.GAP))
    kinds[:, [i for i, applied in enumerate(applies) if applied is False], :] = int(
        Outcome.NOT_APPLICABLE
    )
    known = np.array([applied is True for applied in applies], dtype=bool)[:, None]
    answered = [o == Outcome.SCORED for o in outcomes]
    failed = [o == Outcome.FAILED for o in outcomes]
    decided = known & ((failed[0] | failed[1]) & (failed[0] | answered[0]))
    decided &= failed[1] | answered[1]
    for side in (0, 1):
        values[side][decided] = answered[side][decided]
        kinds[side][decided & failed[side]] = int(Outcome.FAILED)
        kinds[side][decided & answered[side]] = int(Outcome.SCORED)
    asked = [(int(i), int(k)) for i, k in np.argwhere(known & answered[0] & answered[1])]
    return Sheet(scale, values, kinds, asked, int(decided.sum()))
