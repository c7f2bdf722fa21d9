"""Numbers and texts out of trials and scenarios, with the reason where there is none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from promptreg import Scale, Scenario, Score, Scorer, Trial, Unscored

__all__ = [
    "absent",
    "at_worst",
    "column_of",
    "fields_of",
    "metric_name",
    "number",
    "shown",
    "truth",
    "word",
]

_SHOWN = 60


def fields_of(trial: Trial) -> Mapping[str, Any]:
    """Return the fields of the answer; none where there is no answer."""
    return trial.answer.fields if trial.answer is not None else {}


def at_worst(scorer: Scorer, scale: Scale, trial: Trial, reason: str) -> Score | Unscored:
    """Return what a failed trial counts as, for an answer whose own value is none.

    A number out of range or a text in its place is the model's doing, not the scorer's: left
    unscored, a version that answers so could never be accused. The note keeps the reason.
    """
    worst = scorer.worst(trial.scenario, scale)
    return scale.unscored(reason) if worst is None else Score(scale, worst, reason)


def number(value: Any) -> float | None:
    """Return a finite number as float; None for anything else, booleans included."""
    if type(value) is not int and not isinstance(value, float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def shown(value: Any) -> str:
    """Return a value as Python would write it, shortened."""
    text = repr(value[:_SHOWN] if isinstance(value, str) else value)
    return text if len(text) <= _SHOWN + 2 else text[:_SHOWN] + "..."


def absent(value: Any) -> bool:
    """Return whether a ground-truth value is not there: None, or the NaN of an empty cell."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def word(value: Any) -> str:
    """Return a value as a word for comparisons: `true`, `30` (also for 30.0), `porch`."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value)
    return text.lower() if text in ("True", "False") else text


def metric_name(text: str) -> str:
    """Return a text as a metric's name: lower case, anything else becomes `_`."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "_.:-") else "_" for c in text.lower())


def column_of(setting: Mapping[str, str], where: str) -> str:
    """Return the column of `{ground_truth: COLUMN}`.

    Raises:
        ValueError: the mapping says something else.
    """
    if set(setting) != {"ground_truth"}:
        raise ValueError(
            f"{where} is {dict(setting)!r}; allowed: a value, or {{ground_truth: COLUMN}}"
        )
    return setting["ground_truth"]


def truth(scenario: Scenario, column: str) -> Any:
    """Return a scenario's ground truth; None where it has none."""
    value = scenario.ground_truth.get(column)
    return None if absent(value) else value
