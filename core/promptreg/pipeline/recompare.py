"""A comparison made once more from its stored runs: no provider is asked, nothing is run."""

from __future__ import annotations

import time
from collections.abc import Mapping

from promptreg.pipeline.conclude import conclude
from promptreg.pipeline.judging.labelled import labelled_by
from promptreg.pipeline.parts import make_scoring, policy_for
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.sides import Sides
from promptreg.pipeline.stored import stored_run
from promptreg.verdicts import Comparison

__all__ = ["compare_again"]


def compare_again(
    project: Project,
    labels: tuple[str, str],
    runs: tuple[Mapping[str, str], Mapping[str, str]],
    options: Options,
) -> Comparison:
    """Return the comparison that these runs give, as it was when they were made.

    For a second process that needs the same numbers; failed calls are not made anew. What judges of
    pairs said is read from the run store (with `--no-cache` they are asked again). Not for
    comparisons that were judged while their data came (`Comparison.stopping`).

    Args:
        project: the opened suite.
        labels: what both sides are called.
        runs: of both sides, template to run id.
        options: as in the comparison that made the runs.

    Raises:
        NotComparableError: the sides differ in more than the template, or too much is missing.
        UsageError, StoreError: a run is gone or damaged.
    """
    started = time.perf_counter()
    scoring = make_scoring(project)
    every = project.every_scenario()
    scenarios = project.narrowed(every, options)
    policy = policy_for(project, scoring, every, options)
    baseline, candidate = (
        {name: stored_run(project, run, scoring.aggregates) for name, run in side.items()}
        for side in runs
    )
    return conclude(
        project,
        labels,
        Sides(baseline, candidate),
        scenarios,
        options,
        scoring,
        policy,
        started,
        people=labelled_by(project, scoring),
    )
