"""Accusations at any time: known values, guarantees over every look, and what they cost."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import beta

from promptreg.stats.analysis import PairedScores
from promptreg.stats.sequential.anytime import BETS, Wager
from promptreg.stats.sequential.looks import LookByLook
from promptreg.stats.sequential.spending import Schedule

Make = Callable[..., PairedScores]


def times(looks: int) -> tuple[float, ...]:
    return tuple((i + 1) / looks for i in range(looks))


def looking(looks: int, n: int, *, seed: int = 0, proofs: int = 4) -> LookByLook:
    return LookByLook(Schedule(times(looks), 0.05, proofs), n, 999, seed, anytime=True)


def test_the_wager_is_the_formula() -> None:
    d = np.random.default_rng(1).normal(0.2, 1, 30)
    d[4] = 0.0
    want, up, down = np.ones(len(BETS)), 0.5, 0.5
    for i, x in enumerate(d):
        rms = math.sqrt(float(np.mean(d[:i] ** 2))) if i else 0.0
        if rms:
            want *= 1 + np.tanh(BETS * x / rms)
        up = max(up, float(want[BETS > 0].sum()) / len(BETS))
        down = max(down, float(want[BETS < 0].sum()) / len(BETS))
    whole, parts = Wager(), Wager()
    whole.bet(d)
    for piece in (d[:1], d[1:1], d[1:11], d[11:]):
        parts.bet(piece)
    for wager in (whole, parts):
        assert np.exp(wager.logs) == pytest.approx(want)
        assert (math.exp(wager.up), math.exp(wager.down)) == pytest.approx((up, down))


def test_the_coin_is_the_formula() -> None:
    d = np.array([1, -1, 0, -1, -1, 0, -1, -1, -1, 1, -1.0])
    wager = Wager()
    wager.toss(d[:3])
    wager.toss(d[3:])
    # Of n changes k are gains: all coins hold so much, and those that fall on gains more often a
    # share of it that is a tail of the beta distribution.
    reached = [
        (2**n / ((n + 1) * math.comb(n, k)), float(beta.sf(0.5, k + 1, n - k + 1)))
        for n, k in ((1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (6, 1), (7, 1), (8, 2), (9, 2))
    ]
    assert math.exp(wager.up) == pytest.approx(max(held * share for held, share in reached))
    assert math.exp(wager.down) == pytest.approx(max(held * (1 - share) for held, share in reached))
    assert (wager.won, wager.lost) == (2, 7)


@pytest.mark.parametrize("kind", ["bet", "toss"])
def test_over_all_signs_a_wager_wins_nothing(kind: str) -> None:
    """Exact: whatever the sizes, E has mean 1 over the flips, and no side ever gets far by luck."""
    sizes = np.array([0.3, 2.0, 0.1, 5.0, 1.0, 0.7, 0.2, 9.0])
    for n in (1, 2, 5, 8):
        values, reached = [], []
        for signs in itertools.product((-1.0, 1.0), repeat=n):
            wager = Wager()
            d = sizes[:n] * np.array(signs)
            if kind == "bet":
                wager.bet(d)
                values.append(float(np.exp(wager.logs).mean()))
            else:
                wager.toss(d)
                values.append(2**n / ((n + 1) * math.comb(n, wager.won)))
            reached.append((math.exp(wager.up), math.exp(wager.down)))
        assert np.mean(values) == pytest.approx(1.0)
        for at in (0.75, 1.0, 2.0, 5.0, 10.0):  # Ville's inequality; each side began with a half
            assert (np.mean(np.array(reached) >= at, axis=0) <= 0.5 / at).all()


def test_huge_and_tiny_differences_do_not_break_it() -> None:
    wager = Wager()
    wager.bet(np.array([1e-12, 1e6, -1e6, 0.0] * 50))
    assert math.isfinite(wager.up)
    assert math.isfinite(wager.down)
    assert np.isfinite(wager.logs).all()


def test_what_was_seen_once_is_not_bet_on_again(paired: Make) -> None:
    rng = np.random.default_rng(2)
    after = np.clip(0.5 + rng.normal(-0.05, 0.1, 60), 0, 1)
    before = np.full(60, 0.5)
    one, many = looking(1, 60, proofs=1), looking(6, 60)
    (whole,) = one.look([paired(before, after)])
    for size in (10, 20, 30, 40, 50, 60):
        (last,) = many.look([paired(before[:size], after[:size])])
    assert last.p_adjusted == pytest.approx(whole.p_adjusted)
    branch = looking(6, 60)
    branch.look([paired(before[:10], after[:10])])
    other = branch.copy()
    for size in (20, 30, 40, 50, 60):
        other.look([paired(before[:size], np.full(size, 0.5))])
    for size in (20, 30, 40, 50, 60):
        (again,) = branch.look([paired(before[:size], after[:size])])
    assert again.p_adjusted == pytest.approx(last.p_adjusted)


def test_an_accusation_stays(paired: Make) -> None:
    before = np.full(60, 0.8)
    worse = np.clip(0.8 - 0.1 - 0.01 * np.arange(60) % 7 / 10, 0, 1)
    found = looking(6, 60)
    verdicts = [found.look([paired(before[:n], worse[:n])])[0].verdict for n in range(10, 61, 10)]
    at = verdicts.index("regressed")
    assert at >= 1
    assert set(verdicts[at:]) == {"regressed"}


def test_what_turns_round_is_judged_by_all_of_it(paired: Make) -> None:
    """A stretch that went down accuses of a fall alone, and no longer than all data do."""
    down, up = np.full(30, 0.7), np.full(90, 1.0)
    for then, want in ((up, "improved"), (np.full(30, 0.9), None)):
        after = np.concatenate([down + 0.001 * np.arange(30), then])
        n = len(after)
        test = looking(n // 10, n)
        sizes = range(10, n + 1, 10)
        found = [test.look([paired(np.full(k, 0.8), after[:k])])[0] for k in sizes]
        assert found[2].verdict == "regressed"
        assert found[-1].p_adjusted is not None
        assert found[-1].p_adjusted >= found[-1].p_value
        if want:
            assert found[-1].verdict == want
        else:
            assert found[-1].verdict not in ("regressed", "improved")


def test_a_change_below_the_margin_is_no_accusation(paired: Make) -> None:
    """As in a single look, where the interval inside the margin comes first."""
    rng = np.random.default_rng(5)
    after = np.clip(0.5 - 0.02 + rng.normal(0, 0.02, 200), 0, 1)
    test = looking(20, 200)
    for n in range(10, 201, 10):
        (found,) = test.look([paired(np.full(n, 0.5), after[:n])])
        assert found.verdict != "regressed", n
        if n == 40:
            assert found.verdict == "inconclusive"
            assert any("below the margin" in note for note in found.notes)
    assert found.verdict == "equivalent"


def test_nor_is_it_at_boundaries(paired: Make) -> None:
    """The first of four looks crosses at once, and its own interval shows nothing at all."""
    rng = np.random.default_rng(5)
    after = np.clip(0.5 - 0.02 + rng.normal(0, 0.02, 200), 0, 1)
    schedule = Schedule(times(4), 0.05)
    test = LookByLook(schedule, 200, schedule.draws(999, 99_999), 0)
    verdicts = []
    for n in (50, 100, 150, 200):
        (found,) = test.look([paired(np.full(n, 0.5), after[:n])])
        assert found.p_adjusted is not None
        assert found.p_adjusted <= 0.05
        verdicts.append(found.verdict)
    assert verdicts == ["inconclusive", *["equivalent"] * 3]


def test_rare_catastrophes_behind_small_gains_are_no_improvement() -> None:
    """Mean -3.6: four looks accuse nearly all of these; early stretches of +1 prove nothing."""
    improved = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        after = 500 + np.where(rng.random(400) < 0.05, -90.0, 1.0)
        test = looking(20, 400)
        for n in range(20, 401, 20):
            line = PairedScores(
                name="points",
                kind="bounded",
                baseline=np.full((n, 1), 500.0),
                candidate=after[:n, None],
                families=np.arange(n),
                low=0.0,
                high=1000.0,
                higher_is_better=True,
                margin=3.0,
                statistic="mean",
                gating=True,
            )
            (found,) = test.look([line])
            improved += found.verdict == "improved"
    assert improved == 0


def test_lines_that_come_later_share_the_error_from_the_first_look_on(paired: Make) -> None:
    rng = np.random.default_rng(4)
    after = np.clip(0.5 + rng.normal(-0.03, 0.1, 60), 0, 1)
    lines = [paired(np.full(60, 0.5), after)]
    (alone,) = looking(1, 60, proofs=1).look(lines)
    test = LookByLook(Schedule(times(1), 0.05, 1), 60, 999, 0, anytime=True, lines=3)
    (planned,) = test.look(lines)
    assert alone.p_adjusted is not None
    assert alone.p_adjusted > alone.p_value
    assert planned.p_adjusted == pytest.approx(min(1.0, 3 * alone.p_adjusted))
    assert test.boundary == pytest.approx(3 / 0.05)


def test_the_level_of_intervals_is_not_that_of_accusations(paired: Make) -> None:
    test = looking(20, 60)
    (few,) = test.look([paired(np.full(3, 0.9), np.full(3, 0.1))])
    assert any(note.startswith("3 families: too few to accuse") for note in few.notes)
    (found,) = test.look([paired(np.full(20, 0.9), np.full(20, 0.1))])
    assert found.verdict == "regressed"
    assert not any("too few to accuse" in note for note in found.notes)


def test_all_kinds_of_metrics_take_part_and_figures_of_all_rows_say_so(paired: Make) -> None:
    rng = np.random.default_rng(3)
    n = 80
    seconds = rng.lognormal(0, 0.3, n)
    lines = [
        paired((np.arange(n) % 5 > 0).astype(float), np.zeros(n), name="passed", kind="binary"),
        paired(
            seconds,
            seconds * 1.5,
            name="latency",
            kind="count",
            high=math.inf,
            margin=1.1,
            statistic="signed_ranks",
            higher_is_better=False,
        ),
        paired(
            seconds,
            seconds * 1.5,
            name="tokens",
            kind="count",
            high=math.inf,
            margin=1.1,
            statistic="ratio_of_totals",
            higher_is_better=False,
        ),
        paired(
            np.full(n, 0.9),
            np.full(n, 0.1),
            name="ece",
            statistic="aggregate",
            aggregate=lambda rows: float(np.mean(rows)),
        ),
    ]
    found = {r.name: r for r in looking(1, n, proofs=1).look(lines)}
    for name in ("passed", "latency", "tokens"):
        assert found[name].verdict == "regressed", name
    assert found["ece"].verdict != "regressed"
    assert any("nothing accuses it" in note for note in found["ece"].notes)
    assert not any("nothing accuses it" in note for note in found["latency"].notes)


def test_several_lines_share_the_error(paired: Make) -> None:
    rng = np.random.default_rng(4)
    after = np.clip(0.5 + rng.normal(-0.03, 0.1, 60), 0, 1)
    before = np.full(60, 0.5)
    (alone,) = looking(1, 60, proofs=1).look([paired(before, after)])
    empty = paired(before[:0], after[:0], name="later")
    shared, _, shown = looking(1, 60, proofs=1).look(
        [paired(before, after), empty, paired(before, after, name="x", gating=False)]
    )
    assert alone.p_adjusted is not None
    assert shared.p_adjusted == pytest.approx(2 * alone.p_adjusted)
    assert shown.p_adjusted is None


def test_only_some_looks_prove_and_their_errors_sum_to_alpha() -> None:
    schedule = Schedule(times(20), 0.05, 4)
    assert schedule._proving() == [4, 9, 14, 19]
    parts = [schedule.increment(i) for i in range(20)]
    assert sum(parts) <= 0.05
    assert sum(parts) == pytest.approx(0.05, rel=1e-5)
    plain = Schedule(times(4), 0.05)
    assert [parts[i] for i in (4, 9, 14, 19)] == pytest.approx(
        [plain.increment(i) for i in range(4)], rel=1e-5
    )
    uneven = Schedule((0.1, 0.6, 0.9, 1.0), 0.05, 4)
    assert uneven._proving() == [1, 2, 3]


def ordinal(rng: np.random.Generator, n: int, shift: float) -> tuple[Any, Any]:
    quality = rng.normal(2.6, 0.6, n)
    before = np.clip(np.rint(quality + rng.normal(0, 0.6, n)), 1, 4)
    return before, np.clip(np.rint(quality + shift + rng.normal(0, 0.6, n)), 1, 4)


def needed(shift: float, n: int, lines: int, seed: int, step: int) -> int | None:
    """Return after how many scenarios any of some lines is accused; None if none ever is."""
    rng = np.random.default_rng(seed)
    wagers = [Wager() for _ in range(lines)]
    changes = [np.subtract(*reversed(ordinal(rng, n, shift))) for _ in wagers]
    for start in range(0, n, step):
        for wager, d in zip(wagers, changes, strict=True):
            wager.bet(d[start : start + step])
            if max(wager.up, wager.down) >= math.log(lines / 0.05):
                return start + step
    return None


@pytest.mark.parametrize("lines", [1, 6])
def test_looking_all_the_time_accuses_falsely_as_seldom_as_it_says(lines: int) -> None:
    """One step: `up` and `down` are the largest after any scenario."""
    repetitions = 1_500
    false = sum(needed(0.0, 400, lines, 50_000 + i, 400) is not None for i in range(repetitions))
    assert false <= 0.05 * repetitions


@pytest.mark.slow
def test_it_finds_what_is_there_with_less_data_and_somewhat_less_often() -> None:
    found = [needed(-0.21, 400, 1, 70_000 + i, 10) for i in range(400)]
    power = sum(at is not None for at in found) / len(found)
    assert 0.80 <= power <= 0.97
    assert np.mean([at or 400 for at in found]) <= 260
