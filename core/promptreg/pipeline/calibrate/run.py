"""`calibrate`: asks a version twice, simulates gates from the answers, keeps what was found."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from promptreg.clock import utc_now
from promptreg.pipeline.calibrate.ask import Asked, ask_twice, default_label
from promptreg.pipeline.calibrate.kept import keep
from promptreg.pipeline.calibrate.measure import Measured, measure
from promptreg.pipeline.calibrate.report import Calibrated, CalibrationReport
from promptreg.pipeline.calibrate.words import (
    LABELS_WARNING,
    MORE_WARNING,
    PAIRS_WARNING,
    notes_of,
    warnings_of,
)
from promptreg.pipeline.design import only_paired
from promptreg.pipeline.judging.labelled import labelled_metrics
from promptreg.pipeline.looks.reach import reach_of
from promptreg.pipeline.parts import make_scoring, policy_for
from promptreg.pipeline.project import Options, Project
from promptreg.policy import Policy
from promptreg.stages.compare import RunPair
from promptreg.store.problems import running_version

__all__ = ["SIMULATIONS", "calibrate"]

SIMULATIONS = 400
Tick = Callable[[int, int], None]
"""Told how many gates of how many are simulated."""


def calibrate(
    project: Project,
    ref: str | None,
    options: Options,
    *,
    simulations: int = SIMULATIONS,
    every_metric: bool = False,
    tick: Tick | None = None,
    handle_signals: bool = False,
) -> CalibrationReport:
    """Return the error rates of the gate on this suite under its policy, and keep them.

    Several templates are calibrated together, as one gate decides about them together. Rates of
    made-up answers are returned, and never kept. Simulated gates look as often as the policy
    plans, and never ask for more.

    Args:
        project: the opened suite.
        ref: the version; None for the suite's first.
        options: the command line's word; its `repeats` are those of one side.
        simulations: gates for each rate.
        every_metric: worsen every gating metric in turn, not only those under `prove` and guards.
        tick: told of progress.
        handle_signals: as for `execute`.

    Raises:
        UsageError: the version cannot be asked anew, and too few repeats of it are recorded.
        NotComparableError: too much is missing.
        ExecutionError: the provider, the store or the budget stopped the work; what was completed
            is kept and the same call goes on.
    """
    only_paired(project.suite, "calibrating")
    started = time.perf_counter()
    label = default_label(project, options) if ref is None else ref
    every = project.every_scenario()
    scenarios = project.narrowed(every, options)
    scoring = make_scoring(project)
    asked_for = policy_for(project, scoring, every, options)
    policy = asked_for.without_more.of_runs
    asked = ask_twice(project, label, scenarios, options, scoring, handle_signals=handle_signals)
    measured = measure(
        asked.pairs,
        policy,
        reach_of(asked.scenarios, policy, scoring),
        simulations=simulations,
        every_metric=every_metric,
        tick=tick or (lambda done, total: None),
    )
    report = _report(project, label, asked, policy, measured, simulations, started)
    if asked_for.looks.more_repeats:
        report = replace(report, warnings=(*report.warnings, MORE_WARNING))
    if asked_for.pairs_gate:
        told = PAIRS_WARNING.format(", ".join(asked_for.pairs_gate))
        report = replace(report, warnings=(*report.warnings, told))
    if labelled := labelled_metrics(scoring):
        told = LABELS_WARNING.format(", ".join(labelled))
        report = replace(report, warnings=(*report.warnings, told))
    if not report.synthetic:
        keep(project, report)
    return report


def _report(
    project: Project,
    label: str,
    asked: Asked,
    policy: Policy,
    measured: Measured,
    simulations: int,
    started: float,
) -> CalibrationReport:
    facts = asked.pairs[0].baseline.facts
    tally = asked.executed.tally
    return CalibrationReport(
        suite=project.suite.suite,
        label=label,
        templates=tuple(_calibrated(pair) for pair in asked.pairs),
        fingerprints={k: v for k, v in facts.fingerprints.items() if k != "scenarios"},
        policy_sha256=policy.sha256,
        looks=policy.looks.looks,
        alpha=policy.alpha,
        version=running_version(),
        provider=facts.provider,
        synthetic=facts.synthetic,
        partial=facts.partial,
        created_at=utc_now(),
        repeats=asked.pairs[0].baseline.repeats,
        simulations=simulations,
        draws=measured.draws,
        again=measured.again,
        same=measured.same,
        as_asked=measured.as_asked,
        injected=measured.injected,
        impossible=measured.impossible,
        noise=measured.noise,
        texts=measured.texts,
        spend=measured.spend,
        planned=tally.planned,
        cached=tally.cached,
        called=tally.called,
        cost=tally.cost,
        duration_s=time.perf_counter() - started,
        warnings=(*asked.executed.warnings, *warnings_of(measured, facts, policy)),
        notes=tuple(notes_of(measured)),
    )


def _calibrated(pair: RunPair) -> Calibrated:
    facts = pair.baseline.facts
    return Calibrated(
        template=pair.template,
        label=facts.label,
        template_sha256=facts.template_sha256,
        scenarios_sha256=facts.fingerprints.get("scenarios", ""),
        n_scenarios=len(pair.scenario_ids),
        n_families=len(set(pair.baseline.families)),
    )
