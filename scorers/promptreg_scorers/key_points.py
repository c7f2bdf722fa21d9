"""How many of the points that matter an answer mentions."""

from __future__ import annotations

from typing import Any

from promptreg import Scale, Scenario, Score, Scorer, Trial, Unscored
from promptreg_scorers._values import fields_of, shown, truth

__all__ = ["KeyPoints"]

_MISSED = 3


class KeyPoints(Scorer):
    """Share of the scenario's key points that the answer mentions, 0 to 1.

    A point is mentioned if one of its alternatives, divided by `|`, is part of the fields' text;
    case and the kind and amount of white space do not count. A field that is missing mentions
    nothing. Higher is better.

    Example: points `["pizza box", "porch|front door"]`, reasoning "A courier at the Front  Door":
    0.5.

    Does not apply to scenarios without key points (none is not the same as all). Unscored where
    the ground truth is one text instead of a list, or a point is blank or no text.

    Args:
        field: the field, or fields, in which points may be mentioned.
        truth: the ground-truth column with the list of points.
        name: the metric's name.
    """

    def __init__(
        self,
        field: str | list[str] | None = None,
        truth: str = "key_points",
        name: str = "key_points",
    ) -> None:
        if field is None:
            field = ["reasoning", "summary"]
        self._fields = (field,) if isinstance(field, str) else tuple(field)
        if not self._fields:
            raise ValueError("field is empty; allowed: a field's name, or a list of names")
        self._truth = truth
        self._parsed: dict[tuple[Any, ...], tuple[tuple[str, ...], ...]] = {}
        self.scales = (Scale(name, "bounded", margin=0.05),)

    def applies(self, scenario: Scenario, scale: Scale) -> bool:
        """Return whether the scenario has key points."""
        points = truth(scenario, self._truth)
        return points is not None and not (isinstance(points, (tuple, list)) and not points)

    def worst(self, scenario: Scenario, scale: Scale) -> float | None:
        """Return 0; nothing where the key points cannot be read."""
        return None if isinstance(self.points(scenario), str) else 0.0

    def score(self, trial: Trial) -> Score | Unscored:
        """Return the share; the note names points that are missing."""
        points = self.points(trial.scenario)
        if isinstance(points, str):
            return self.scales[0].unscored(points)
        missed = self.missed(trial, points)
        note = f"missing: {', '.join(a[0] for a in missed[:_MISSED])}" if missed else ""
        return Score(self.scales[0], 1.0 - len(missed) / len(points), note)

    def texts(self, trial: Trial) -> list[str]:
        """Return the texts in which points may be mentioned."""
        fields = fields_of(trial)
        return [value for name in self._fields if isinstance(value := fields.get(name), str)]

    def missed(self, trial: Trial, points: tuple[tuple[str, ...], ...]) -> list[tuple[str, ...]]:
        """Return the points that are not mentioned."""
        # A line break cannot be part of a point, so points never straddle two fields.
        text = "\n".join(map(_folded, self.texts(trial)))
        return [alternatives for alternatives in points if not any(a in text for a in alternatives)]

    def points(self, scenario: Scenario) -> tuple[tuple[str, ...], ...] | str:
        """Return each point's alternatives, or what is wrong with them."""
        found = scenario.ground_truth.get(self._truth)
        if not isinstance(found, (tuple, list)) or not found:
            return f"{self._truth} is {shown(found)}; allowed: a list of texts"
        for point in found:
            if not isinstance(point, str):
                return f"{self._truth} holds {shown(point)}; allowed: texts"
        key = tuple(found)
        points = self._parsed.get(key)
        if points is None:
            points = tuple(_alternatives(point) for point in key)
            self._parsed[key] = points
        if not all(points):
            return f"{self._truth} holds a blank point"
        return points


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _alternatives(point: str) -> tuple[str, ...]:
    return tuple(a for a in map(_folded, point.split("|")) if a)
