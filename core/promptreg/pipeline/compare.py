"""`compare`: run what is missing of both sides, interleaved, and say what changed."""

from __future__ import annotations

import time

from promptreg.pipeline.conclude import conclude
from promptreg.pipeline.judging.labelled import labelled_by
from promptreg.pipeline.parts import make_scoring, policy_for
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.sides import run_sides
from promptreg.verdicts import Comparison

__all__ = ["compare"]


def compare(
    project: Project, ref_a: str, ref_b: str, options: Options, *, handle_signals: bool = False
) -> Comparison:
    """Return the comparison of candidate `ref_b` against baseline `ref_a`.

    Trials that are in the store are not asked again.

    Raises:
        NotComparableError: the sides differ in more than the template, or too much is missing.
        ExecutionError: the provider, the store or the budget stopped the work.
        UsageError: a reference, the suite or a template is wrong.
    """
    started = time.perf_counter()
    every = project.every_scenario()
    scenarios = project.narrowed(every, options)
    scoring = make_scoring(project)
    policy = policy_for(project, scoring, every, options)
    people = labelled_by(project, scoring)
    sides = run_sides(project, ref_a, ref_b, scenarios, options, scoring, policy, handle_signals)
    comparison = conclude(
        project, (ref_a, ref_b), sides, scenarios, options, scoring, policy, started, people=people
    )
    project.tell(comparison)
    return comparison
