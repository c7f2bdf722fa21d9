"""Covering designs, held against all rows counted one by one."""

from __future__ import annotations

from itertools import combinations, product
from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptreg_plugins.generators.design import (
    Dice,
    Quota,
    Rule,
    Space,
    cover,
    fill,
    smallest_conflict,
)
from promptreg_plugins.generators.home_security.taxonomy import OWN_RULES, TAXONOMY

Attributes = dict[str, list[str]]
Row = dict[str, str]
SEVEN = {name: values for name, values in TAXONOMY.items() if name != "enrichment_fault"}


@st.composite
def spaces(draw: st.DrawFn) -> tuple[Attributes, list[Rule]]:
    sizes = draw(st.lists(st.integers(1, 4), min_size=2, max_size=5))
    attributes = {f"a{i}": [f"v{j}" for j in range(n)] for i, n in enumerate(sizes)}
    rules = []
    for k in range(draw(st.integers(0, 6))):
        names = draw(st.lists(st.sampled_from(sorted(attributes)), min_size=1, unique=True))
        where = {}
        for name in names[:3]:
            values = attributes[name]
            where[name] = draw(
                st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True)
            )
        rules.append(Rule(where, f"r{k}"))
    return attributes, rules


def all_rows(attributes: Attributes, rules: list[Rule]) -> list[Row]:
    """Return every allowed row, by looking at each."""
    rows = [dict(zip(attributes, v, strict=True)) for v in product(*attributes.values())]
    return [
        row for row in rows if not any(all(row[a] in v for a, v in r.where.items()) for r in rules)
    ]


def held(rows: list[Row], strength: int) -> set[tuple[tuple[str, str], ...]]:
    return {c for row in rows for c in combinations(row.items(), strength)}


@settings(max_examples=60, deadline=None)
@given(spaces(), st.integers(1, 3), st.integers(0, 5))
def test_all_that_is_possible_is_covered_and_nothing_else(
    made: tuple[Attributes, list[Rule]], strength: int, seed: int
) -> None:
    attributes, rules = made
    strength = min(strength, len(attributes))
    allowed = all_rows(attributes, rules)
    space = Space(attributes, rules)
    assert space.possible(0) == bool(allowed)
    if not allowed:
        return
    found = cover(space, strength, Dice(seed))
    rows = [space.words(row) for row in found.rows]
    assert all(row in allowed for row in rows)
    wanted = held(allowed, strength)
    assert held(rows, strength) == wanted
    assert found.wanted == len(wanted)
    every = held([dict(zip(attributes, v, strict=True)) for v in product(*attributes.values())],
                 strength)  # fmt: skip
    excluded = {tuple(space.words(mask).items()) for mask in found.excluded}
    assert excluded == every - wanted


@settings(max_examples=60, deadline=None)
@given(spaces(), st.data())
def test_a_conflict_is_one_and_no_smaller_set_is(
    made: tuple[Attributes, list[Rule]], data: st.DataObject
) -> None:
    attributes, rules = made
    names = data.draw(st.lists(st.sampled_from(sorted(attributes)), max_size=2, unique=True))
    where = {name: data.draw(st.sampled_from(attributes[name])) for name in names}

    def possible(some: tuple[Rule, ...]) -> bool:
        rows = all_rows(attributes, list(some))
        return any(all(row[a] == v for a, v in where.items()) for row in rows)

    space = Space(attributes, rules)
    found = smallest_conflict(space, space.mask(where))
    if possible(tuple(rules)):
        assert found == ()
        return
    assert not possible(found)
    for size in range(len(found)):
        assert all(possible(few) for few in combinations(rules, size))


@settings(max_examples=60, deadline=None)
@given(spaces(), st.integers(0, 30), st.integers(1, 12), st.data())
def test_quotas_and_size_are_met(
    made: tuple[Attributes, list[Rule]], extra: int, least: int, data: st.DataObject
) -> None:
    attributes, rules = made
    space = Space(attributes, rules)
    if not space.possible(0):
        return
    allowed = all_rows(attributes, rules)
    where = dict(list(data.draw(st.sampled_from(allowed)).items())[:1])
    before = list(cover(space, 1, Dice(0)).rows)
    more = fill(space, before, [Quota(where, least)], None, Dice(1))
    rows = [space.words(row) for row in before + more]
    assert all(row in allowed for row in rows)
    found = sum(all(row[a] == v for a, v in where.items()) for row in rows)
    assert found == max(least, found - len(more))  # no more than were lacking
    whole = fill(space, before + more, [], len(rows) + extra, Dice(2))
    assert len(whole) == extra


@pytest.mark.parametrize(("strength", "bound", "lower"), [(2, 27, 20), (3, 122, 80), (4, 492, 320)])
def test_known_sizes_of_the_taxonomy_are_reached(strength: int, bound: int, lower: int) -> None:
    space = Space(SEVEN)
    n = len(cover(space, strength, Dice("design", 7)).rows)
    largest = sorted(map(len, SEVEN.values()))[-strength:]
    assert prod(largest) == lower
    assert lower <= n <= bound


def test_filling_up_is_even_and_repeats_no_combination_before_all_were_used() -> None:
    space = Space({"a": ["1", "2", "3"], "b": ["1", "2"], "c": ["1", "2"]})
    rows = fill(space, [], [], 24, Dice(3))
    for mask in space.tuples(2):
        n = sum(row & mask == mask for row in rows)
        share = 24 / prod(
            len(v) for name, v in zip(space.names, space.values, strict=True)
            if name in space.words(mask)
        )  # fmt: skip
        assert abs(n - share) <= 1
    assert len(set(rows)) == 12


def test_the_recipes_own_rules_leave_every_value_possible() -> None:
    space = Space(TAXONOMY, [Rule(where, "own") for where in OWN_RULES])
    for name, values in TAXONOMY.items():
        assert all(space.possible(space.mask({name: value})) for value in values)


def test_dice_are_the_same_for_all_times() -> None:
    dice = Dice("scene", 7)
    assert [dice.below(1000) for _ in range(5)] == [422, 612, 791, 479, 229]
    assert Dice("x").shuffled([1, 2, 3, 4, 5, 6]) == [6, 1, 5, 2, 3, 4]
