"""What is asked before each look: whole families, equal shares, the same for the same plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from promptreg.pipeline.looks import Agenda, make_agenda
from promptreg.pipeline.work import Version
from promptreg.policy import LookPolicy
from promptreg.records import Scenario, Template

TEMPLATE = Template("basic", "v1", "format", "{x}")


def version(families: list[int], template: Template = TEMPLATE, prefix: str = "s") -> Version:
    scenarios = tuple(
        Scenario(f"{prefix}{i:03d}", {}, family=f"f{family}") for i, family in enumerate(families)
    )
    return Version("baseline", template, cast("Any", None), scenarios)


def agenda(
    families: list[int],
    looks: LookPolicy,
    *,
    repeats: int = 1,
    alone: int = 0,
    template: Template = TEMPLATE,
) -> Agenda:
    versions = [version(families, template)] * 2 + [
        version(list(range(alone)), prefix="new")
    ] * bool(alone)
    paired = [True, True] + [False] * bool(alone)
    return make_agenda(versions, paired, looks, alpha=0.05, repeats=repeats)


def test_families_are_never_split() -> None:
    families = [i % 23 for i in range(200)]
    found = agenda(families, LookPolicy(looks=4))
    asked: dict[str, set[int]] = {}
    for look, batch in enumerate(found.batches):
        assert batch.scenarios[0] == batch.scenarios[1]
        for scenario in batch.scenarios[0]:
            asked.setdefault(scenario.family, set()).add(look)
    assert len(asked) == 23
    assert all(len(looks) == 1 for looks in asked.values())
    sizes = [len(batch.scenarios[0]) for batch in found.batches]
    assert sum(sizes) == 200
    assert max(sizes) - min(sizes) <= 2 * 9
    # The time of a look is the share of the scenarios that is there indeed.
    assert found.schedule.times[0] == pytest.approx(sizes[0] / 200)
    assert found.schedule.times[-1] == 1.0


def test_nobody_can_choose_the_order() -> None:
    families = list(range(40))
    first, again = (agenda(families, LookPolicy(looks=4)) for _ in range(2))
    other = agenda(families, LookPolicy(looks=4), template=replace(TEMPLATE, text="{x}!"))
    assert first == again
    assert first.batches != other.batches
    assert [len(b.scenarios[0]) for b in first.batches] == [10, 10, 10, 10]


def test_few_families_have_few_looks() -> None:
    found = agenda([0] * 30 + [1] * 10, LookPolicy(looks=4))
    assert len(found.batches) == 2
    assert "2 looks instead of 4" in found.notes[0]
    assert len(agenda([0] * 30, LookPolicy(looks=4)).batches) == 1


def test_a_new_version_is_asked_whole_at_once() -> None:
    found = agenda(list(range(40)), LookPolicy(looks=4, more_repeats=2), alone=12)
    assert [len(batch.scenarios[2]) for batch in found.batches] == [12, 0, 0, 0, 0]


def test_further_repeats_follow_and_keep_half_of_alpha() -> None:
    found = agenda(list(range(50)), LookPolicy(looks=2, more_repeats=4), repeats=2)
    assert [(b.first, b.repeats) for b in found.batches] == [(0, 2), (0, 2), (2, 3), (3, 4)]
    assert found.scenario_looks == 2
    assert found.schedule.times == pytest.approx((0.4, 0.8, 0.9, 1.0))
    assert found.schedule.spent(1) == pytest.approx(0.0244, abs=1e-4)
    assert [b.trials for b in found.batches] == [100, 100, 100, 100]


def test_many_repeats_are_asked_in_at_most_four_steps() -> None:
    found = agenda(list(range(9)), LookPolicy(more_repeats=30))
    assert [b.repeats for b in found.batches] == [1, 8, 15, 23, 30]


@pytest.mark.parametrize(
    ("calls", "repeats", "words"),
    [(99, 1, "takes 100 calls"), (None, 3, "3 times already")],
)
def test_where_nothing_more_can_be_asked_it_says_so(
    calls: int | None, repeats: int, words: str
) -> None:
    looks = LookPolicy(more_repeats=3, more_calls=calls)
    found = agenda(list(range(50)), looks, repeats=repeats)
    assert len(found.batches) == 1
    assert words in found.notes[0]
    assert found.schedule.times == (1.0,)


def test_at_any_time_families_are_numbered_in_the_order_they_are_asked_in() -> None:
    """Bets are laid family by family: names that sort by kind would come one kind after another."""
    found = agenda(list(range(100)), LookPolicy(looks=2, anytime=True))
    numbers = found.families
    first = {s.family or s.id for s in found.batches[0].scenarios[0]}
    assert sorted(numbers[f] for f in first) == list(range(len(first)))
    assert sorted(numbers, key=numbers.__getitem__) != sorted(numbers)
    plain = agenda(list(range(100)), LookPolicy(looks=2)).families
    assert sorted(plain, key=plain.__getitem__) == sorted(plain)


def test_at_any_time_four_looks_may_prove() -> None:
    plain = LookPolicy(looks=4)
    found = agenda(list(range(100)), LookPolicy(looks=20, anytime=True))
    assert found.schedule.proofs == 4
    assert len(found.batches) == 20
    assert agenda(list(range(100)), plain).schedule.proofs == 0
