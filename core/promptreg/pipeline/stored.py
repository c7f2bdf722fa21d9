"""Finished runs, completed with what only the suite knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from promptreg.pipeline.project import Project
from promptreg.records import Cause, Run, ScenarioSet
from promptreg.stages.score import Scoring
from promptreg.store.runs import load_run, read_trials

__all__ = ["stored_run", "with_absent", "with_worst"]


def stored_run(project: Project, run_id: str, aggregates: Mapping[str, Callable[..., Any]]) -> Run:
    """Return a run from the store.

    Raises:
        UsageError: no run, or more than one, is called so.
        StoreError: it is damaged.
    """
    return with_absent(load_run(project.store, run_id, aggregates))


def with_absent(run: Run) -> Run:
    """Return the run with the scenarios of which recorded completions hold no row."""
    if not run.failures.get(Cause.MISSING):
        return run
    rows = read_trials(run, columns=["scenario_id", "error_cause"])
    absent = {r["scenario_id"] for r in rows if r["error_cause"] == Cause.MISSING}
    return replace(run, absent=tuple(sorted(absent)))


def with_worst(run: Run, scoring: Scoring, scenarios: ScenarioSet) -> Run:
    """Return the run with what a failed trial of each scenario counts as.

    Scenarios that the suite no longer holds get the worst end of the scale.
    """
    known = {s.id: s for s in scenarios.scenarios}
    facts = [scoring.worst(known[i]) if i in known else None for i in run.scenario_ids]
    columns = {}
    for name, column in run.columns.items():
        default = column.scale.worst
        fallback = np.nan if default is None else default
        worst = np.array(
            [fallback if f is None else f.get(name, fallback) for f in facts], dtype=np.float64
        )
        columns[name] = replace(column, worst=worst)
    return replace(run, columns=columns)
