"""`run`: versions run and summed up, each metric with its interval, ranked where that is fair."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from promptreg.errors import UsageError
from promptreg.pipeline.execute import Executed, execute
from promptreg.pipeline.parts import make_scoring, policy_for
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.versions import lookup, make_version, serves
from promptreg.pipeline.work import Version
from promptreg.policy import OVERALL, Policy
from promptreg.records import Outcome, Run
from promptreg.stages.compare import RunPair
from promptreg.stages.compare.differences import tables_of
from promptreg.stages.load import RunRef
from promptreg.stats.means import target_mean
from promptreg.stats.ranking import rank
from promptreg.stats.targets import target_share
from promptreg.verdicts import Ranking

__all__ = ["MetricLine", "RunSummary", "run_versions", "summarise"]


@dataclass(frozen=True, slots=True)
class MetricLine:
    """One metric of one run.

    `value` counts failed trials as the worst value and leaves gaps out; `failed` and `gaps` say
    how many of each there are. `interval` is None where no average was taken.
    """

    metric: str
    unit: str
    binary: bool
    value: float | None
    interval: tuple[float, float] | None
    n_scenarios: int
    failed: int
    gaps: int


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run and its metrics."""

    run: Run
    metrics: tuple[MetricLine, ...]


def run_versions(
    project: Project, refs: Sequence[str], options: Options, *, handle_signals: bool = False
) -> tuple[Executed, tuple[RunSummary, ...], tuple[Ranking, ...]]:
    """Run versions and return what came of it, a summary per run, and the ranking.

    Raises:
        UsageError: a reference names nothing that can be run.
        ExecutionError: the work was stopped.
    """
    every = project.every_scenario()
    scenarios = project.narrowed(every, options)
    scoring = make_scoring(project)
    policy = policy_for(project, scoring, every, options)
    versions: list[Version] = []
    for ref in refs:
        found = lookup(project, ref, options)
        if isinstance(found, RunRef):
            raise UsageError(
                f"{ref}: a stored run is not run again; 'rescore' or 'compare' take it"
            )
        for name, template in found.items():
            served = serves(project, name, scenarios)
            if served:
                lane = len(versions)
                versions.append(make_version(project, template, served, lane=lane))
    if not versions:
        raise UsageError(
            "no template serves any of the chosen scenarios; see 'select' and --filter"
        )
    executed = execute(
        project, versions, scenarios, options, scoring, handle_signals=handle_signals
    )
    summaries = tuple(RunSummary(r, summarise(r, policy.alpha)) for r in executed.runs)
    if policy.design is not None:  # each scenario was answered by one version: no places
        told = "what an A/B log holds no answer to counts as missing; another version answered it"
        return replace(executed, warnings=(*executed.warnings, told)), summaries, ()
    return executed, summaries, rankings(executed.runs, policy.of_runs)


def summarise(run: Run, alpha: float) -> tuple[MetricLine, ...]:
    """Return each metric of a run with its interval (families as independent units)."""
    index = {f: i for i, f in enumerate(sorted(set(run.families)))}
    families = np.array([index[f] for f in run.families], dtype=np.intp)
    lines = []
    for name, column in run.columns.items():
        scale = column.scale
        used = ~np.isnan(column.values).any(axis=1)
        rows = column.values[used]
        value: float | None = None
        interval: tuple[float, float] | None = None
        if rows.size and scale.statistic == "aggregate" and column.aggregate is not None:
            whole = float(column.aggregate(rows))
            value = whole if math.isfinite(whole) else None  # not defined on these scenarios
        elif rows.size and scale.kind == "binary":
            share = target_share(rows > 0.5, families[used], alpha)
            value, interval = share.share, (share.low, share.high)
        elif rows.size:
            mean = target_mean(rows, families[used], alpha, low=scale.low, high=scale.high)
            value, interval = mean.share, (mean.low, mean.high)
        lines.append(
            MetricLine(
                metric=name,
                unit=scale.unit,
                binary=scale.kind == "binary",
                value=value,
                interval=interval,
                n_scenarios=int(used.sum()),
                failed=int((column.outcomes == Outcome.FAILED).sum()),
                gaps=int((column.outcomes == Outcome.GAP).sum()),
            )
        )
    return tuple(lines)


def rankings(runs: Sequence[Run], policy: Policy) -> tuple[Ranking, ...]:
    """Return the places of runs that served the same scenarios, with the range the data allow.

    Runs on different scenarios are not ranked against each other; a group of one has no ranking.
    """
    groups: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        groups.setdefault(run.scenario_ids, []).append(run)
    found: list[Ranking] = []
    metric = OVERALL if policy.overall else policy.gating[0]
    for ids, members in groups.items():
        if len(members) < 2 or len({r.id for r in members}) < 2:
            continue
        scores, scale = {}, None
        for run in {r.id: r for r in members}.values():
            source = tables_of(RunPair(run.facts.template, run, run), policy, "candidate")[metric]
            scale = source.scale
            scores[run.id] = source.baseline
        applies = ~np.any([np.isnan(v).any(axis=1) for v in scores.values()], axis=0)
        if scale is None or not applies.any():
            continue
        names = members[0].families
        index = {f: i for i, f in enumerate(sorted(set(names)))}
        families = np.array([index[f] for f in names], dtype=np.intp)[applies]
        by_id = {r.id: r for r in members}
        for place in rank(
            {k: v[applies] for k, v in scores.items()},
            families,
            higher_is_better=scale.higher_is_better,
            alpha=policy.alpha,
            draws=policy.draws,
            seed=len(ids),
        ):
            facts = by_id[place.name].facts
            found.append(
                Ranking(
                    metric=metric,
                    template=facts.template,
                    label=facts.label,
                    mean=place.mean,
                    interval=place.to_best or (0.0, 0.0),
                    best_rank=place.best,
                    worst_rank=place.worst,
                )
            )
    return tuple(found)
