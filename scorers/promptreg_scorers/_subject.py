"""The text that a scorer looks at, and the text it is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from promptreg import Scenario, Trial
from promptreg_scorers._values import column_of, fields_of, shown, truth, word

__all__ = ["Expected", "Subject"]


class Subject:
    """Where the text comes from: a field of the answer, or the completion's visible text.

    Args:
        field: the field; empty for the visible text (without thinking).
    """

    def __init__(self, field: str) -> None:
        self.field = field

    def of(self, trial: Trial) -> str | None:
        """Return the text; None where the field is missing or no text, number or boolean."""
        fields = fields_of(trial)
        if self.field:
            value = fields.get(self.field)
            return word(value) if isinstance(value, (str, int, float)) else None
        if trial.completion is None:
            return None
        # imported late: it is needed here only, and most suites look at fields
        from promptreg.stages.parse import split_thinking

        return split_thinking(trial.completion.text).visible

    def lacking(self, trial: Trial) -> str:
        """Return why there is no text."""
        if not self.field:
            return "there is no completion"
        return f"{self.field} is {shown(fields_of(trial).get(self.field))}, no text"


class Expected:
    """What the text is compared with: given in the suite, or by each scenario.

    Args:
        value: the text (numbers and booleans are written as words), or `{ground_truth: COLUMN}`.

    Raises:
        ValueError: it is neither.
    """

    def __init__(self, value: Any) -> None:
        self.column = column_of(value, "value") if isinstance(value, Mapping) else ""
        self._text = "" if self.column else word(value)
        if not self.column and not self._text:
            raise ValueError("value is empty; allowed: a text, or {ground_truth: COLUMN}")

    def known(self, scenario: Scenario) -> bool:
        """Return whether there is anything to compare with."""
        return not self.column or truth(scenario, self.column) is not None

    def of(self, scenario: Scenario) -> str | None:
        """Return the text; None where the ground truth is no text, number or boolean."""
        if not self.column:
            return self._text
        value = truth(scenario, self.column)
        return word(value) if isinstance(value, (str, int, float)) else None

    def lacking(self, scenario: Scenario) -> str:
        """Return why there is nothing to compare with."""
        return f"{self.column} is {shown(scenario.ground_truth.get(self.column))}, no text"
