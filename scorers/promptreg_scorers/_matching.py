"""What `exact`, `contains` and `regex` have in common."""

from __future__ import annotations

from typing import Any

from promptreg import Scale, Scenario, Score, Scorer, Trial, Unscored
from promptreg_scorers._subject import Expected, Subject
from promptreg_scorers._values import at_worst

__all__ = ["Matching"]


class Matching(Scorer):
    """1 where a text matches what is expected, else 0; the other way round with `negate`."""

    def __init__(self, value: Any, field: str, negate: bool, name: str) -> None:
        self._expected = Expected(value)
        self._subject = Subject(field)
        self._wanted = not negate
        self.reads_answer = bool(field)
        self.needs = (field,) if field else ()
        self.scales = (Scale(name, "binary", margin=0.05),)

    def applies(self, scenario: Scenario, scale: Scale) -> bool:
        """Return whether the scenario says what is expected."""
        return self._expected.known(scenario)

    def worst(self, scenario: Scenario, scale: Scale) -> float | None:
        """Return 0; nothing where what is expected cannot be read."""
        return None if self._expected.of(scenario) is None else 0.0

    def score(self, trial: Trial) -> Score | Unscored:
        """Return whether it matches as wished."""
        expected = self._expected.of(trial.scenario)
        if expected is None:
            return self.scales[0].unscored(self._expected.lacking(trial.scenario))
        text = self._subject.of(trial)
        if text is None:
            return at_worst(self, self.scales[0], trial, self._subject.lacking(trial))
        matches = self.matches(text, expected)
        return Score(self.scales[0], 1.0 if matches == self._wanted else 0.0)

    def matches(self, text: str, expected: str) -> bool:
        """Return whether the text matches."""
        raise NotImplementedError
