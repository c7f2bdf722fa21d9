"""What a suite may write about a design, and what it is told of what it may not."""

from __future__ import annotations

from typing import Any

import pytest

from promptreg import GenerationRequest
from promptreg.errors import SuiteError
from promptreg.stats.power import plan_scenarios
from promptreg_plugins.generators.grid import Grid

PLAIN: dict[str, Any] = {"a": ["x", "y"], "b": ["1", "2"], "c": ["p", "q"]}

MANY = {f"a{i}": list(range(10)) for i in range(12)}


def plain(**settings: Any) -> Grid:
    return Grid(recipe="plain", attributes=PLAIN, **settings)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (
            {"attributes": {"time_of_dy": ["night"]}},
            "no 'time_of_dy' (did you mean 'time_of_day'?)",
        ),
        ({"attributes": {"day_type": ["weekdays"]}}, "'weekdays' (did you mean 'weekday'?)"),
        ({"attributes": {"day_type": []}}, "0 values; allowed: 1 to 50"),
        ({"attributes": {"day_type": ["weekday", "weekday"]}}, "'weekday' is there twice"),
        ({"attributes": {"day_type": [{}]}}, "{} is no value"),
        ({"constraints": [{"scenario_typ": "threat"}]}, "did you mean 'scenario_type'?"),
        ({"constraints": [{"scenario_type": "thread"}]}, "did you mean 'threat'?"),
        ({"constraints": [{}]}, "constraints[0]: must be a mapping such as"),
        ({"strength": 9}, "strength: found 9; allowed: 1 to 8"),
        ({"recipe": "plain", "attributes": MANY, "strength": 6}, "combinations; at most 500,000"),
        ({"quotas": [{"where": {"scenario_type": "threat"}}]}, "needs either 'at_least'"),
        ({"quotas": [{"where": {"scenario_type": "threat"}, "at_leats": 3}]}, "'at_least'?"),
        ({"quotas": [{"where": {"scenario_type": "threat"}, "at_least": 0}]}, "at_least: must be"),
        ({"quotas": [{"where": {"scenario_type": "threat"}, "margin": 0}]}, "margin: must be"),
        ({"quotas": [{"where": {"day_type": "x"}, "at_least": 5}]}, "no value is called 'x'"),
        (
            {"quotas": [{"where": {"day_type": "weekend"}, "at_least": 5, "margin": 0.1}]},
            "needs either",
        ),
        (
            {"quotas": [{"where": {"day_type": "weekend"}, "at_least": 5, "repeats": 3}]},
            "repeats goes with 'margin'",
        ),
        ({"recipe": "plain"}, "the recipe 'plain' has none of its own"),
        ({"recipe": "plain", "attributes": PLAIN, "stories": "s.yaml"}, "tells none"),
        ({"recipe": "plain", "attributes": {"a": ["x"]}}, "name at least two"),
    ],
)
def test_mistakes_are_named(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(SuiteError) as caught:
        Grid(**settings)
    assert problem in str(caught.value)


def test_contradictory_constraints_are_named_and_no_others() -> None:
    harmless = {"a": "x", "c": "p"}
    rules = [harmless, {"b": "1"}, {"c": "q", "a": "x"}, {"b": "2"}]
    with pytest.raises(SuiteError) as caught:
        plain(constraints=rules)
    told = str(caught.value)
    assert "constraints[1] {b: 1} and constraints[3] {b: 2}" in told
    assert "constraints[0]" not in told
    assert "constraints[2]" not in told


def test_a_value_that_constraints_leave_no_row_for_is_named_with_them() -> None:
    with pytest.raises(SuiteError) as caught:
        plain(constraints=[{"a": "x", "b": "1"}, {"a": "x", "b": ["2"]}])
    assert "no scenario can have a: x, because of constraints[0]" in str(caught.value)


def test_a_quota_that_cannot_be_is_named_with_the_constraint() -> None:
    with pytest.raises(SuiteError) as caught:
        plain(
            constraints=[{"a": "x", "b": "1"}],
            quotas=[{"where": {"a": "x", "b": "1"}, "at_least": 2}],
        )
    assert "quotas[0]: no scenario can have a: x, b: 1, because of constraints[0]" in str(
        caught.value
    )


def test_the_recipes_own_rules_are_named_as_such() -> None:
    with pytest.raises(SuiteError) as caught:
        Grid(attributes={"enrichment_level": ["none"], "enrichment_fault": ["timeout", "stale"]})
    assert "the recipe {enrichment_level: none" in str(caught.value)


def test_a_size_below_what_is_needed_says_what_is() -> None:
    grid = plain(quotas=[{"where": {"a": "x"}, "at_least": 30}])
    with pytest.raises(SuiteError) as caught:
        grid.plan(GenerationRequest(size=20))
    needed = len(grid.plan(GenerationRequest()).slots)
    assert f"at least {needed}" in str(caught.value)
    assert len(grid.plan(GenerationRequest(size=needed)).slots) == needed
    assert len(grid.plan(GenerationRequest(size=needed + 5)).slots) == needed + 5


def test_a_margin_becomes_the_size_that_sees_it() -> None:
    where = {"scenario_type": ["threat", "normal"]}
    grid = Grid(quotas=[{"where": where, "margin": 0.1}])
    rows = [one.row for one in grid.generate(GenerationRequest(seed=2)) if one.row]
    for word in where["scenario_type"]:
        n = sum(row["scenario_type"] == word for row in rows)
        assert n == plan_scenarios(0.1)


def test_numbers_and_truth_values_are_words() -> None:
    grid = Grid(recipe="plain", attributes={"n": [1, 2.5], "yes": [True, False]})
    rows = [one.row for one in grid.generate(GenerationRequest()) if one.row]
    assert {(row["n"], row["yes"]) for row in rows} == {
        (n, yes) for n in ("1", "2.5") for yes in ("true", "false")
    }


def test_a_preview_is_the_beginning_of_the_whole() -> None:
    whole = list(Grid().generate(GenerationRequest(seed=5, size=60)))
    few = list(Grid().generate(GenerationRequest(seed=5, size=60, limit=7)))
    assert few == whole[:7]
    assert whole != list(Grid().generate(GenerationRequest(seed=6, size=60)))
