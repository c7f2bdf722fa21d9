"""Bets on bounded means: the source's formula, families, and what they hold and cost."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from promptreg.stats.analysis import PairedScores
from promptreg.stats.sequential.betting import BoundedBets
from promptreg.stats.sequential.looks import LookByLook
from promptreg.stats.sequential.spending import Schedule

Make = Callable[..., PairedScores]
Draw = Callable[[np.random.Generator], Any]


def capital(x: list[float], m: float, alpha: float) -> tuple[float, float]:
    """Return K+ and K- of the source, for observations in [0, 1], one after the other."""
    up = down = 1.0
    total, squares = 0.0, 0.0
    spread = 0.25
    for t, value in enumerate(x, 1):
        stake = math.sqrt(2 * math.log(2 / alpha) / (spread * t * math.log(t + 1)))
        up *= 1 + min(stake, 0.5 / m if m else math.inf) * (value - m)
        down *= 1 - min(stake, 0.5 / (1 - m) if m < 1 else math.inf) * (value - m)
        total += value
        mean = (0.5 + total) / (t + 1)
        squares += (value - mean) ** 2
        spread = (0.25 + squares) / (t + 1)
    return up, down


def test_capital_and_interval_are_those_of_the_source() -> None:
    rng = np.random.default_rng(3)
    d = np.clip(np.rint(rng.normal(-0.4, 1, 80)), -3, 3)
    bets = BoundedBets(3.0, 1, 0.05)
    for part in (d[:1], d[1:1], d[1:30], d[30:]):
        bets.bet(part, np.ones(len(part)))
    x = list((d + 3) / 6)
    up, down = capital(x, 0.5, 0.05)
    assert (math.exp(bets.up), math.exp(bets.down)) == pytest.approx((up / 2, down / 2))
    low, high = bets.interval()
    kept = [m for m in np.linspace(-3, 3, 6001) if max(capital(x, (m + 3) / 6, 0.05)) < 40]
    assert (low, high) == pytest.approx((kept[0], kept[-1]), abs=0.001)
    assert low <= kept[0]
    assert high >= kept[-1]


def test_nothing_seen_excludes_nothing_and_one_side_mirrors_the_other() -> None:
    bets = BoundedBets(100.0, 4, 0.05)
    assert bets.interval() == (-100.0, 100.0)
    rng = np.random.default_rng(8)
    sizes = rng.integers(1, 5, 60).astype(float)
    sums = sizes * rng.uniform(-40, 10, 60)
    bets.bet(sums, sizes)
    mirror = BoundedBets(100.0, 4, 0.05)
    mirror.bet(-sums, sizes)
    assert mirror.interval() == pytest.approx(tuple(-end for end in reversed(bets.interval())))
    assert (mirror.up, mirror.down) == pytest.approx((bets.down, bets.up))


def test_constant_differences_at_the_end_of_the_range_are_no_trouble() -> None:
    for value in (-1.0, 1.0):
        bets = BoundedBets(1.0, 1, 0.05)
        bets.bet(np.full(200, value), np.ones(200))
        low, high = bets.interval()
        assert -1.0 <= low < high <= 1.0
        assert low <= value <= high
        assert high - low < 0.1


def ever_outside(draw: Draw, truth: float, reach: float, largest: int, runs: int) -> float:
    """Return the share of runs whose interval missed the truth after any of the looks."""
    missed = 0
    for seed in range(runs):
        sums, sizes = draw(np.random.default_rng(90_000 + seed))
        bets = BoundedBets(reach, largest, 0.05)
        for at in range(0, len(sums), 20):
            bets.bet(sums[at : at + 20], sizes[at : at + 20])
            low, high = bets.interval()
            if not low <= truth <= high:
                missed += 1
                break
    return missed / runs


def _skewed(rng: np.random.Generator) -> tuple[Any, Any]:
    """Mean 0: one in twenty loses what the others gain. A flip calls it an improvement."""
    return np.where(rng.random(200) < 0.05, -0.95, 0.05), np.ones(200)


def _families(rng: np.random.Generator) -> tuple[Any, Any]:
    """Mean -0.1; families share most of their change, and are of unequal size."""
    sizes = rng.choice([1.0, 1.0, 2.0, 8.0], 100)
    return np.clip(rng.normal(-0.1, 0.25, 100), -0.9, 0.7) * sizes, sizes


def _changes(rng: np.random.Generator) -> tuple[Any, Any]:
    return rng.choice([-1.0, 0.0, 1.0], 200, p=[0.1, 0.8, 0.1]), np.ones(200)


@pytest.mark.parametrize(
    ("draw", "truth", "largest"), [(_skewed, 0.0, 1), (_families, -0.1, 8), (_changes, 0.0, 1)]
)
def test_the_interval_covers_at_all_looks_together(draw: Draw, truth: float, largest: int) -> None:
    assert ever_outside(draw, truth, 1.0, largest, 400) <= 0.05


def looks(n: int, *, strict: bool, largest: int = 1, of: int = 20) -> LookByLook:
    schedule = Schedule(tuple((i + 1) / of for i in range(of)), 0.05, 4)
    return LookByLook(schedule, n, 999, 0, anytime=True, largest=largest if strict else None)


def test_luck_without_the_rare_loss_is_no_improvement(paired: Make) -> None:
    """What swaps call proven, because all signs agree, is not known of the mean."""
    gains = np.where(np.arange(200) < 100, 0.05, -0.95)  # the losses come late
    found = {}
    for strict in (False, True):
        test = looks(200, strict=strict)
        for n in range(10, 101, 10):
            (found[strict],) = test.look([paired(np.full(n, 0.95), 0.95 + gains[:n], margin=0.01)])
    assert found[False].verdict == "improved"
    assert found[True].verdict == "inconclusive"
    assert found[True].test == "bets on the mean of a bounded score"
    low = found[True].low
    assert low is not None
    assert low < -0.01


def test_a_line_is_accused_where_its_interval_excludes_no_change(paired: Make) -> None:
    rng = np.random.default_rng(11)
    n = 400
    before = rng.random(n)
    after = np.clip(before - 0.15 + rng.normal(0, 0.2, n), 0, 1)
    test = looks(n, strict=True)
    seen = []
    for size in range(20, n + 1, 20):
        (one,) = test.look([paired(before[:size], after[:size], margin=0.05)])
        assert one.level == 0.95
        assert one.high is not None
        assert (one.p_value <= 0.05) == (one.high < 0)
        seen.append(one.verdict)
    assert seen[0] == "inconclusive"
    assert seen[-1] == "regressed"
    assert one.high is not None
    assert one.low is not None
    assert one.detectable_difference is not None
    assert one.detectable_difference > (one.high - one.low) / 2
    assert not one.notes


def test_what_has_no_bound_is_judged_by_swaps_and_proves_at_four_looks(paired: Make) -> None:
    rng = np.random.default_rng(12)
    n = 400
    seconds = rng.lognormal(0, 0.2, n)
    quality = rng.random(n)
    test = looks(n, strict=True)
    proven: dict[str, list[int]] = {"quality": [], "latency": []}
    for at, size in enumerate(range(20, n + 1, 20), 1):
        lines = [
            paired(quality[:size], quality[:size], name="quality", margin=0.1),
            paired(
                seconds[:size],
                (seconds * rng.permuted(np.repeat([0.98, 1.02], n // 2)))[:size],
                name="latency",
                kind="count",
                high=math.inf,
                margin=1.1,
                statistic="signed_ranks",
                higher_is_better=False,
            ),
        ]
        for found in test.look(lines):
            if found.verdict in ("equivalent", "no_worse"):
                proven[found.name].append(at)
    assert set(proven["latency"]) <= {5, 10, 15, 20}
    assert 20 in proven["latency"]
    first = proven["quality"][0]
    assert first not in (5, 10, 15, 20)
    assert proven["quality"] == list(range(first, 21))


@pytest.mark.slow
def test_it_finds_an_ordinal_drop_in_most_runs_and_seldom_what_is_not_there() -> None:
    """The drop that a fixed sample of 400 finds in 99 %."""

    def accused(shift: float, seed: int) -> int | None:
        rng = np.random.default_rng(seed)
        quality = rng.normal(2.6, 0.6, 400)
        before = np.clip(np.rint(quality + rng.normal(0, 0.6, 400)), 1, 4)
        after = np.clip(np.rint(quality + shift + rng.normal(0, 0.6, 400)), 1, 4)
        bets = BoundedBets(3.0, 1, 0.05)
        for at in range(0, 400, 20):
            bets.bet((after - before)[at : at + 20], np.ones(20))
            low, high = bets.interval()
            if low > 0 or high < 0:
                return at + 20
        return None

    found = [accused(-0.21, 20_000 + i) for i in range(200)]
    assert 0.82 <= sum(at is not None for at in found) / 200 <= 0.94
    assert np.mean([at or 400 for at in found]) <= 250
    assert sum(accused(0.0, 30_000 + i) is not None for i in range(200)) <= 0.05 * 200
