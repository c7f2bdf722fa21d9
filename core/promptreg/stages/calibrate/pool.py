"""All completions of one version, and pairs of sides drawn from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from promptreg.records import Run, ScoreColumn

__all__ = ["Pool", "Strata", "draw", "family_strata", "pool_of", "rows_of"]

_TRIES = 100


@dataclass(frozen=True, slots=True)
class Pool:
    """The completions of one template version, whichever half asked for them.

    Attributes:
        run: columns of shape (scenarios, 2 x repeats).
        repeats: of one side of a gate.
    """

    run: Run
    repeats: int

    @property
    def template(self) -> str:
        """The template's name."""
        return self.run.facts.template


def pool_of(
    first: Run, second: Run, metrics: Iterable[str], attributes: Iterable[str] = ()
) -> Pool:
    """Return the completions of both halves of an A/A as one.

    Args:
        first: run of one half.
        second: run of the other half: the same version over the same scenarios.
        metrics: the columns to keep.
        attributes: the attributes to keep.
    """
    columns = {}
    for name in metrics:
        a, b = first.columns[name], second.columns[name]
        columns[name] = replace(
            a,
            values=np.concatenate([a.values, b.values], axis=1),
            outcomes=np.concatenate([a.outcomes, b.outcomes], axis=1),
        )
    kept = {name: first.attributes[name] for name in attributes if name in first.attributes}
    return Pool(replace(first, columns=columns, attributes=kept), first.repeats)


Strata = Sequence[Sequence[str]]
"""Names of families, in groups."""


def family_strata(pools: Sequence[Pool], slices: Sequence[Mapping[str, str]]) -> Strata:
    """Return families in groups that serve the same templates and lie in the same slices.

    How many families a guarded slice has is a property of the suite, not of chance, and decides
    whether the slice gets a verdict at all; drawn within such groups, each slice keeps its number.
    Families that are alone in their group form one group together.

    Args:
        pools: one for each template.
        slices: conditions on attributes, each one slice.
    """
    kinds: dict[str, set[tuple[str, int]]] = {}
    for pool in pools:
        run = pool.run
        for i, family in enumerate(run.families):
            kind = kinds.setdefault(family, set())
            kind.add((pool.template, -1))
            for k, where in enumerate(slices):
                if all(_attribute(run, a, i) == v for a, v in where.items()):
                    kind.add((pool.template, k))
    groups: dict[tuple[tuple[str, int], ...], list[str]] = {}
    for family in sorted(kinds):
        groups.setdefault(tuple(sorted(kinds[family])), []).append(family)
    alone = [family for group in groups.values() if len(group) == 1 for family in group]
    return [*(group for group in groups.values() if len(group) > 1), *([alone] if alone else [])]


def draw(
    pools: Sequence[Pool], rng: np.random.Generator, strata: Strata | None
) -> list[tuple[Run, Run]]:
    """Return one (baseline, candidate) for each pool, drawn as an A/A gate might have found them.

    Within each scenario it is drawn anew which completions are the baseline's and which the
    candidate's. With `strata` families are drawn with replacement first, the same for all
    templates; a family that is drawn twice stands as two families.

    Args:
        pools: one for each template.
        rng: source of chance.
        strata: groups within which families are drawn; None to take each family once.
    """
    chosen = None if strata is None else _families(pools, rng, strata)
    return [_sides(pool, _rows(pool, chosen), rng) for pool in pools]


def _families(pools: Sequence[Pool], rng: np.random.Generator, strata: Strata) -> list[str]:
    """Return drawn family names, such that no template is left without a scenario."""
    held = [set(pool.run.families) for pool in pools]
    for _ in range(_TRIES):
        drawn = [s[i] for s in strata for i in rng.integers(0, len(s), len(s))]
        if all(not h.isdisjoint(drawn) for h in held):
            return drawn
    return [name for s in strata for name in s]  # a template is missed time and again


@dataclass(frozen=True, slots=True)
class _Rows:
    index: NDArray[np.intp]
    copies: Sequence[int]
    """How often the row's family was drawn before; 0 for the first time."""


def _rows(pool: Pool, chosen: Sequence[str] | None) -> _Rows:
    n = len(pool.run.scenario_ids)
    if chosen is None:
        return _Rows(np.arange(n), [0] * n)
    members: dict[str, list[int]] = {}
    for i, family in enumerate(pool.run.families):
        members.setdefault(family, []).append(i)
    index: list[int] = []
    copies: list[int] = []
    seen: dict[str, int] = {}
    for family in chosen:
        copy = seen.get(family, 0)
        seen[family] = copy + 1
        rows = members.get(family, [])
        index += rows
        copies += [copy] * len(rows)
    return _Rows(np.array(index, dtype=np.intp), copies)


def _sides(pool: Pool, rows: _Rows, rng: np.random.Generator) -> tuple[Run, Run]:
    run, index = pool.run, rows.index
    asked = next(iter(run.columns.values())).values.shape[1]
    # A random order of the completions in each row; the first `repeats` are the baseline's.
    order = np.argsort(rng.random((len(index), asked)), axis=1)
    names = [
        (run.scenario_ids[i], run.families[i])
        if copy == 0
        else (f"{run.scenario_ids[i]}#{copy}", f"{run.families[i]}#{copy}")
        for i, copy in zip(index.tolist(), rows.copies, strict=True)
    ]
    base = replace(
        run,
        scenario_ids=tuple(name for name, _ in names),
        families=tuple(family for _, family in names),
        attributes={k: tuple(v[i] for i in index) for k, v in run.attributes.items()},
        repeats=pool.repeats,
    )
    r = pool.repeats
    return (
        replace(base, columns=_columns(run.columns, index, order[:, :r])),
        replace(base, columns=_columns(run.columns, index, order[:, r : 2 * r])),
    )


def rows_of(run: Run, index: NDArray[np.intp]) -> Run:
    """Return a run of the scenarios at these places alone, in this order."""
    order = np.broadcast_to(np.arange(run.repeats), (len(index), run.repeats))
    return replace(
        run,
        scenario_ids=tuple(run.scenario_ids[i] for i in index),
        families=tuple(run.families[i] for i in index),
        attributes={k: tuple(v[i] for i in index) for k, v in run.attributes.items()},
        columns=_columns(run.columns, index, order),
    )


def _columns(
    columns: Mapping[str, ScoreColumn], index: NDArray[np.intp], order: NDArray[np.intp]
) -> dict[str, ScoreColumn]:
    at = (index[:, None], order)
    return {
        name: ScoreColumn(
            scale=column.scale,
            values=column.values[at],
            outcomes=column.outcomes[at],
            worst=None if column.worst is None else column.worst[index],
            aggregate=column.aggregate,
        )
        for name, column in columns.items()
    }


def _attribute(run: Run, name: str, row: int) -> str:
    values = run.attributes.get(name)
    return values[row] if values else ""
