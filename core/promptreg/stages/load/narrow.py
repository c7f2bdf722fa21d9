"""Fewer scenarios: by attribute, by seeded random sample, by the suite's routing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from promptreg.errors import DataError, did_you_mean
from promptreg.records import Scenario, ScenarioSet
from promptreg.stages.load.attributes import word_of
from promptreg.stages.load.digest import digest

__all__ = ["matches", "narrow"]

_SHOWN = 12


def narrow(
    scenarios: ScenarioSet,
    *,
    filters: Mapping[str, Sequence[str]] | None = None,
    limit: int | None = None,
    served: Sequence[Mapping[str, Any]] = (),
    seed: int = 0,
) -> ScenarioSet:
    """Return the scenarios that pass every filter, at most `limit` of them.

    Args:
        scenarios: the whole set.
        filters: attribute (or column) to the values kept; every one must match.
        limit: how many to keep at random; the choice depends on the seed and the ids alone, never
            on the order of the rows.
        served: the suite's routing; the sample is drawn from the scenarios that match one of
            these, since a sample that no template serves is of no use. Empty: from all.
        seed: of the random sample.

    Raises:
        DataError: an attribute or value that does not exist, nothing left, or a limit below 1.
    """
    if limit is not None and limit < 1:
        raise DataError(f"the limit is {limit}; allowed: 1 or more")
    kept = list(scenarios.scenarios)
    said = []
    for name, values in (filters or {}).items():
        _known(scenarios, name, values)
        wanted = frozenset(values)
        kept = [s for s in kept if _word(s, name) in wanted]
        said.append(f"{name}={','.join(values)}")
    if not kept:
        raise DataError(f"{scenarios.source}: no scenario passes the filter {' '.join(said)}")
    if limit is not None:
        pool = [s for s in kept if any(matches(s, where) for where in served)] or kept
        if limit < len(pool):
            said.append(f"{limit} of {len(pool)} at random (seed {seed})")
            chosen = {s.id for s in sorted(pool, key=lambda s: _rank(s.id, seed))[:limit]}
            kept = [s for s in pool if s.id in chosen]
    if not said:
        return scenarios
    before = [scenarios.selection] if scenarios.selection else []
    return ScenarioSet(
        scenarios=tuple(kept),
        sha256=digest(kept),
        source=scenarios.source,
        total=scenarios.total,
        selection="; ".join([*before, *said]),
    )


def matches(scenario: Scenario, where: Mapping[str, Any]) -> bool:
    """Return whether a scenario has, for every name, the value or one of the values.

    Values are compared as the words that slices use, so `true` and `"true"` are the same.
    """
    for name, wanted in where.items():
        word = _word(scenario, name)
        if word is None:
            return False
        if isinstance(wanted, (list, tuple, set, frozenset)):
            if word not in {word_of(w) for w in wanted}:
                return False
        elif word != word_of(wanted):
            return False
    return True


def _rank(scenario_id: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\n{scenario_id}".encode()).digest()


def _word(scenario: Scenario, name: str) -> str | None:
    if name in scenario.attributes:
        return scenario.attributes[name]
    value = scenario.variables.get(name)
    return None if value is None or isinstance(value, (list, dict)) else word_of(value)


def _known(scenarios: ScenarioSet, name: str, values: Sequence[str]) -> None:
    """Refuse a filter that can match nothing because of a slip."""
    columns = scenarios.scenarios[0].variables
    slicers = sorted({a for s in scenarios.scenarios for a in s.attributes})
    if name not in columns:
        raise DataError(
            f"{scenarios.source}: no attribute is called {name!r}"
            f"{did_you_mean(name, [*slicers, *columns])}; there are: "
            f"{', '.join(slicers) or ', '.join(columns)}"
        )
    there = {w for s in scenarios.scenarios if (w := _word(s, name)) is not None}
    for value in values:
        if value not in there:
            shown = sorted(there)
            more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
            raise DataError(
                f"{scenarios.source}: no scenario has {name}={value}"
                f"{did_you_mean(value, shown[:1000])}; there are: "
                f"{', '.join(shown[:_SHOWN])}{more}"
            )
