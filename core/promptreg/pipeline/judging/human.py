"""Human labels laid over runs: what people and the judge say of the same trials."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from promptreg.errors import DataError, UsageError, did_you_mean
from promptreg.records import Outcome, Run, ScoreColumn
from promptreg.stages.load import Label

__all__ = ["Laid", "lay"]

Floats = NDArray[np.float64]


@dataclass(slots=True)
class Laid:
    """One metric of one run beside its labels.

    Attributes:
        judged: (scenarios, repeats) what the judge says; NaN where it says nothing. Failed trials
            are the worst value, which no judge said.
        raters: name to (scenarios, repeats) what this person says; NaN for nothing.
        failed: (scenarios, repeats) whether the trial failed: its value is known without people.
        families: (scenarios,) as texts.
    """

    judged: Floats
    failed: NDArray[np.bool_]
    families: tuple[str, ...]
    raters: dict[str, Floats] = field(default_factory=dict)

    @property
    def people(self) -> Floats:
        """(scenarios, repeats) the mean over people; NaN where nobody said anything."""
        stacked = np.stack(list(self.raters.values()))
        known = ~np.isnan(stacked)
        count = known.sum(axis=0)
        total = np.where(known, stacked, 0.0).sum(axis=0)
        with np.errstate(invalid="ignore"):
            return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def lay(
    runs: Sequence[Run], labels: Sequence[Label], *, strict: bool = True
) -> tuple[list[dict[str, Laid]], int]:
    """Return, per run and metric, judge and people side by side; and how many labels fit no run.

    Unless `strict`, nothing is raised: what would be is left out and counted.

    Raises:
        DataError: a label names a scenario, dimension or repeat that its run does not have, is off
            the scale, or is of a failed trial, which nobody can have graded.
        UsageError: no label is of these runs.
    """
    laid: list[dict[str, Laid]] = [{} for _ in runs]
    places = [{s: i for i, s in enumerate(run.scenario_ids)} for run in runs]
    left_out = 0
    for label in labels:
        fits = [i for i, run in enumerate(runs) if _fits(label, run)]
        taken = 0
        for i in fits:
            try:
                _take(label, runs[i], places[i], laid[i])
                taken += 1
            except DataError:
                if strict:
                    raise
        left_out += not taken
    if strict and left_out == len(labels):
        known = ", ".join(f"{r.facts.label} (run:{r.id})" for r in runs)
        some = ", ".join(sorted({label.version for label in labels})[:5])
        raise UsageError(f"no label is of {known}; the labels are of {some}")
    return laid, left_out


def _fits(label: Label, run: Run) -> bool:
    if label.template and label.template != run.facts.template:
        return False
    return label.version in (run.facts.label, run.id)


def _take(label: Label, run: Run, places: dict[str, int], laid: dict[str, Laid]) -> None:
    column = run.columns.get(label.dimension)
    if column is None:
        raise DataError(
            f"{label.place}: run {run.id} has no metric {label.dimension!r}"
            f"{did_you_mean(label.dimension, run.columns)}; there are: {', '.join(run.columns)}"
        )
    at = places.get(label.scenario_id)
    if at is None:
        raise DataError(
            f"{label.place}: run {run.id} has no scenario {label.scenario_id!r}"
            f"{did_you_mean(label.scenario_id, places)}"
        )
    if label.repeat >= run.repeats:
        raise DataError(
            f"{label.place}: repeat is {label.repeat}; run {run.id} has 0 to {run.repeats - 1}"
        )
    scale = column.scale
    if not scale.low <= label.label <= scale.high:
        raise DataError(
            f"{label.place}: label is {label.label:g}; {scale.name} goes from {scale.low:g} to "
            f"{scale.high:g}"
        )
    if label.dimension not in laid:
        laid[label.dimension] = _empty(column, run)
    found = laid[label.dimension]
    if found.failed[at, label.repeat]:
        raise DataError(
            f"{label.place}: the trial of scenario {label.scenario_id!r} failed: there is no "
            "answer that could be graded"
        )
    rater = found.raters.setdefault(label.rater, np.full_like(found.judged, math.nan))
    rater[at, label.repeat] = label.label


def _empty(column: ScoreColumn, run: Run) -> Laid:
    failed = column.outcomes == Outcome.FAILED
    scored = column.outcomes == Outcome.SCORED
    return Laid(np.where(scored | failed, column.values, np.nan), failed, run.families)
