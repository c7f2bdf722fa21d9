"""Makers of A/B data whose truth is known, and the rates that the analysis then shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from promptreg.stats.unpaired.analysis import ArmScores, analyse_unpaired

Floats = NDArray[np.float64]
Maker = Callable[[np.random.Generator], tuple[Floats, Floats, NDArray[np.intp], NDArray[np.intp]]]


def make_arms(
    baseline: ArrayLike,
    candidate: ArrayLike,
    baseline_units: ArrayLike | None = None,
    candidate_units: ArrayLike | None = None,
    **given: object,
) -> ArmScores:
    """Return scores of two arms in [0, 1], unless told otherwise; each scenario is a unit."""
    before, after = (np.asarray(side, dtype=float) for side in (baseline, candidate))
    settings: dict[str, Any] = {
        "name": "score",
        "kind": "bounded",
        "low": 0.0,
        "high": 1.0,
        "higher_is_better": True,
        "margin": 0.05,
    }
    if given.get("statistic") in ("signed_ranks", "ratio_of_totals"):
        settings |= {"high": np.inf, "margin": 1.10, "kind": "count", "higher_is_better": False}
    settings |= given
    first = np.arange(len(before)) if baseline_units is None else np.asarray(baseline_units)
    start = int(first.max()) + 1 if len(first) else 0
    last = np.arange(len(after)) + start if candidate_units is None else np.asarray(candidate_units)
    return ArmScores(
        baseline=before,
        candidate=after,
        baseline_units=first.astype(np.intp),
        candidate_units=last.astype(np.intp),
        **settings,
    )


def assigned_of(*arms: ArmScores) -> NDArray[np.bool_]:
    """Return which units are the candidate's."""
    size = 1 + max(int(u.max()) for a in arms for u in (a.baseline_units, a.candidate_units))
    found = np.zeros(size, dtype=bool)
    for arm in arms:
        found[arm.candidate_units] = True
    return found


@dataclass(frozen=True)
class Rates:
    """Shares of simulated logs: p <= .05, and intervals that miss the truth."""

    alarms: float
    misses: float


def rates(make: Maker, truth: float, times: int, seed: int, **settings: Any) -> Rates:
    """Return how often the analysis errs on data made anew each time.

    Args:
        make: baseline, candidate and the units of both.
        truth: of the difference; of the ratio where the statistic is one.
        times: logs to make.
        seed: of all of them.
        settings: of the scores.
    """
    rng = np.random.default_rng(seed)
    alarms = misses = 0
    for i in range(times):
        arms = make_arms(*make(rng), **settings)
        (r,) = analyse_unpaired([arms], assigned_of(arms), draws=399, seed=i)
        low, high = (r.ratio[1], r.ratio[2]) if r.ratio else (r.low, r.high)
        alarms += r.p_value <= 0.05
        misses += (low is not None and truth < low) or (high is not None and truth > high)
    return Rates(alarms / times, misses / times)


def single(before: Floats, after: Floats) -> tuple[Floats, Floats, NDArray[Any], NDArray[Any]]:
    """Return two arms of scenarios that were drawn one by one."""
    n = len(before)
    return before, after, np.arange(n), np.arange(n, n + len(after))


def clustered(
    rng: np.random.Generator,
    units: tuple[int, int],
    value: Callable[[np.random.Generator, int, int], Floats],
) -> tuple[Floats, Floats, NDArray[Any], NDArray[Any]]:
    """Return two arms of whole units of 1 to 12 scenarios; `value(rng, arm, size)` is a unit's."""
    arms: list[Floats] = []
    labels: list[NDArray[Any]] = []
    for arm, count in enumerate(units):
        sizes = rng.integers(1, 13, size=count)
        arms.append(np.concatenate([value(rng, arm, int(s)) for s in sizes]))
        labels.append(np.repeat(np.arange(count) + arm * units[0], sizes))
    return arms[0], arms[1], labels[0], labels[1]
