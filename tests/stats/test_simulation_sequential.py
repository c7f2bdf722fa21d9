"""Seeded simulations of several looks: false alarms, power, data used, false acquittals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from promptreg.stats.analysis import PairedScores, analyse
from promptreg.stats.model import Floats
from promptreg.stats.sequential.looks import LookByLook
from promptreg.stats.sequential.spending import Schedule

Make = Callable[..., PairedScores]
DRAWS = 999
ORDINAL: dict[str, object] = {"kind": "ordinal", "low": 1.0, "high": 4.0, "margin": 0.25}


@dataclass(slots=True)
class Seen:
    """What became of repeated experiments."""

    accused: int = 0
    peeked: int = 0
    fixed: int = 0
    acquitted: int = 0
    used: int = 0


def slack(claim: float, repetitions: int) -> float:
    """Return three standard errors of a simulated rate."""
    return float(3 * np.sqrt(claim * (1 - claim) / repetitions))


def experiment(
    lines: Callable[[int], Sequence[PairedScores]], sizes: Sequence[int], n_families: int, seed: int
) -> Seen:
    """Look at one set of data until something is accused, and peek at it naively as well."""
    test = LookByLook(Schedule(tuple(n / sizes[-1] for n in sizes), 0.05), n_families, DRAWS, seed)
    seen = Seen()
    for size in sizes:
        now = lines(size)
        fixed = analyse(now, seed=seed, draws=DRAWS)
        hit = any((r.p_adjusted or r.p_value) <= 0.05 for r in fixed)
        seen.peeked |= hit
        seen.fixed = int(hit)
        if seen.used:
            continue
        found = test.look(now)
        spent = test.schedule.spent(test.made - 1)
        seen.accused = int(any((r.p_adjusted or 1.0) <= spent for r in found))
        acquitted = found[0].verdict in ("equivalent", "no_worse", "improved")
        seen.acquitted |= acquitted
        if seen.accused or size == sizes[-1]:
            seen.used = size
    return seen


def total(rows: Sequence[Seen]) -> Seen:
    return Seen(
        **{name: sum(getattr(row, name) for row in rows) for name in Seen.__dataclass_fields__}
    )


def rubric(rng: np.random.Generator, n: int, shift: float) -> tuple[Floats, Floats]:
    """Scores 1 to 4; the candidate's latent quality is shifted."""
    quality = rng.normal(2.6, 0.6, n)
    before = np.clip(np.rint(quality + rng.normal(0, 0.6, n)), 1, 4)
    after = np.clip(np.rint(quality + shift + rng.normal(0, 0.6, n)), 1, 4)
    return before, after


def growing(paired: Make, rng: np.random.Generator, n: int, shift: float) -> Callable[[int], list]:  # type: ignore[type-arg] # a list of lines
    before, after = rubric(rng, n, shift)
    return lambda size: [paired(before[:size], after[:size], **ORDINAL)]


@pytest.mark.slow
def test_without_a_change_looking_costs_no_false_alarms(paired: Make) -> None:
    repetitions, sizes = 700, [50, 100, 150, 200]
    seen = total(
        [
            experiment(growing(paired, np.random.default_rng(i), 200, 0.0), sizes, 200, i)
            for i in range(repetitions)
        ]
    )
    assert seen.accused <= (0.05 + slack(0.05, repetitions)) * repetitions
    assert seen.accused >= 0.02 * repetitions  # nor is it merely timid
    # Peeking at the same data with the same test, each time at 5 %.
    assert seen.peeked > (0.05 + slack(0.05, repetitions)) * repetitions
    assert seen.peeked > 1.6 * seen.accused


@pytest.mark.slow
def test_several_metrics_in_families_cost_no_false_alarms(paired: Make) -> None:
    """Six correlated metrics, scenarios in families that share their difference."""
    repetitions, per = 300, 4
    sizes = [40, 80, 120, 160]
    rows = []
    for i in range(repetitions):
        rng = np.random.default_rng(10_000 + i)
        n = sizes[-1]
        labels = np.arange(n) // per
        shared = rng.normal(0, 0.15, n // per)[labels]
        own = rng.normal(0, 0.1, (6, n)) + shared
        before = np.full(n, 0.5)

        def lines(size: int, own: Floats = own, labels: Any = labels, b: Floats = before) -> list:  # type: ignore[type-arg] # as above
            after = np.clip(b + own, 0, 1)
            return [
                paired(b[:size], after[j, :size], labels[:size], name=f"m{j}") for j in range(6)
            ]

        rows.append(experiment(lines, sizes, n // per, i))
    seen = total(rows)
    assert seen.accused <= (0.05 + slack(0.05, repetitions)) * repetitions
    assert seen.peeked > seen.accused


@pytest.mark.slow
def test_repeats_may_follow_scenarios(paired: Make) -> None:
    """Two looks at scenarios, then two at further repeats of all of them; nothing changed."""
    repetitions, n = 500, 80
    rows = []
    for i in range(repetitions):
        rng = np.random.default_rng(20_000 + i)
        mean = rng.uniform(0.3, 0.7, (n, 1)) + rng.normal(0, 0.1, (n, 1))
        both = np.clip(mean + rng.normal(0, 0.2, (2, n, 3)), 0, 1)
        steps = [(40, 1), (80, 1), (80, 2), (80, 3)]

        def lines(step: int, both: Floats = both, steps: list[tuple[int, int]] = steps) -> list:  # type: ignore[type-arg] # as above
            size, asked = steps[step - 1]
            return [paired(both[0, :size, :asked], both[1, :size, :asked])]

        rows.append(experiment(lines, [1, 2, 3, 4], n, i))
    seen = total(rows)
    assert seen.accused <= (0.05 + slack(0.05, repetitions)) * repetitions
    assert seen.peeked > 1.3 * seen.accused


@pytest.mark.slow
def test_four_looks_keep_the_power_and_save_a_third_of_the_data(paired: Make) -> None:
    repetitions, sizes = 250, [100, 200, 300, 400]
    seen = total(
        [
            experiment(growing(paired, np.random.default_rng(500 + i), 400, -0.21), sizes, 400, i)
            for i in range(repetitions)
        ]
    )
    power, fixed = seen.accused / repetitions, seen.fixed / repetitions
    assert power >= 0.93
    assert power >= fixed - 0.03
    assert 200 <= seen.used / repetitions <= 310


@pytest.mark.slow
def test_a_drop_of_exactly_the_margin_is_rarely_acquitted_at_any_look(paired: Make) -> None:
    repetitions, sizes = 500, [50, 100, 150, 200]
    wide = rubric(np.random.default_rng(0), 400_000, -0.3)
    margin = -float((wide[1] - wide[0]).mean())
    rows = []
    for i in range(repetitions):
        before, after = rubric(np.random.default_rng(900 + i), 200, -0.3)

        def lines(size: int, b: Floats = before, a: Floats = after) -> list:  # type: ignore[type-arg] # as above
            return [paired(b[:size], a[:size], **(ORDINAL | {"margin": margin}))]

        rows.append(experiment(lines, sizes, 200, i))
    seen = total(rows)
    assert seen.acquitted <= (0.025 + slack(0.025, repetitions)) * repetitions
