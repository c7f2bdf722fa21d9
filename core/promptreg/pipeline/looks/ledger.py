"""The scores of a version so far, from which a run can be made at any look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from promptreg.records import (
    Cause,
    Outcome,
    Run,
    RunFacts,
    Scale,
    Scenario,
    ScoreColumn,
    Trial,
)

__all__ = ["Ledger"]


class Ledger:
    """Collects what the trials of one version contribute.

    Args:
        facts: what identifies the run.
        scenarios: all that may be asked.
        repeats: askings of each at the most.
        scales: one per metric.
        attributes: names of all attributes.
        aggregates: metric to function, for `aggregate` scales.
    """

    def __init__(
        self,
        facts: RunFacts,
        scenarios: Sequence[Scenario],
        repeats: int,
        scales: Sequence[Scale],
        attributes: Sequence[str],
        aggregates: Mapping[str, Callable[..., Any]],
    ) -> None:
        self._facts = facts
        self._scenarios = sorted(scenarios, key=lambda s: s.id)
        self._row = {s.id: i for i, s in enumerate(self._scenarios)}
        self._scales = tuple(scales)
        self._attributes = tuple(attributes)
        self._aggregates = aggregates
        shape = (len(self._scenarios), repeats, len(self._scales))
        self._values = np.full(shape, np.nan)
        self._outcomes = np.full(shape, Outcome.GAP, np.uint8)
        self._asked = np.zeros(len(self._scenarios), np.int64)
        self._causes: Counter[str] = Counter()
        self._absent: set[str] = set()

    def add(self, trial: Trial, outcomes: Mapping[str, tuple[float | None, Outcome]]) -> None:
        """Take one trial, as a run writer does."""
        row = self._row[trial.scenario.id]
        for at, scale in enumerate(self._scales):
            value, outcome = outcomes[scale.name]
            self._values[row, trial.repeat, at] = np.nan if value is None else value
            self._outcomes[row, trial.repeat, at] = outcome
        self._asked[row] += 1
        if trial.failure is not None:
            self._causes[trial.failure.cause] += 1
            if trial.failure.cause is Cause.MISSING:
                self._absent.add(trial.scenario.id)

    def run(self, repeats: int) -> Run:
        """Return the run of the scenarios that were asked so often; it is not stored."""
        rows = np.flatnonzero(self._asked >= repeats)
        there = [self._scenarios[i] for i in rows]
        columns = {
            scale.name: ScoreColumn(
                scale=scale,
                values=self._values[rows, :repeats, at],
                outcomes=self._outcomes[rows, :repeats, at],
                aggregate=self._aggregates.get(scale.name),
            )
            for at, scale in enumerate(self._scales)
        }
        return Run(
            id="(so far)",
            facts=self._facts,
            scenario_ids=tuple(s.id for s in there),
            families=tuple(s.family or s.id for s in there),
            attributes={
                name: tuple(s.attributes.get(name, "") for s in there) for name in self._attributes
            },
            repeats=repeats,
            columns=columns,
            counts={"planned": len(there) * repeats},
            failures=dict(self._causes),
            absent=tuple(sorted(self._absent)),
        )
