"""Whether an answer's level is the one that its own score means."""

from __future__ import annotations

from collections.abc import Mapping

from promptreg import Scale, Score, Scorer, Trial
from promptreg.stages.parse import LEVEL_BANDS, level_of
from promptreg_scorers._values import fields_of, number, shown

__all__ = ["RiskLevel"]


class RiskLevel(Scorer):
    """1 where the stated risk level is that of the stated risk score, else 0.

    A contradiction (score 90, level `low`) is no format error: the answer is valid, and this
    metric counts how often it contradicts itself. It compares the answer with itself and not with
    ground truth, so it applies to every scenario; whether the score is right is for `risk_range`.
    Higher is better.

    Example: score 60 with level `high` gives 1, with level `medium` 0.

    A score that is no number agrees with nothing: 0.

    Args:
        score_field: the answer's field with the score (points).
        level_field: the answer's field with the level.
        bands: level to its lowest score; default: low 0, medium 30, high 60, critical 85.
        name: the metric's name.
    """

    def __init__(
        self,
        score_field: str = "risk_score",
        level_field: str = "risk_level",
        bands: Mapping[str, float] | None = None,
        name: str = "risk_level",
    ) -> None:
        self._score_field = score_field
        self._level_field = level_field
        self._bands = LEVEL_BANDS if bands is None else tuple(bands.items())
        starts = [start for _, start in self._bands]
        if len(starts) < 2 or starts != sorted(set(starts)):
            raise ValueError(
                f"bands are {dict(self._bands)!r}; "
                "allowed: at least two levels, their lowest scores ascending"
            )
        self.needs = (score_field, level_field)
        self.scales = (Scale(name, "binary", margin=0.05),)

    def score(self, trial: Trial) -> Score:
        """Return whether both agree; the note names a contradiction."""
        fields = fields_of(trial)
        value, stated = fields.get(self._score_field), fields.get(self._level_field)
        score = number(value)
        if score is None:
            return Score(self.scales[0], 0.0, f"{self._score_field} is {shown(value)}, no number")
        meant = level_of(score, self._bands)
        if stated == meant:
            return Score(self.scales[0], 1.0)
        return Score(self.scales[0], 0.0, f"score {score:g} means {meant}, stated {shown(stated)}")
