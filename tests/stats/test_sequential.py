"""Several looks: known boundaries, exactness, and agreement with a single look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy.special import ndtri

from promptreg.stats.analysis import analyse
from promptreg.stats.model import PairedResult, PairedScores
from promptreg.stats.sequential.futility import chance_to_accuse, chance_to_prove
from promptreg.stats.sequential.looks import LookByLook
from promptreg.stats.sequential.spending import Schedule, obrien_fleming

Make = Callable[..., PairedScores]
FOUR = (0.25, 0.5, 0.75, 1.0)


def first(metric: PairedScores, scenarios: int) -> PairedScores:
    """Return the metric as it is when so many scenarios came."""
    return replace(
        metric,
        baseline=metric.baseline[:scenarios],
        candidate=metric.candidate[:scenarios],
        families=metric.families[:scenarios],
    )


def look_all(
    metrics: Sequence[PairedScores],
    sizes: Sequence[int],
    *,
    draws: int,
    alpha: float = 0.05,
    seed: int = 1,
) -> list[list[PairedResult]]:
    families = 1 + max(int(m.families.max()) for m in metrics)
    schedule = Schedule(tuple(n / sizes[-1] for n in sizes), alpha)
    test = LookByLook(schedule, families, draws, seed)
    return [test.look([first(m, n) for m in metrics]) for n in sizes]


def test_spending_has_known_values() -> None:
    # 4 (1 - Phi(2.2414 / sqrt(t))) at four equal times.
    schedule = Schedule(FOUR, 0.05)
    spent = [schedule.spent(i) for i in range(4)]
    assert spent == pytest.approx([0.00001473, 0.003051, 0.01930, 0.05], rel=1e-3)
    assert sum(schedule.increment(i) for i in range(4)) == pytest.approx(0.05)
    assert obrien_fleming(0.05, 0.0) == 0
    # The first boundary is the normal quantile of what may be spent.
    assert -float(ndtri(spent[0] / 2)) == pytest.approx(4.333, abs=1e-3)


@pytest.mark.parametrize("times", [(), (0.5,), (0.5, 0.5, 1.0), (0.0, 1.0), (0.6, 0.4, 1.0)])
def test_times_must_increase_to_one(times: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="must increase"):
        Schedule(times, 0.05)


def test_many_looks_never_spend_nothing_or_go_backwards() -> None:
    schedule = Schedule(tuple((i + 1) / 500 for i in range(500)), 0.01)
    increments = [schedule.increment(i) for i in range(500)]
    assert min(increments) > 0
    assert sum(increments) == pytest.approx(0.01)


def test_boundaries_of_many_families_are_those_of_the_normal_distribution(paired: Make) -> None:
    rng = np.random.default_rng(3)
    n = 1200
    metric = paired(rng.uniform(0.3, 0.7, n), rng.uniform(0.3, 0.7, n))
    test = LookByLook(Schedule(FOUR, 0.05), n, 29_999, 5)
    found = []
    for i in range(4):
        test.look([first(metric, n * (i + 1) // 4)])
        found.append(test.boundary)
    # Lan-DeMets O'Brien-Fleming, four equal looks, two-sided .05: 4.333, 2.963, 2.359, 2.014.
    # 29,999 flips cannot resolve the first one.
    assert found[0] is None
    assert found[1:] == pytest.approx([2.963, 2.359, 2.014], abs=0.06)
    assert test.used == pytest.approx(0.05, abs=0.001)


def test_the_first_look_gets_the_draws_it_needs() -> None:
    schedule = Schedule(FOUR, 0.05)
    draws = schedule.draws(9_999, 99_999)
    assert 1 <= schedule.spent(0) * (draws + 1) < 1.01
    # Where even that is not enough, the earliest look that can be resolved decides.
    assert Schedule(tuple(i / 10 for i in range(1, 11)), 0.05).draws(999, 99_999) < 30_000


def test_a_catastrophe_is_accused_at_the_first_look(paired: Make) -> None:
    n = 120
    metric = paired(np.ones(n), np.zeros(n), kind="binary")
    test = LookByLook(Schedule(FOUR, 0.05), n, Schedule(FOUR, 0.05).draws(9_999, 99_999), 1)
    (result,) = test.look([first(metric, n // 4)])
    assert result.verdict == "regressed"


def test_a_single_look_is_the_fixed_sample(paired: Make) -> None:
    rng = np.random.default_rng(4)
    before = rng.uniform(0, 1, (60, 3))
    after = np.clip(before + rng.normal(0, 0.2, (60, 3)) - [0.12, 0.0, 0.03], 0, 1)
    metrics = [paired(before[:, i], after[:, i], name=f"m{i}") for i in range(3)]
    metrics.append(paired(before[:, 0] > 0.5, after[:, 0] > 0.5, name="passed", kind="binary"))
    fixed = analyse(metrics, seed=9, draws=999)
    ((*looked,),) = look_all(metrics, [60], draws=999, seed=9)
    # The joint p-value is never below the metric's own in the one, and is what it is in the other.
    assert [r.verdict for r in looked] == [r.verdict for r in fixed]
    for a, b in zip(looked, fixed, strict=True):
        assert replace(a, p_adjusted=None) == replace(b, p_adjusted=None)
        assert a.p_adjusted == pytest.approx(b.p_adjusted, abs=0.02)


@pytest.mark.parametrize("later", ["scenarios", "repeats"])
def test_it_is_exact_for_every_flip_of_any_data(paired: Make, later: str) -> None:
    """Of all equally likely data, no more than alpha are ever accused: two metrics, three looks."""
    rng = np.random.default_rng(8)
    families, alpha = 8, 0.25
    n = 2 * families
    labels = np.arange(n) // 2
    values = rng.exponential(0.2, (2, n, 3)).clip(0, 1)
    sizes = [6, 10, 16] if later == "scenarios" else [16, 16, 16]
    accused = 0
    for signs in product((False, True), repeat=families):
        flip = np.asarray(signs)[labels][:, None]
        test = LookByLook(Schedule((0.4, 0.7, 1.0), alpha), families, 9_999, 1, exact=True)
        crossed = False
        for look, size in enumerate(sizes):
            asked = look + 1 if later == "repeats" else 1
            lines = []
            for name, v in zip("ab", values, strict=True):
                zero = np.zeros_like(v)
                lines.append(
                    paired(
                        np.where(flip, v, zero)[:size, :asked],
                        np.where(flip, zero, v)[:size, :asked],
                        labels[:size],
                        name=name,
                    )
                )
            crossed = crossed or any(
                (r.p_adjusted or 1.0) <= test.schedule.spent(look) for r in test.look(lines)
            )
        accused += crossed
    assert 0 < accused <= alpha * 2**families
    assert test.used <= alpha


def test_flips_that_crossed_stay_crossed(paired: Make) -> None:
    """An improvement that was shown at a look stands, though later data would not show it."""
    n = 80
    after = np.full(n, 0.5)
    after[:40] = 0.9  # then nothing but noise around no change
    after[40:] = np.where(np.arange(40) % 2, 0.1, 0.85)
    looks = look_all([paired(np.full(n, 0.5), after)], [40, 80], draws=9_999)
    assert looks[0][0].verdict == "improved"
    assert looks[1][0].verdict == "improved"
    assert looks[1][0].p_adjusted == looks[0][0].p_adjusted


def test_an_accusation_that_turned_round_is_dropped(paired: Make) -> None:
    n = 120
    after = np.r_[np.full(40, 0.9), np.full(80, 0.0)]
    looks = look_all([paired(np.full(n, 0.5), after)], [40, 120], draws=9_999)
    assert looks[0][0].verdict == "improved"
    assert looks[1][0].verdict == "inconclusive"


def test_intervals_have_the_levels_that_sum_to_alpha(paired: Make) -> None:
    rng = np.random.default_rng(2)
    metric = paired(rng.uniform(0.4, 0.6, 200), rng.uniform(0.4, 0.6, 200))
    looks = look_all([metric], [50, 100, 150, 200], draws=9_999)
    assert sum(1 - r.level for (r,) in looks) == pytest.approx(0.05)
    assert looks[1][0].verdict == "equivalent"  # a difference this small needs half the data
    assert looks[0][0].verdict == "inconclusive"


@pytest.mark.parametrize("statistic", ["signed_ranks", "ratio_of_totals"])
def test_other_statistics_take_part(paired: Make, statistic: str) -> None:
    rng = np.random.default_rng(6)
    before = rng.lognormal(0, 0.3, 160)
    slower = before * rng.lognormal(0.3, 0.2, 160)
    metric = paired(before, slower, kind="count", statistic=statistic, higher_is_better=False)
    looks = look_all([metric], [40, 80, 120, 160], draws=9_999)
    assert looks[-1][0].verdict == "regressed"
    assert looks[1][0].verdict == "regressed"


def test_a_line_may_come_late_or_be_empty(paired: Make) -> None:
    n = 60
    families = np.arange(n)
    late = paired(np.ones(20), np.zeros(20), families[40:], name="late", kind="binary")
    whole = paired(np.full(n, 0.5), np.full(n, 0.5), name="whole")
    test = LookByLook(Schedule((0.5, 1.0), 0.05), n, 9_999, 1)
    test.look([first(whole, 30), first(late, 0)])
    _, result = test.look([whole, late])
    assert result.verdict == "regressed"


def test_wrong_use_is_refused(paired: Make) -> None:
    metric = paired([0.5] * 9, [0.5] * 9)
    test = LookByLook(Schedule((1.0,), 0.05), 8, 999, 1)
    with pytest.raises(ValueError, match="family index 8 is not one of 8"):
        test.look([metric])
    test = LookByLook(Schedule((1.0,), 0.05), 9, 999, 1)
    test.look([metric])
    with pytest.raises(ValueError, match="all 1 planned looks"):
        test.look([metric])


@pytest.mark.parametrize("better", [1, -1])
def test_conditional_power_is_what_simulation_says(paired: Make, better: int) -> None:
    rng = np.random.default_rng(12)
    n, now, margin = 400, 200, 0.05
    before = rng.uniform(0.3, 0.7, now)
    after = before - better * 0.03 + rng.normal(0, 0.2, now) * 0.7
    metric = paired(
        *np.clip([before, after], 0, 1), higher_is_better=better == 1, margin=margin, high=1.0
    )
    (result,) = analyse([metric], seed=1, draws=999)
    change, se = result.difference, result.se
    assert change is not None
    assert se is not None
    rest = rng.normal(0.0, se * np.sqrt(now / (n - now)), 200_000)
    final = better * (change * now + rest * (n - now)) / n
    proven = np.mean(final - 2.0 * se * np.sqrt(now / n) > -margin)
    level = 0.0455  # z = 2.0
    chance = chance_to_prove(result, better=better, share=now / n, level=level)
    assert chance == pytest.approx(proven, abs=0.01)
    trend = better * (change * n + rest * (n - now)) / n
    accused = np.mean(trend < -2.0 * se * np.sqrt(now / n))
    chance = chance_to_accuse(result, better=better, share=now / n, level=level)
    assert chance == pytest.approx(accused, abs=0.01)


def test_nothing_is_called_futile_without_a_spread(paired: Make) -> None:
    (result,) = analyse([paired([0.5] * 20, [0.5] * 20)], seed=1)
    assert chance_to_prove(result, better=1, share=0.5, level=0.05) == 1
    assert chance_to_accuse(result, better=1, share=0.5, level=0.05) == 0
