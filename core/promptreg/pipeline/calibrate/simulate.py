"""Simulated gates: sides drawn from real completions, through the real comparison and gate."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from promptreg.pipeline.calibrate.looking import hold
from promptreg.pipeline.looks.reach import Reach
from promptreg.policy import OVERALL, Policy
from promptreg.records import Run
from promptreg.stages.calibrate import (
    GateRates,
    InjectedRates,
    Injection,
    Pool,
    Strata,
    Tally,
    draw,
    family_strata,
    worsened,
)
from promptreg.stages.compare import RunPair
from promptreg.stages.compare.differences import tables_of
from promptreg.stages.compare.lines import slice_of
from promptreg.verdicts import Criterion

__all__ = ["MOST_DRAWS", "overall_of", "simulate_a_a", "simulate_injection", "simulated_policy"]

MOST_DRAWS = 1_999
"""Flips in a simulated gate. The level of a test does not depend on the number of flips (the +1 in
`(count + 1) / (flips + 1)` sees to that), only whether a single gate near the border falls on one
side or the other; real gates draw as many as the policy says. At the first of several looks so
few accuse nothing, so a gate is said to stop a little later than it does."""
Tick = Callable[[], None]


def simulated_policy(policy: Policy) -> Policy:
    """Return the policy without what cannot change a verdict: slices, metrics that do not gate.

    With several looks they stay: an early pass waits where a slice lost.
    """
    fewest = math.ceil(10 / policy.alpha)  # the analysis refuses fewer
    draws = min(policy.draws, max(MOST_DRAWS, fewest))
    if policy.looks.several:
        return replace(policy, draws=draws)
    members = {m for names in policy.overall.values() for m in names}
    needed = {*policy.gating, *members, *(b.metric for b in policy.limits)}
    needed |= {guard.metric for guard in policy.guards}
    return replace(
        policy,
        slices=(),
        slicings=(),
        draws=draws,
        scales={name: scale for name, scale in policy.scales.items() if name in needed},
    )


def simulate_a_a(
    pools: Sequence[Pool],
    policy: Policy,
    *,
    resample: bool,
    simulations: int,
    seed: Sequence[int],
    tick: Tick,
    reach: Reach,
    criteria: Sequence[Criterion] = (),
) -> GateRates:
    """Return what gates say where nothing changed.

    Two questions can be asked of the same completions:

    - `resample=False`, "these scenarios again": which of a scenario's completions are the
      baseline's and which the candidate's is drawn anew. Given the completions this is the very
      null hypothesis of the sign-flip test, so its rate is bounded by construction; it shows that
      nothing besides the test (limits, composite, correction) adds alarms on exactly this suite.
    - `resample=True`, "another A/A on scenarios like these": families are drawn with replacement
      as well (so that guarded slices keep their number of families), and a family drawn twice
      counts as two. This is the rate to quote: a comparison
      speaks about scenarios like these, and whether a gate passes depends on which it meets.

    Both hold the completions fixed; what asking the model even more often would show beyond them,
    neither can tell.

    Args:
        pools: completions, one for each template.
        policy: from `simulated_policy`.
        resample: which question.
        simulations: gates.
        seed: of everything drawn.
        tick: called after each gate.
        reach: what the gating lines have when all is asked, for several looks.
        criteria: what the policy asks of the scenarios, judged on all of them.
    """
    rng = np.random.default_rng(seed)
    tally = Tally()
    strata = _strata(pools, policy) if resample else None
    for _ in range(simulations):
        _gate(draw(pools, rng, strata), pools, policy, rng, tally, reach, criteria)
        tick()
    return tally.gates()


def simulate_injection(
    pools: Sequence[Pool],
    policy: Policy,
    injection: Injection,
    *,
    simulations: int,
    seed: Sequence[int],
    tick: Tick,
    reach: Reach,
    criteria: Sequence[Criterion] = (),
) -> InjectedRates:
    """Return what gates on scenarios like these say where one metric worsened by a known amount.

    Arguments as above.
    """
    rng = np.random.default_rng(seed)
    part = slice_of(injection.where) if injection.where else None
    tally = Tally((injection.template, injection.metric, part))
    strata = _strata(pools, policy)
    for _ in range(simulations):
        sides = [
            (base, worsened(cand, injection, rng) if pool.template == injection.template else cand)
            for pool, (base, cand) in zip(pools, draw(pools, rng, strata), strict=True)
        ]
        _gate(sides, pools, policy, rng, tally, reach, criteria)
        tick()
    return tally.injected()


def _strata(pools: Sequence[Pool], policy: Policy) -> Strata:
    return family_strata(pools, [guard.where for guard in policy.guards])


def _gate(
    sides: Sequence[tuple[Run, Run]],
    pools: Sequence[Pool],
    policy: Policy,
    rng: np.random.Generator,
    tally: Tally,
    reach: Reach,
    criteria: Sequence[Criterion],
) -> None:
    pairs = [
        RunPair(pool.template, base, cand) for pool, (base, cand) in zip(pools, sides, strict=True)
    ]
    held = hold(pairs, policy, reach, criteria, seed=int(rng.integers(2**62)))
    tally.add(held.differences, held.limits, held.gate, held.asked)


def overall_of(pool: Pool, policy: Policy) -> np.ndarray | None:
    """Return the composite of each completion, shape (scenarios, completions); None without one."""
    if not policy.overall:
        return None
    return tables_of(RunPair(pool.template, pool.run, pool.run), policy, "baseline")[
        OVERALL
    ].baseline
