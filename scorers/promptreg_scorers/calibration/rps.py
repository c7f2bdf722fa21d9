"""How far the foretold level is from the right one, on levels that have an order."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any, Literal

from promptreg import Scale, Scenario, Score, Scorer, Trial, Unscored
from promptreg.stages.parse import LEVEL_BANDS, level_of
from promptreg_scorers._values import at_worst, fields_of, number, shown
from promptreg_scorers._values import truth as truth_of

__all__ = ["Rps"]

_FIELDS = {"level": "risk_level", "score": "risk_score", "distribution": "level_probabilities"}
_TOP = 100.0


class Rps(Scorer):
    """Ranked probability score of the four ordered levels, 0 to 1; lower is better.

    The sum over the borders between levels of (F - T)^2, divided by their number: F is the
    probability foretold of lying below the border, T the true one (Epstein 1969, Journal of Applied
    Meteorology 8:985-987). The farther off, the worse; what is given to near levels is rewarded. A
    proper score: whoever states what it believes does best.

    What is foretold (`forecast`):

    - `level`: the stated level, for certain. The score then is the number of levels it is off,
      divided by 3.
    - `score`: any score within `spread` points of the stated one, all equally likely, as far as
      they lie within 0 to 100. A score of 59 and one of 60 then say nearly the same.
    - `distribution`: a field with a probability for each level, such as `{low: 0.7, medium: 0.3}`;
      what adds up to 1 only within 0.01 was rounded, and is scaled.

    What is true is a level, or a range `[low, high]` of scores: a range across a border makes each
    level true with its share of the range. Such a scenario's best possible score with `level` is
    above 0, for both versions alike.

    A failed trial counts as the worst level for the scenario. So does a level that is none, a
    score that is no number from 0 to 100, or a distribution that does not add up to 1: the model's
    own faults.

    Example: range [0, 25] (low), stated level high: 2 / 3. Range [20, 60]: low 0.25, medium 0.75;
    stated low: ((1 - 0.25)^2 + 0 + 0) / 3 = 0.1875.

    Does not apply to scenarios without the ground truth. Unscored where that is neither a level
    nor a range.

    Args:
        forecast: what is foretold.
        field: the answer's field with it; default: risk_level, risk_score, level_probabilities.
        truth: the ground-truth column with a level or a range.
        spread: points, above 0; only for `forecast: score`.
        bands: level to its lowest score; default: low 0, medium 30, high 60, critical 85.
        name: the metric's name.
    """

    def __init__(
        self,
        forecast: Literal["level", "score", "distribution"] = "level",
        field: str = "",
        truth: str = "risk_range",
        spread: float = 10.0,
        bands: Mapping[str, float] | None = None,
        name: str = "rps",
    ) -> None:
        self._bands = LEVEL_BANDS if bands is None else tuple(bands.items())
        starts = [start for _, start in self._bands]
        if len(starts) < 2 or starts != sorted(set(starts)) or starts[0] != 0 or starts[-1] > _TOP:
            raise ValueError(
                f"bands are {dict(self._bands)!r}; allowed: at least two levels, their lowest "
                "scores ascending from 0, at most 100"
            )
        if not 0 < spread <= _TOP:
            raise ValueError(f"spread is {spread:g}; allowed: above 0, up to 100 points")
        self._forecast, self._truth, self._spread = forecast, truth, spread
        self._field = field or _FIELDS[forecast]
        self._levels = [level for level, _ in self._bands]
        self._edges = [*starts, _TOP]
        self.needs = (self._field,)
        self.scales = (Scale(name, "bounded", direction="lower_is_better", margin=0.02),)

    def applies(self, scenario: Scenario, scale: Scale) -> bool:
        """Return whether the scenario says what is right."""
        return truth_of(scenario, self._truth) is not None

    def worst(self, scenario: Scenario, scale: Scale) -> float | None:
        """Return the score of the level that is farthest off; it is the first or the last."""
        true = self._true(scenario)
        return None if isinstance(true, str) else self._farthest(true)

    def score(self, trial: Trial) -> Score | Unscored:
        """Return the score; the note names what is no forecast."""
        scale = self.scales[0]
        true = self._true(trial.scenario)
        if isinstance(true, str):
            return scale.unscored(true)
        value = fields_of(trial).get(self._field)
        if self._forecast == "score":
            found = number(value)
            if found is None or not 0 <= found <= _TOP:
                reason = f"{self._field} is {shown(value)}; allowed: a number 0 to 100"
                return at_worst(self, scale, trial, reason)
            ends = max(0.0, found - self._spread), min(_TOP, found + self._spread)
            return Score(scale, _distance(self._shares(*ends), true))
        stated = self._stated(value)
        if stated is None:
            return Score(scale, self._farthest(true), f"{self._field} is {shown(value)}")
        return Score(scale, _distance(stated, true))

    def _stated(self, value: Any) -> list[float] | None:
        """Return each level's probability; None where the answer gives none."""
        if self._forecast == "level":
            return self._certain(value) if value in self._levels else None
        if not isinstance(value, Mapping) or not set(value) <= set(self._levels):
            return None
        given = [number(value.get(level, 0.0)) for level in self._levels]
        known = [p for p in given if p is not None and 0 <= p <= 1]
        if len(known) < len(given) or not math.isclose(sum(known), 1.0, abs_tol=0.01):
            return None
        return [p / sum(known) for p in known]

    def _true(self, scenario: Scenario) -> list[float] | str:
        """Return each level's true probability, or what is wrong with the ground truth."""
        known = scenario.ground_truth.get(self._truth)
        if isinstance(known, str) and known in self._levels:
            return self._certain(known)
        ends = [number(v) for v in known] if isinstance(known, (list, tuple)) else []
        if len(ends) == 2:
            low, high = ends
            if low is not None and high is not None and 0 <= low <= high <= _TOP:
                if low == high:
                    return self._certain(level_of(low, self._bands))
                return self._shares(low, high)
        levels = ", ".join(self._levels)
        return f"{self._truth} is {shown(known)}; allowed: {levels}, or [low, high] within 0 to 100"

    def _certain(self, level: str) -> list[float]:
        return [1.0 if name == level else 0.0 for name in self._levels]

    def _shares(self, low: float, high: float) -> list[float]:
        """Return how much of the scores from low to high belongs to each level."""
        parts = [
            max(0.0, min(high, end) - max(low, start)) / (high - low)
            for start, end in pairwise(self._edges)
        ]
        if self._edges[-1] == self._edges[-2]:  # the last level is the top score alone
            parts[-1] = 0.0
        return parts

    def _farthest(self, true: Sequence[float]) -> float:
        ends = (self._certain(self._levels[0]), self._certain(self._levels[-1]))
        return max(_distance(end, true) for end in ends)


def _distance(foretold: Sequence[float], true: Sequence[float]) -> float:
    """Return the squared distance of the cumulative shares, 0 to 1."""
    gaps = accumulate(f - t for f, t in zip(foretold, true, strict=True))
    squares = [gap * gap for gap in gaps][:-1]
    return min(1.0, math.fsum(squares) / len(squares))
