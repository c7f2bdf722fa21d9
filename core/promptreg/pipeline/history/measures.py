"""Each metric of a run with its interval, over all scenarios and per slice."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from promptreg.past import Measure
from promptreg.pipeline.summary import summarise
from promptreg.policy import OVERALL, Policy
from promptreg.records import Run, ScoreColumn
from promptreg.stages.compare import RunPair
from promptreg.stages.compare.differences import tables_of

__all__ = ["LEVEL", "measures", "scales", "with_overall"]

LEVEL = 0.05
"""One minus the level of the intervals: the same in all runs, whatever their policy said."""
_MOST_VALUES = 200
"""Values of one attribute that are measured; more are no slices."""


def with_overall(run: Run, policy: Policy | None) -> Run:
    """Return the run with the composite as one more metric, where the policy has one.

    Raises:
        KeyError: the run lacks a metric of the composite.
    """
    if policy is None or not policy.overall:
        return run
    pair = RunPair(run.facts.template, run, run)
    table = tables_of(pair, policy, "candidate")[OVERALL]
    values = table.baseline
    column = ScoreColumn(table.scale, values, np.zeros(values.shape, np.uint8))
    return replace(run, columns={OVERALL: column, **run.columns})


def measures(run: Run, slices: Sequence[str]) -> tuple[Measure, ...]:
    """Return every metric that has a finite value: all scenarios first, then each slice."""
    found = list(_of(run, None))
    for attribute in slices:
        values = run.attributes.get(attribute, ())
        distinct = sorted(set(values) - {""})
        if len(distinct) > _MOST_VALUES:
            continue
        for value in distinct:
            rows = np.array([v == value for v in values])
            found += _of(_part(run, rows), (attribute, value))
    return tuple(found)


def scales(run: Run) -> dict[str, tuple[str, str, str]]:
    """Return kind, unit and direction of each metric."""
    return {n: (c.scale.kind, c.scale.unit, c.scale.direction) for n, c in run.columns.items()}


def _of(run: Run, where: tuple[str, str] | None) -> Iterator[Measure]:
    for line in summarise(run, LEVEL):
        if line.value is None or not math.isfinite(line.value):
            continue
        low, high = line.interval or (math.nan, math.nan)
        known = math.isfinite(low) and math.isfinite(high)
        yield Measure(
            line.metric,
            line.value,
            low if known else None,
            high if known else None,
            line.n_scenarios,
            where,
        )


def _part(run: Run, rows: NDArray[np.bool_]) -> Run:
    """Return a run of some of the scenarios."""
    kept = np.flatnonzero(rows).tolist()
    columns = {
        name: replace(column, values=column.values[rows], outcomes=column.outcomes[rows])
        for name, column in run.columns.items()
    }
    return replace(
        run,
        scenario_ids=tuple(run.scenario_ids[i] for i in kept),
        families=tuple(run.families[i] for i in kept),
        columns=columns,
    )
