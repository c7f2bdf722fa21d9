"""Whether an unchanged version goes on answering as it did: a control chart of repeated runs.

The chart tests each new run against all earlier ones of its level. Under the null hypothesis the
runs of one version on the same scenarios are exchangeable within each family: any of them might as
well have been the newest. So for each family one of the runs is drawn to play the newest, all
independently, and the mean difference between newest and others is computed again. This is the
permutation test of a one-way layout blocked by families; it is exact for scores of any
distribution, needs no model of the noise between runs, and with two runs it is the sign-flip test
of `promptreg.stats.paired` (Fisher 1935; Pitman 1937; Pesarin and Salmaso 2010, *Permutation
Tests for Complex Data*, ch. 1 and 2). Shewhart's charts (1931) compare with limits from the spread
of earlier points instead; a handful of runs is too few to know that spread.

The error: each look alarms falsely with a probability of at most `alpha`, whatever was seen
before, so that on average there is at most one false alarm in 1/alpha new runs (an in-control run
length of at least 1/alpha if looks were independent), and at most n*alpha in n runs. Deviation
from a test of one hypothesis: nothing is spent over looks, because a service is watched without
end, and any bound over all looks would make the chart blind in time.

After an alarm the level starts anew with the run after the one that gave it: a changed service is
compared with itself, and a return to the old level is an alarm, too. The run of the alarm is left
out of the new level, as it was chosen for being extreme: the next one, compared with it alone,
would alarm falsely far more often than `alpha`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["ALPHA", "Look", "control_chart"]

ALPHA = 0.005
"""False alarms per new run, at most: one in 200."""
_CELLS = 2_000_000
_MANY_FAMILIES = 2_000


@dataclass(frozen=True, slots=True)
class Look:
    """What one run says against the earlier ones of its level.

    Attributes:
        earlier: how many these are; 0 where a level begins.
        difference: mean of the run less mean of the earlier ones; None at the beginning.
        p_value: two-sided; None at the beginning, or where nothing could be compared.
        alarm: whether p_value is at most alpha.
        scenarios: how many had values in all of these runs.
        possible: whether there were enough families for an alarm at all.
    """

    earlier: int
    difference: float | None
    p_value: float | None
    alarm: bool
    scenarios: int
    possible: bool


def control_chart(
    values: NDArray[np.float64],
    families: Sequence[int] | NDArray[np.intp],
    *,
    alpha: float = ALPHA,
    draws: int = 9999,
    seed: int = 0,
) -> tuple[Look, ...]:
    """Return one look per run.

    Args:
        values: shape (runs, scenarios), the oldest first; NaN where a scenario has no value.
        families: family of each scenario, from 0.
        alpha: probability of a false alarm per run.
        draws: of the permutation; with more than 2,000 families a fifth of it.
        seed: of the draws.

    Raises:
        ValueError: shapes do not fit, or alpha is not between 0 and 1.
    """
    rows = np.asarray(values, dtype=np.float64)
    index = np.asarray(families, dtype=np.intp)
    if rows.ndim != 2 or rows.shape[1] != len(index):
        raise ValueError(
            f"values have shape {rows.shape}, families {index.shape}; allowed: (runs, scenarios) "
            "and (scenarios,)"
        )
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha}; allowed: between 0 and 1")
    rng = np.random.default_rng(seed)
    looks: list[Look] = []
    start = 0
    for newest in range(len(rows)):
        if newest == start:
            looks.append(Look(0, None, None, False, rows.shape[1], False))
            continue
        look = _look(rows[start : newest + 1], index, alpha, draws, rng)
        looks.append(look)
        if look.alarm:
            start = newest + 1
    return tuple(looks)


def _look(
    rows: NDArray[np.float64],
    families: NDArray[np.intp],
    alpha: float,
    draws: int,
    rng: np.random.Generator,
) -> Look:
    """Compare the last row with those before it."""
    k = len(rows)
    used = np.isfinite(rows).all(axis=0)
    n = int(used.sum())
    if n == 0:
        return Look(k - 1, None, None, False, 0, False)
    kept = rows[:, used]
    # x_r less the mean of the others, for each run r.
    apart = (kept - kept.mean(axis=0)) * (k / (k - 1))
    _, family = np.unique(families[used], return_inverse=True)
    groups = int(family.max()) + 1
    sums = np.zeros((k, groups))
    for r in range(k):
        sums[r] = np.bincount(family, weights=apart[r], minlength=groups)
    moving = np.ptp(sums, axis=0) > 1e-12
    sums = sums[:, moving]
    difference = float(apart[-1].mean())
    # The rarest outcome of the draws: two of k to the power of the families that differ at all.
    possible = sums.shape[1] * np.log(k) >= np.log(2 / alpha)
    if sums.shape[1] == 0:
        return Look(k - 1, difference, 1.0, False, n, False)
    observed = abs(float(sums[-1].sum()))
    size = draws if sums.shape[1] <= _MANY_FAMILIES else max(draws // 5, 999)
    tolerance = 1e-9 * max(1.0, observed)
    hits = 0
    columns = np.arange(sums.shape[1])
    step = max(1, _CELLS // sums.shape[1])
    for begin in range(0, size, step):
        count = min(step, size - begin)
        picked = rng.integers(0, k, (count, sums.shape[1]))
        totals = np.abs(sums[picked, columns].sum(axis=1))
        hits += int((totals >= observed - tolerance).sum())
    p = (hits + 1) / (size + 1)
    return Look(k - 1, difference, p, bool(p <= alpha), n, bool(possible))
