"""Everything that is measured from both halves of an A/A."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from promptreg.pipeline.calibrate.looking import hold
from promptreg.pipeline.calibrate.report import Injected
from promptreg.pipeline.calibrate.simulate import (
    overall_of,
    simulate_a_a,
    simulate_injection,
    simulated_policy,
)
from promptreg.pipeline.keys import digest
from promptreg.pipeline.looks.reach import Reach
from promptreg.policy import OVERALL, Policy
from promptreg.records import Outcome
from promptreg.stages.calibrate import (
    GateRates,
    Impossible,
    Injection,
    NoiseLine,
    Pool,
    Spend,
    TextNoise,
    next_spend,
    noise_lines,
    plan_injections,
    pool_of,
    text_noise,
)
from promptreg.stages.compare import RunPair, check_criteria
from promptreg.stages.compare.pairs import OVERALL_SCALE
from promptreg.stages.gate import open_criteria
from promptreg.store.runs import read_trials
from promptreg.verdicts import Difference, Gate

__all__ = ["Measured", "measure"]


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of it; see `CalibrationReport`.

    `observed` are the differences as asked; `unmet` are criteria that keep any gate from passing.
    """

    again: GateRates
    same: GateRates
    as_asked: Gate
    observed: tuple[Difference, ...]
    unmet: tuple[str, ...]
    injected: tuple[Injected, ...]
    impossible: tuple[Impossible, ...]
    noise: tuple[NoiseLine, ...]
    texts: tuple[TextNoise, ...]
    spend: tuple[Spend, ...]
    draws: int


def measure(
    pairs: Sequence[RunPair],
    policy: Policy,
    reach: Reach,
    *,
    simulations: int,
    every_metric: bool,
    tick: Callable[[int, int], None],
) -> Measured:
    """Return all that both halves of an A/A tell about the gate.

    The same completions give the same numbers: every draw comes from a seed made of what was
    asked.

    Args:
        pairs: both halves, one pair for each template.
        policy: the gate's, with its looks.
        reach: what its lines have when all is asked.
        simulations: gates for each rate.
        every_metric: worsen every gating metric in turn.
        tick: told of progress.
    """
    short = simulated_policy(policy)
    criteria = check_criteria([p.candidate for p in pairs], policy)
    named = [*(g.where for g in policy.guards), *(b.where for b in policy.limits)]
    attributes = sorted({*short.slices, *(name for where in named for name in where)})
    pools = [pool_of(p.baseline, p.candidate, short.scales, attributes) for p in pairs]
    composites = [overall_of(pool, short) for pool in pools]
    plans = [
        plan_injections(pool, short, composite, every=every_metric)
        for pool, composite in zip(pools, composites, strict=True)
    ]
    injections: list[Injection] = [i for made, _ in plans for i in made]
    total, done = simulations * (2 + len(injections)), 0

    def told() -> None:
        nonlocal done
        done += 1
        tick(done, total)

    seed = _seed(pairs)
    tick(0, total)
    again, same = (
        simulate_a_a(
            pools,
            short,
            resample=resample,
            simulations=simulations,
            seed=(seed, 0, int(resample)),
            tick=told,
            reach=reach,
            criteria=criteria,
        )
        for resample in (True, False)
    )
    injected = tuple(
        Injected(
            injection,
            simulate_injection(
                pools,
                short,
                injection,
                simulations=simulations,
                seed=(seed, 1, i),
                tick=told,
                reach=reach,
                criteria=criteria,
            ),
        )
        for i, injection in enumerate(injections)
    )
    asked = hold(pairs, policy, reach, criteria, seed=seed)
    return Measured(
        again=again,
        same=same,
        as_asked=asked.gate,
        observed=asked.differences,
        unmet=tuple(open_criteria(criteria)),
        injected=injected,
        impossible=tuple(i for _, not_made in plans for i in not_made),
        noise=tuple(line for pool in pools for line in noise_lines(pool, short.gating)),
        texts=tuple(_texts(pair) for pair in pairs),
        spend=tuple(_spend(pools, composites, short)),
        draws=short.draws,
    )


def _seed(pairs: Sequence[RunPair]) -> int:
    told = sorted((p.template, p.baseline.facts.template_sha256, p.scenario_ids) for p in pairs)
    return int(digest(told)[:15], 16)


def _texts(pair: RunPair) -> TextNoise:
    columns = ("scenario_id", "text", "error_cause")
    rows = (
        row for run in (pair.baseline, pair.candidate) for row in read_trials(run, None, columns)
    )
    return text_noise(pair.template, rows)


def _spend(
    pools: Sequence[Pool], composites: Sequence[np.ndarray | None], policy: Policy
) -> Iterator[Spend]:
    """Yield what the next calls buy for each gating metric that is an average."""
    for pool, composite in zip(pools, composites, strict=True):
        for name in policy.gating:
            if name == OVERALL:
                scale, values = OVERALL_SCALE, composite
            else:
                column = pool.run.columns[name]
                scale, values = column.scale, column.values
                lost = (column.outcomes == Outcome.GAP) | (
                    column.outcomes == Outcome.NOT_APPLICABLE
                )
                values = np.where(lost.any(axis=1)[:, None], np.nan, values)
            if values is None or scale.statistic != "mean":
                continue
            used = ~np.isnan(values).any(axis=1)
            families = {f for f, kept in zip(pool.run.families, used, strict=True) if kept}
            found = next_spend(
                pool.template,
                scale,
                values[used],
                n_clusters=len(families),
                repeats=pool.repeats,
                alpha=policy.alpha,
            )
            if found is not None:
                yield found
