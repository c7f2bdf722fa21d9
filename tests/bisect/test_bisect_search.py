"""The search for culprits, against oracles whose truth is known."""

from __future__ import annotations

import random
from collections.abc import Callable

from hypothesis import example, given, settings
from hypothesis import strategies as st

from promptreg.stages.bisect import (
    Finding,
    Kind,
    Outcome,
    Parts,
    commit_tests,
    find_parts,
    most_tests,
    search,
    search_commits,
)

R, H, U, B = Outcome.REGRESSED, Outcome.HARMLESS, Outcome.UNCLEAR, Outcome.BROKEN
Units = frozenset[int]
Truth = Callable[[Units], Outcome]


def apart(n: int) -> Parts:
    """Units that need nobody."""
    return Parts(
        tuple(frozenset((i + 1,)) for i in range(n)), tuple(frozenset((i,)) for i in range(n))
    )


def run(parts: Parts, truth: Truth, most: int | None = None) -> tuple[Finding, list[Units]]:
    asked: list[Units] = []

    def judge(units: Units) -> Outcome:
        asked.append(units)
        return truth(units)

    found = search(parts, judge, most=most)
    assert len(asked) == len(set(asked))  # nothing is tested twice
    allowed = most_tests(len(parts.units)) if most is None else most
    assert sum(truth(s) is not B for s in asked) <= allowed
    return found, asked


def bad_if(harmful: Callable[[Units], bool]) -> Truth:
    return lambda units: R if harmful(units) else H


@given(st.integers(1, 60), st.data())
def test_a_single_culprit_is_found(n: int, data: st.DataObject) -> None:
    culprit = data.draw(st.integers(0, n - 1))
    found, asked = run(apart(n), bad_if(lambda s: culprit in s))
    assert (found.kind, found.culprits) == (Kind.SINGLE, (frozenset((culprit,)),))
    if n > 6:
        assert len(asked) <= 2 * n.bit_length() + 1  # by halves, not one by one


@given(st.integers(2, 32), st.data())
def test_a_combination_of_two_is_found(n: int, data: st.DataObject) -> None:
    pair = frozenset(
        data.draw(st.lists(st.integers(0, n - 1), min_size=2, max_size=2, unique=True))
    )
    found, _ = run(apart(n), bad_if(lambda s: pair <= s))
    assert (found.kind, found.culprits) == (Kind.COMBINATION, (pair,))


@given(st.integers(2, 24), st.data())
def test_two_independent_culprits_are_found(n: int, data: st.DataObject) -> None:
    pair = frozenset(
        data.draw(st.lists(st.integers(0, n - 1), min_size=2, max_size=2, unique=True))
    )
    found, _ = run(apart(n), bad_if(lambda s: bool(pair & s)))
    assert found.kind is Kind.SEVERAL
    assert set(found.culprits) == {frozenset((u,)) for u in pair}


def test_a_unit_that_mends_another() -> None:
    # 1 breaks; 2 breaks unless 3 is there.
    found, _ = run(apart(4), bad_if(lambda s: 0 in s or (1 in s and 2 not in s)))
    assert (found.kind, found.culprits) == (Kind.SINGLE, (frozenset((0,)),))
    assert found.mended == {1}


def test_one_and_one_of_two_others() -> None:
    found, _ = run(apart(4), bad_if(lambda s: 0 in s and bool({1, 2} & s)), most=30)
    assert found.kind is Kind.COMBINATION
    assert found.culprits[0] in ({0, 1}, {0, 2})


@settings(max_examples=300)
@given(st.integers(2, 12), st.integers(0, 2**32), st.sampled_from([(6, 6, 1, 1), (3, 3, 3, 3)]))
def test_whatever_is_named_was_shown(n: int, seed: int, weights: tuple[int, int, int, int]) -> None:
    """On oracles without any order: claims rest on tests, not on assumptions."""
    every = frozenset(range(n))

    def truth(units: Units) -> Outcome:
        if not units or units == every:
            return R if units else H
        drawn = random.Random(f"{seed}:{sorted(units)}")
        return drawn.choices([R, H, U, B], weights)[0]

    found, asked = run(apart(n), truth)
    known = {*asked, frozenset(), every}
    if found.named:
        for culprit in found.culprits:
            assert culprit in known
            assert truth(culprit) is R
            if len(culprit) > 1:
                assert all(truth(frozenset((u,))) is H for u in culprit)
        rest = every - frozenset().union(*found.culprits)
        assert rest in known
        assert truth(rest) is H
    if found.kind is Kind.UNPROVEN:
        assert all(truth(culprit) is R for culprit in found.culprits)


@given(st.integers(2, 10), st.data())
def test_an_unclear_test_is_never_taken_for_harmless(n: int, data: st.DataObject) -> None:
    culprit = data.draw(st.integers(0, n - 1))
    every = frozenset(range(n))

    # Too little data: the whole regresses, everything less is unclear.
    found, _ = run(apart(n), lambda s: R if s == every else U if culprit in s else H)
    assert not found.named
    # Alone it is accused; that the rest is harmless is not shown.
    found, _ = run(apart(n), lambda s: R if culprit in s else U)
    assert found.kind in (Kind.UNPROVEN, Kind.UNCLEAR)
    assert all(c == {culprit} for c in found.culprits)


def test_too_few_tests_say_so() -> None:
    found, asked = run(apart(30), bad_if(lambda s: 17 in s), most=3)
    assert (found.kind, found.exhausted, len(asked)) == (Kind.UNCLEAR, True, 3)
    assert 17 in found.among
    assert len(found.among) < 30


@given(st.integers(2, 14), st.integers(0, 2**32), st.data())
def test_units_that_need_others(n: int, seed: int, data: st.DataObject) -> None:
    drawn = random.Random(seed)
    needs: list[frozenset[int]] = []
    for u in range(n):  # each may need one before it, and all that one needs
        other = needs[drawn.randrange(u)] if u and drawn.random() < 0.5 else frozenset()
        needs.append(other | {u})
    parts = Parts(apart(n).units, tuple(needs))
    culprit = data.draw(st.integers(0, n - 1))

    def truth(units: Units) -> Outcome:
        if not all(needs[u] <= units for u in units):
            return B
        return R if culprit in units else H

    found, _ = run(parts, truth, most=100)
    assert (found.kind, found.culprits) == (Kind.SINGLE, (frozenset((culprit,)),))


def test_parts_that_cannot_be_told_apart() -> None:
    # 2 and 5 are an `if` and its `endif`; 4 uses what 1 sets.
    def valid(subset: frozenset[int]) -> bool:
        return (2 in subset) == (5 in subset) and (4 not in subset or 1 in subset)

    parts = find_parts([1, 2, 3, 4, 5], valid)
    assert parts.units == (frozenset({1}), frozenset({2, 5}), frozenset({3}), frozenset({4}))
    assert parts.needs[3] == {0, 3}
    assert parts.without((0,)) == {1, 2}
    assert parts.pieces(parts.closed((3,))) == {1, 4}


def test_a_piece_that_needs_many() -> None:
    parts = find_parts(list(range(8)), lambda s: s == frozenset(range(8)) or not s)
    assert parts.units == (frozenset(range(8)),)
    assert search(parts, lambda _: U).kind is Kind.SINGLE  # there is nothing to tell apart


@given(st.integers(1, 200), st.data())
def test_the_first_bad_commit_is_found(n: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(1, n))
    contents = [str(i) for i in range(n + 1)]
    asked: list[int] = []

    def judge(i: int) -> Outcome:
        asked.append(i)
        return R if i >= first else H

    found = search_commits(contents, judge)
    assert found.named
    assert [(b.good, b.bad) for b in found.boundaries] == [(first - 1, first)]
    assert len(asked) <= max(1, n.bit_length())


@settings(max_examples=300)
@given(st.lists(st.sampled_from([R, H, U, B]), max_size=12))
@example([R, H, R, H])
@example([U, U, U])
def test_a_named_commit_is_bad_and_the_one_before_is_not(inner: list[Outcome]) -> None:
    outcomes = [H, *inner, R]
    found = search_commits([str(i) for i in range(len(outcomes))], lambda i: outcomes[i])
    assert found.boundaries
    for boundary in found.boundaries:
        assert outcomes[boundary.good] is H
        assert outcomes[boundary.bad] is R
        assert all(o is not H for o in outcomes[boundary.good + 1 : boundary.bad])


def test_commits_that_come_and_go() -> None:
    contents = ["a", "b", "a", "b", "b2", "b"]
    truth = {"a": H, "b": R, "b2": R}
    found = search_commits(contents, lambda i: truth[contents[i]])
    assert [(b.good, b.bad) for b in found.boundaries] == [(0, 1), (2, 3)]
    assert commit_tests(contents) == 1


def test_a_commit_that_cannot_be_tested_hides_the_culprit() -> None:
    found = search_commits(list("abcde"), lambda i: [H, H, B, R, R][i])
    assert not found.named
    assert [(b.good, b.bad) for b in found.boundaries] == [(1, 3)]
