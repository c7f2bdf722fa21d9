"""What a set of scenarios covers, measured on the rows themselves and not on the design."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

from promptreg.protocols import GenerationPlan
from promptreg.stages.generate.similar import near_duplicates

__all__ = ["LISTED", "Slice", "detectable", "measure", "slices"]

LISTED = 200
"""So many missing combinations and near-duplicates are listed; all are counted."""
_NOT_TEXT = 20
_MOST_TUPLES = 300_000
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Slice:
    """Scenarios that share a value.

    Attributes:
        attribute, value: which one; empty for the whole set.
        scenarios, families: how many.
    """

    attribute: str
    value: str
    scenarios: int
    families: int


def measure(rows: Sequence[Row], plan: GenerationPlan, least_alike: float) -> dict[str, Any]:
    """Return what the rows cover, as JSON.

    `tuples` says for 1 up to one more than the designed strength how many combinations are possible
    and how many occur; `missing` and `excluded` list combinations that do not occur although they
    could, and those that the forbidden combinations leave no room for; `pairs` counts each pair of
    values; `duplicates` and `near_duplicates` say how alike rows are.

    Args:
        rows: the scenarios.
        plan: the attributes, with every value they may have, and what is forbidden.
        least_alike: from which similarity on two texts are near-duplicates.
    """
    attributes = {name: tuple(values) for name, values in plan.attributes.items()}
    strengths = list(_strengths(attributes, plan.strength))
    reach = _Reach(attributes, plan.forbidden)
    return {
        "scenarios": len(rows),
        "families": len({_family(row) for row in rows}),
        "attributes": {name: list(values) for name, values in attributes.items()},
        "designed_strength": plan.strength,
        "forbidden": [{a: list(v) for a, v in rule.items()} for rule in plan.forbidden],
        "tuples": [
            _tuples(rows, attributes, reach, n, listed=n <= max(2, plan.strength))
            for n in strengths
        ],
        "pairs": _pairs(rows, attributes),
        "slices": [
            {
                "attribute": s.attribute,
                "value": s.value,
                "scenarios": s.scenarios,
                "families": s.families,
                "detectable": detectable(s),
            }
            for s in slices(rows, attributes)
        ],
        **_likeness(rows, plan, least_alike),
    }


def _strengths(attributes: Mapping[str, Sequence[str]], designed: int) -> Iterator[int]:
    """Yield the strengths to measure: up to one more than designed, where that can be counted."""
    for strength in range(1, min(len(attributes), max(2, designed) + 1) + 1):
        total = sum(
            math.prod(len(attributes[name]) for name in names)
            for names in combinations(attributes, strength)
        )
        if strength <= designed or total <= _MOST_TUPLES:
            yield strength


def detectable(found: Slice) -> list[float] | None:
    """Return the smallest change of a pass/fail metric that a comparison on a slice would see.

    Two numbers: where the scenarios of a family differ independently between two versions, and
    where they differ alike, so that a family counts once. The truth lies between them. One repeat,
    80 % power, a fifth of the scenarios assumed to differ; None for fewer than two families.
    """
    from promptreg.stats.power import plan_detectable

    if found.families < 2:
        return None
    best = plan_detectable(found.scenarios, n_clusters=found.families)
    worst = plan_detectable(found.families)
    return [round(min(x, 1.0), 4) for x in (best, worst) if x is not None]


def slices(rows: Sequence[Row], attributes: Mapping[str, Sequence[str]]) -> Iterator[Slice]:
    """Yield the whole set and every value of every attribute with its size."""
    yield Slice("", "", len(rows), len({_family(row) for row in rows}))
    for name, values in attributes.items():
        for value in values:
            mine = [row for row in rows if row.get(name) == value]
            yield Slice(name, value, len(mine), len({_family(row) for row in mine}))


def _family(row: Row) -> Any:
    return row.get("family") or row.get("scenario_id")


class _Reach:
    """Says whether a combination could occur at all, by the forbidden ones."""

    def __init__(
        self, attributes: Mapping[str, Sequence[str]], forbidden: Sequence[Mapping[str, Any]]
    ) -> None:
        self._attributes = attributes
        self._rules = [{a: frozenset(v) for a, v in rule.items()} for rule in forbidden]
        self._touched = frozenset(a for rule in self._rules for a in rule)
        self._known: dict[tuple[tuple[str, str], ...], bool] = {}

    def possible(self, fixed: Mapping[str, str]) -> bool:
        """Return whether a row with these values breaks no rule."""
        key = tuple((a, fixed[a]) for a in self._attributes if a in fixed and a in self._touched)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._search(dict(key))
        return known

    def _search(self, fixed: dict[str, str]) -> bool:
        for rule in self._rules:
            if any(a in fixed and fixed[a] not in values for a, values in rule.items()):
                continue
            free = next((a for a in rule if a not in fixed), None)
            if free is None:
                return False
            return any(self.possible({**fixed, free: v}) for v in self._attributes[free])
        return True


def _tuples(
    rows: Sequence[Row],
    attributes: Mapping[str, Sequence[str]],
    reach: _Reach,
    strength: int,
    *,
    listed: bool,
) -> dict[str, Any]:
    possible = 0
    times: list[int] = []
    missing: list[dict[str, str]] = []
    excluded: list[dict[str, str]] = []
    counts: dict[str, int] = {"missing": 0, "excluded": 0}
    for names in combinations(attributes, strength):
        seen = Counter(tuple(row.get(name) for name in names) for row in rows)
        for words in product(*(attributes[name] for name in names)):
            fixed = dict(zip(names, words, strict=True))
            n = seen.get(words, 0)
            if n:
                times.append(n)
                possible += 1
            elif reach.possible(fixed):
                possible += 1
                _note(missing, counts, "missing", fixed)
            else:
                _note(excluded, counts, "excluded", fixed)
    found: dict[str, Any] = {
        "strength": strength,
        "possible": possible,
        "covered": len(times),
        "share": round(len(times) / possible, 6) if possible else None,
        "times": {
            "least": min(times),
            "median": statistics.median_low(times),
            "most": max(times),
        }
        if times
        else None,
        "excluded": counts["excluded"],
    }
    if listed:
        found |= {"missing": missing, "excluded_by_constraints": excluded}
    return found


def _note(
    noted: list[dict[str, str]], counts: dict[str, int], kind: str, fixed: dict[str, str]
) -> None:
    counts[kind] += 1
    if len(noted) < LISTED:
        noted.append(fixed)


def _pairs(rows: Sequence[Row], attributes: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return `a × b` to value of a to value of b to how often they occur together."""
    table: dict[str, Any] = {}
    for a, b in combinations(attributes, 2):
        seen = Counter((row.get(a), row.get(b)) for row in rows)
        table[f"{a} × {b}"] = {
            x: {y: seen.get((x, y), 0) for y in attributes[b]} for x in attributes[a]
        }
    return table


def _likeness(rows: Sequence[Row], plan: GenerationPlan, least: float) -> dict[str, Any]:
    columns = tuple(plan.text) or _text_columns(rows, set(plan.attributes))
    texts = ["\n".join(str(row.get(c) or "") for c in columns) for row in rows]
    exact = Counter(texts)
    pairs = near_duplicates(texts, least) if columns else []
    ids = [str(row.get("scenario_id")) for row in rows]
    touched = {i for pair in pairs for i in pair[:2]}
    return {
        "texts": list(columns),
        "duplicates": sum(n - 1 for n in exact.values()) if columns else 0,
        "near_duplicates": {
            "at_least": least,
            "pairs": len(pairs),
            "scenarios": len(touched),
            "most_alike": [[ids[i], ids[j], round(s, 3)] for i, j, s in pairs[:LISTED]],
        },
    }


def _text_columns(rows: Sequence[Row], never: Collection[str]) -> tuple[str, ...]:
    names = dict.fromkeys(name for row in rows for name in row)
    return tuple(
        name
        for name in names
        if name not in never
        and any(isinstance(row.get(name), str) and len(row[name]) > _NOT_TEXT for row in rows)
        and not name.endswith(("_hash", "_id", "family"))
    )
