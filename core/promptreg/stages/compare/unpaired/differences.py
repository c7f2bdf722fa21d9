"""Every difference of an unpaired comparison, each with its verdict."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from promptreg import numbers
from promptreg.policy import Policy
from promptreg.records import Outcome, Run, Scale
from promptreg.stages.compare.differences import difference_of, names_of, tables_of
from promptreg.stages.compare.hints import hints
from promptreg.stages.compare.lines import Line, slice_lines, whole_lines
from promptreg.stages.compare.pairs import RunPair, Table
from promptreg.stages.compare.unpaired.sides import ArmPair
from promptreg.stats.analysis import PairedResult, reconcile
from promptreg.stats.unpaired.analysis import ArmScores, analyse_unpaired
from promptreg.verdicts import Difference

__all__ = ["compare_arms", "complete_case_arms", "unequal_arms"]

Mask = NDArray[np.bool_]
_ANSWERED = "answered"
_HINT_DRAWS = 1_999
"""Slices are many and only hints: their p-values need no fourth digit."""


@dataclass(frozen=True, slots=True)
class _Data:
    """All that lines are made of.

    Attributes:
        arms: template to its sides.
        tables: favoured side to template to metric to its values; empty where not held.
        units: name of a unit to its number.
        assigned: whether each unit was drawn for the candidate.
    """

    arms: Mapping[str, ArmPair]
    tables: Mapping[str, Mapping[str, Mapping[str, Table]]]
    units: Mapping[str, int]
    assigned: Mask


def compare_arms(arms: Sequence[ArmPair], policy: Policy, *, seed: int) -> tuple[Difference, ...]:
    """Return every difference: gating metrics first, then guards, shown metrics, slices.

    As for pairs: all gating lines of all templates are one family of tests and share their draws;
    gaps favour either side in turn, and a verdict stands only if it is the same both ways.

    Args:
        arms: one per template.
        policy: what gates, by which margins.
        seed: seed of the permutations.
    """
    data = _gathered(arms, policy)
    pairs = [arm.pair for arm in arms]
    whole = list(whole_lines(pairs, policy))
    rough = replace(policy, draws=min(policy.draws, max(_HINT_DRAWS, math.ceil(20 / policy.alpha))))
    results = _analyse(whole, data, policy, seed)
    found = [_difference(line, r, data) for line, r in zip(whole, results, strict=True)]

    def analysed(part: Sequence[Line]) -> list[tuple[Difference, PairedResult]]:
        results = _analyse(part, data, rough, seed)
        return [(_difference(line, r, data), r) for line, r in zip(part, results, strict=True)]

    return (*found, *hints(slice_lines(pairs, policy), analysed, policy))


def unequal_arms(arms: Sequence[ArmPair], policy: Policy, *, seed: int) -> Iterator[str]:
    """Yield what a reader must know where one side failed or was lost more often than the other."""
    data = _gathered(arms, replace(policy, scales={}, overall={}))
    for arm in arms:
        name = f"template {arm.template}: " if len(arms) > 1 else ""
        for outcome, what, effect in (
            (Outcome.FAILED, "failed", "each counts as the worst value on every quality metric"),
            (
                Outcome.GAP,
                "were lost to the infrastructure",
                "verdicts stand only if they stand both ways",
            ),
        ):
            sides = [
                (run.columns[_ANSWERED].outcomes == outcome)[held]
                for run, held in zip((arm.pair.baseline, arm.pair.candidate), arm.held, strict=True)
            ]
            if not any(side.any() for side in sides):
                continue
            scale = Scale("losses", "binary", direction="lower_is_better")
            values = [side.astype(np.float64) for side in sides]
            scores = _scores("losses", scale, values, list(arm.held), arm, data, 0.05, gating=False)
            (r,) = _once([scores], data, policy, seed)
            if r.p_value <= policy.alpha:
                counts = " and ".join(
                    f"{int(side.sum()):,} of {side.size:,} trials of the {word}"
                    for side, word in zip(sides, ("baseline", "candidate"), strict=True)
                )
                yield f"{name}{counts} {what} (p {numbers.p_value(r.p_value)}); {effect}"


def _gathered(arms: Sequence[ArmPair], policy: Policy) -> _Data:
    names = sorted({name for arm in arms for name in arm.units})
    units = {name: i for i, name in enumerate(names)}
    assigned = np.zeros(len(names), dtype=bool)
    for arm in arms:
        for name, mine in zip(arm.units, arm.held[1], strict=True):
            assigned[units[name]] |= bool(mine)
    return _Data(
        arms={arm.template: arm for arm in arms},
        tables={
            favour: {arm.template: _tables(arm, policy, favour) for arm in arms}
            for favour in ("baseline", "candidate")
        },
        units=units,
        assigned=assigned,
    )


def _tables(arm: ArmPair, policy: Policy, favour: str) -> dict[str, Table]:
    """Return the values of every metric; each side's from its own run alone.

    `applies` says where the side that holds a scenario has a value of it.
    """
    if not policy.scales:
        return {}
    mine = [
        tables_of(RunPair(arm.template, run, run), policy, favour)
        for run in (arm.pair.baseline, arm.pair.candidate)
    ]
    found = {}
    held_b, held_c = arm.held
    for metric, before in mine[0].items():
        after = mine[1][metric]
        missing = np.zeros_like(before.missing)
        missing[held_b, 0] = before.missing[held_b, 0]
        missing[held_c, 1] = after.missing[held_c, 1]
        found[metric] = Table(
            scale=before.scale,
            baseline=before.baseline,
            candidate=after.candidate,
            applies=(before.applies & held_b) | (after.applies & held_c),
            missing=missing,
            excluded=_excluded(arm, metric),
            # Scenarios that a side never had are no gaps of it.
            has_gaps=_has_gaps(arm, metric, policy),
            aggregate=before.aggregate,
        )
    return found


def _has_gaps(arm: ArmPair, metric: str, policy: Policy) -> bool:
    if metric in arm.baseline.columns:
        names: Sequence[str] = (metric,)
    else:  # the composite
        names = [name for block in policy.overall.values() for name in block]
    return any(
        bool((run.columns[name].outcomes == Outcome.GAP).any())
        for run in (arm.baseline, arm.candidate)
        for name in names
    )


def _excluded(arm: ArmPair, metric: str) -> int:
    """Return how many scenarios have gaps that an open range cannot bound."""
    count = 0
    for run in (arm.baseline, arm.candidate):
        column = run.columns.get(metric)
        if column is not None and (column.scale.best is None or column.scale.worst is None):
            count += int((column.outcomes == Outcome.GAP).any(axis=1).sum())
    return count


def _analyse(lines: Sequence[Line], data: _Data, policy: Policy, seed: int) -> list[PairedResult]:
    names = names_of(lines)

    def once(favour: Literal["baseline", "candidate"]) -> list[PairedResult]:
        scores = [
            _line_scores(line, data, name, favour) for line, name in zip(lines, names, strict=True)
        ]
        found = _once(scores, data, policy, seed)
        return [replace(r, name=line.metric) for r, line in zip(found, lines, strict=True)]

    against = once("baseline")
    if not any(data.tables["baseline"][x.pair.template][x.metric].has_gaps for x in lines):
        return against
    return [reconcile(a, b) for a, b in zip(against, once("candidate"), strict=True)]


def _once(
    scores: Sequence[ArmScores], data: _Data, policy: Policy, seed: int
) -> list[PairedResult]:
    return analyse_unpaired(
        scores,
        data.assigned,
        alpha=policy.alpha,
        draws=policy.draws,
        seed=seed,
        exact=policy.exact,
    )


def _line_scores(line: Line, data: _Data, name: str, favour: str) -> ArmScores:
    arm, source = data.arms[line.pair.template], data.tables[favour][line.pair.template]
    table = source[line.metric]
    keep = [table.applies & line.mask & held for held in arm.held]
    values = [table.baseline[keep[0]], table.candidate[keep[1]]]
    return _scores(
        name, table.scale, values, keep, arm, data, line.margin, line.gating, table.aggregate
    )


def _scores(
    name: str,
    scale: Scale,
    values: Sequence[NDArray[np.float64]],
    keep: Sequence[Mask],
    arm: ArmPair,
    data: _Data,
    margin: float,
    gating: bool,
    aggregate: object = None,
) -> ArmScores:
    index = np.array([data.units[u] for u in arm.units], dtype=np.intp)
    return ArmScores(
        name=name,
        kind=scale.kind,
        baseline=values[0],
        candidate=values[1],
        baseline_units=index[keep[0]],
        candidate_units=index[keep[1]],
        low=scale.low,
        high=scale.high,
        higher_is_better=scale.higher_is_better,
        margin=margin,
        statistic=scale.statistic,
        gating=gating,
        aggregate=cast("Callable[[NDArray[Any]], float] | None", aggregate),
    )


def _difference(line: Line, r: PairedResult, data: _Data) -> Difference:
    arm = data.arms[line.pair.template]
    table = data.tables["baseline"][line.pair.template][line.metric]
    keep = [table.applies & line.mask & held for held in arm.held]
    sizes = tuple(int(k.sum()) for k in keep)
    units = tuple(len({u for u, kept in zip(arm.units, k, strict=True) if kept}) for k in keep)
    made = difference_of(line, r, table, n_clusters=min(units))
    return replace(
        made,
        discordant=None,
        scenarios_by_side=(sizes[0], sizes[1]),
        clusters_by_side=(units[0], units[1]),
    )


def complete_case_arms(arms: Sequence[ArmPair], policy: Policy) -> dict[str, float | None]:
    """Return the difference of each metric without failed trials; a footnote, never used."""
    found: dict[str, float | None] = {}
    for name, scale in policy.scales.items():
        if scale.statistic == "aggregate":
            continue
        means = [
            _answered_mean(runs, name)
            for runs in zip(*((a.baseline, a.candidate) for a in arms), strict=True)
        ]
        found[name] = None if None in means else cast(float, means[1]) - cast(float, means[0])
    return found


def _answered_mean(runs: Sequence[Run], metric: str) -> float | None:
    columns = [run.columns[metric] for run in runs]
    values = np.concatenate([c.values[c.outcomes == Outcome.SCORED] for c in columns])
    return float(values.mean()) if values.size else None
