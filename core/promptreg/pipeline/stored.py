"""Finished runs, completed with what only the suite knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from promptreg.pipeline.project import Project
from promptreg.records import Cause, Run
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


def with_worst(run: Run, worst: Mapping[str, Mapping[str, float]]) -> Run:
    """Return the run with what a failed trial of each scenario counts as.

    Args:
        run: the run.
        worst: scenario id to metric to value; what is not named there gets the worst end of the
            scale.
    """
    known = [worst.get(scenario_id, {}) for scenario_id in run.scenario_ids]
    columns = {}
    for name, column in run.columns.items():
        end = column.scale.worst
        fallback = np.nan if end is None else end
        values = np.array([facts.get(name, fallback) for facts in known], dtype=np.float64)
        columns[name] = replace(column, worst=values)
    return replace(run, columns=columns)
