"""One metric over versions and dates, and whether unchanged versions drifted."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from promptreg.errors import PromptregError, UsageError
from promptreg.past import Measure, PastRun, Wanted
from promptreg.pipeline.history.recall import Recall
from promptreg.pipeline.project import Project
from promptreg.protocols import History
from promptreg.records import Run
from promptreg.stats.drift import ALPHA, Look, control_chart
from promptreg.store.manifest import MANIFEST, TABLE
from promptreg.store.run_reader import read_run

__all__ = ["Chart", "Point", "trend"]

_SHAPING = ("scenarios", "scorers", "parser", "repeats")
"""Fingerprints that shape what is measured. Runs that differ in them are not on one chart; runs
that differ in others (model, provider, sampling) are: that is what drifts."""


@dataclass(frozen=True, slots=True)
class Point:
    """One run on a chart.

    Attributes:
        run: the run.
        measure: the metric.
        look: what it says against the earlier runs of the same version; None: not looked at.
        changed: fingerprints that differ from the run before it on the chart, such as `model`.
        problem: why it was not looked at; empty if it was.
    """

    run: PastRun
    measure: Measure
    look: Look | None = None
    changed: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A metric of one template, the oldest run first.

    Attributes:
        template, metric: which one.
        where: the slice; None: all scenarios.
        unit, binary, direction: of the metric.
        points: the runs.
        alpha: false alarms per look, at most.
    """

    template: str
    metric: str
    where: tuple[str, str] | None
    unit: str
    binary: bool
    direction: str
    points: tuple[Point, ...]
    alpha: float


def trend(
    project: Project,
    history: History,
    metric: str,
    wanted: Wanted,
    *,
    where: tuple[str, str] | None = None,
    every: bool = False,
    alpha: float = ALPHA,
) -> list[Chart]:
    """Return one chart per template.

    Args:
        project: the opened suite.
        history: where runs are.
        metric: its name.
        wanted: which runs.
        where: attribute and value of a slice.
        every: runs of a part of the scenarios and of a scripted provider, too.
        alpha: false alarms per look.

    Raises:
        UsageError: no run has the metric.
    """
    found = [r for r in history.runs(wanted) if every or not (r.partial or r.synthetic)]
    found.sort(key=lambda r: (r.created_at, r.id))
    by_template: dict[str, list[PastRun]] = {}
    for run in found:
        if run.measure(metric, where) is not None:
            by_template.setdefault(run.template, []).append(run)
    if not by_template:
        known = sorted({m.metric for r in found for m in r.measures if m.slice == where})
        raise UsageError(
            f"no run in the history has {metric!r:.80}"
            + (f" of {where[0]}={where[1]}" if where else "")
            + (f"; there are: {', '.join(known)}" if known else f" ({len(found)} runs fit)")
        )
    values = _Values(project, history, metric, where)
    return [_chart(name, runs, metric, where, values, alpha) for name, runs in by_template.items()]


def _chart(
    template: str,
    runs: Sequence[PastRun],
    metric: str,
    where: tuple[str, str] | None,
    values: _Values,
    alpha: float,
) -> Chart:
    points: dict[str, Point] = {}
    groups: dict[tuple[str, ...], list[PastRun]] = {}
    for run in runs:
        shape = (run.template_sha256, *(run.fingerprints.get(name, "") for name in _SHAPING))
        groups.setdefault(shape, []).append(run)
        measure = run.measure(metric, where)
        assert measure is not None  # noqa: S101 - runs without it were left out
        points[run.id] = Point(run, measure)
    for group in groups.values():
        for point in _watched([points[r.id] for r in group], values, alpha):
            points[point.run.id] = point
    kind, unit, direction = next(
        (r.scales[metric] for r in reversed(runs) if metric in r.scales), ("bounded", "", "")
    )
    ordered = tuple(points[r.id] for r in runs)
    return Chart(template, metric, where, unit, kind == "binary", direction, ordered, alpha)


def _watched(points: Sequence[Point], values: _Values, alpha: float) -> list[Point]:
    """Return the runs of one unchanged version with what each says against those before it."""
    named = [points[0]] if points else []
    for before, point in pairwise(points):
        named.append(replace(point, changed=_changed(before.run, point.run)))
    loaded: dict[str, Run] = {}
    for i, point in enumerate(named):
        try:
            loaded[point.run.id] = values.run(point.run)
        except PromptregError as e:
            named[i] = replace(point, problem=str(e))
    kept = [p for p in named if not p.problem]
    if len(kept) < 2:
        return named
    first = loaded[kept[0].run.id]
    rows = np.stack([values.of(loaded[p.run.id], first) for p in kept])
    index = {f: i for i, f in enumerate(sorted(set(first.families)))}
    seed = hashlib.sha256(f"{values.metric}{kept[0].run.template_sha256}".encode()).digest()[:8]
    looks = control_chart(
        rows,
        [index[f] for f in first.families],
        alpha=alpha,
        seed=int.from_bytes(seed, "big"),
    )
    seen: Mapping[str, Look] = {p.run.id: look for p, look in zip(kept, looks, strict=True)}
    return [replace(p, look=seen.get(p.run.id)) for p in named]


def _changed(before: PastRun, after: PastRun) -> tuple[str, ...]:
    names = sorted({*before.fingerprints, *after.fingerprints})
    return tuple(n for n in names if before.fingerprints.get(n) != after.fingerprints.get(n))


class _Values:
    """Scores by scenario: from the run store where they are, else from the history."""

    def __init__(
        self, project: Project, history: History, metric: str, where: tuple[str, str] | None
    ) -> None:
        self.metric = metric
        self._where = where
        self._history = history
        self._recall = Recall(project)
        self._folder = project.store / "history" / "fetched"

    def run(self, past: PastRun) -> Run:
        """Return a run with its scores.

        Raises:
            PromptregError: they are neither here nor in the history.
        """
        try:
            found = self._recall.load(past.id)
        except PromptregError:
            found = self._recall.complete(read_run(self._fetched(past)))
        if self.metric not in found.columns:
            raise UsageError(f"the suite as it is now has no {self.metric!r} for run {past.id}")
        return found

    def _fetched(self, past: PastRun) -> Path:
        folder = self._folder / past.id
        for name in (MANIFEST, TABLE):
            place = folder / name
            if place.exists():
                continue
            found = self._history.fetch(past, name, folder)
            if found is None:
                raise UsageError(f"the trials of run {past.id} were not recorded")
            if found != place:  # it lies where the history keeps it
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(found, place)
        return folder

    def of(self, run: Run, first: Run) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Return one value per scenario of the chart's first run: the mean over repeats."""
        column = run.columns[self.metric].values
        with np.errstate(invalid="ignore"):
            means = column.mean(axis=1)  # NaN where any repeat has none
        place = {id_: i for i, id_ in enumerate(run.scenario_ids)}
        found = [means[place[id_]] if id_ in place else np.nan for id_ in first.scenario_ids]
        values = np.array(found, dtype=np.float64)
        if self._where is not None:
            attribute, value = self._where
            inside = np.array([v == value for v in first.attributes.get(attribute, ())])
            values[~inside if len(inside) else slice(None)] = np.nan
        return values
