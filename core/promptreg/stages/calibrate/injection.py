"""Worsenings of known size, put into one side of a simulated gate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from promptreg.policy import OVERALL, Policy
from promptreg.records import Outcome, Run, ScoreColumn
from promptreg.stages.calibrate.pool import Pool

__all__ = ["Impossible", "Injection", "plan_injections", "worsened"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Injection:
    """One worsening of one metric by a known amount.

    Attributes:
        template, metric: what worsens.
        where: the scenarios in which it worsens (a guard's slice); empty for all.
        times_margin: the size in margins.
        size: the expected worsening of the metric's mean in its own unit; a ratio for metrics
            that are compared as ratios.
        how: `worst`: each trial is replaced by its worst value with probability `amount`;
            `ratio`: each answered trial is multiplied (or, where more is better, divided) by
            `amount`; `shift`: `amount` is added to each trial.
        amount: see `how`.
        columns: the metrics that are changed together: the metric itself, or the members of the
            composite.
    """

    template: str
    metric: str
    where: Mapping[str, str]
    times_margin: float
    size: float
    how: Literal["worst", "ratio", "shift"]
    amount: float
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Impossible:
    """A metric that cannot be made worse by a known amount, and why."""

    template: str
    metric: str
    where: Mapping[str, str]
    times_margin: float
    reason: str


def plan_injections(
    pool: Pool,
    policy: Policy,
    overall: Floats | None,
    *,
    sizes: Sequence[float] = (1.0, 2.0),
    every: bool = False,
) -> tuple[list[Injection], list[Impossible]]:
    """Return the worsenings of one template.

    The share of trials to be replaced is chosen such that the expected change of the metric's
    mean over the completions at hand is exactly so many margins: `q = size / mean(value - worst)`.
    The composite is worsened by replacing all its members in the same trials, as a lost answer
    does: its worst is 0, thus `q = size / mean(overall)`.

    Args:
        pool: the completions.
        policy: names metrics, margins and guards.
        overall: the composite of each completion, same shape as the pool's columns.
        sizes: in margins.
        every: worsen each gating metric in turn rather than those under `prove` and the guards.
    """
    targets: list[tuple[str, Mapping[str, str], float]] = [
        (name, {}, policy.margins[name]) for name in policy.gating if every or name in policy.prove
    ]
    targets += [(guard.metric, guard.where, guard.margin) for guard in policy.guards]
    made: list[Injection] = []
    not_made: list[Impossible] = []
    for metric, where, margin in targets:
        for times in sizes:
            found = _plan(pool, policy, overall, metric, where, margin, times)
            if isinstance(found, Injection):
                made.append(found)
            else:
                not_made.append(Impossible(pool.template, metric, where, times, found))
    return made, not_made


def _plan(
    pool: Pool,
    policy: Policy,
    overall: Floats | None,
    metric: str,
    where: Mapping[str, str],
    margin: float,
    times: float,
) -> Injection | str:
    """Return the injection, or why there is none."""
    rows = _where(pool.run, where)
    members = tuple(dict.fromkeys(m for names in policy.overall.values() for m in names))
    columns = members if metric == OVERALL else (metric,)

    def injection(how: Literal["worst", "ratio", "shift"], size: float, amount: float) -> Injection:
        return Injection(pool.template, metric, where, times, size, how, amount, columns)

    if metric == OVERALL:
        values = np.empty(0) if overall is None else overall[rows]
        distance = _mean(values)
    else:
        column = pool.run.columns[metric]
        scale = column.scale
        if scale.statistic == "aggregate":
            return "it is no average over trials, so a change of known size cannot be put into it"
        usable = rows & _applies(column)
        if scale.statistic != "mean":
            ratio = 1 + times * (margin - 1)
            return injection("ratio", ratio, ratio) if usable.any() else "it applies nowhere"
        worst = _worst(column)[usable]
        if not np.isfinite(worst).all():
            return injection("shift", times * margin, times * margin)
        distance = _mean(np.abs(column.values[usable] - worst[:, None]))
    size = times * margin
    if distance is None:
        return "it applies nowhere"
    if distance < size:
        return (
            f"it is only {distance:.3g} away from its worst value on average, so it cannot worsen "
            f"by {size:.3g}"
        )
    return injection("worst", size, size / distance)


def worsened(candidate: Run, injection: Injection, rng: np.random.Generator) -> Run:
    """Return the run with the worsening in it; gaps stay gaps."""
    rows = _where(candidate, injection.where)
    columns = dict(candidate.columns)
    shape = columns[injection.columns[0]].values.shape
    hit = rows[:, None] & (rng.random(shape) < injection.amount)
    for name in injection.columns:
        column = columns[name]
        if injection.how == "worst":
            known = ~np.isnan(column.values)
            worst = np.broadcast_to(_worst(column)[:, None], shape)
            values = np.where(hit & known, worst, column.values)
        else:
            answered = rows[:, None] & (column.outcomes == Outcome.SCORED)
            values = np.where(answered, _moved(column, injection), column.values)
        columns[name] = replace(column, values=values)
    return replace(candidate, columns=columns)


def _moved(column: ScoreColumn, injection: Injection) -> Floats:
    higher = column.scale.higher_is_better
    if injection.how == "ratio":
        return column.values / injection.amount if higher else column.values * injection.amount
    return column.values - injection.amount if higher else column.values + injection.amount


def _where(run: Run, where: Mapping[str, str]) -> NDArray[np.bool_]:
    mask = np.ones(len(run.scenario_ids), dtype=bool)
    for attribute, value in where.items():
        values = run.attributes.get(attribute, ("",) * len(mask))
        mask &= np.array([v == value for v in values], dtype=bool)
    return mask


def _applies(column: ScoreColumn) -> NDArray[np.bool_]:
    """Return which scenarios the metric applies to in every completion."""
    return np.asarray(~(column.outcomes == Outcome.NOT_APPLICABLE).any(axis=1))


def _worst(column: ScoreColumn) -> Floats:
    """Return what a failed trial of each scenario counts as; infinite where the range is open."""
    end = column.scale.worst
    fallback = math.inf if end is None else end
    if column.worst is None:
        return np.full(len(column.values), fallback)
    return np.where(np.isnan(column.worst), fallback, column.worst)


def _mean(values: Floats) -> float | None:
    """Return the mean over scenarios of their means, gaps left out; None without any value."""
    known = ~np.isnan(values)
    if not known.any():
        return None
    counts = known.sum(axis=1)
    sums = np.where(known, values, 0.0).sum(axis=1)
    return float((sums[counts > 0] / counts[counts > 0]).mean())
