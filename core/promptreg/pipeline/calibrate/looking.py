"""A gate on completions that are there: looks as the policy plans them, or one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from promptreg.pipeline.looks.cut import Cut, cut_families, schedule_of
from promptreg.pipeline.looks.looked import LookedGate
from promptreg.pipeline.looks.reach import Reach
from promptreg.policy import Policy
from promptreg.stages.calibrate import rows_of
from promptreg.stages.compare import RunPair, check_limits, compare_pairs
from promptreg.stages.gate import decide_gate
from promptreg.verdicts import Criterion, Difference, Gate, Limit

__all__ = ["Held", "hold"]


@dataclass(frozen=True, slots=True)
class Held:
    """What a gate found.

    Attributes:
        differences, limits: at the last look that was taken.
        gate: what it decided.
        asked: share of the planned trials that it took.
    """

    differences: tuple[Difference, ...]
    limits: tuple[Limit, ...]
    gate: Gate
    asked: float = 1.0


def hold(
    pairs: Sequence[RunPair],
    policy: Policy,
    reach: Reach,
    criteria: Sequence[Criterion],
    *,
    seed: int,
) -> Held:
    """Return what the policy's gate says of both sides.

    With several looks families come in an order of their own, and it stops where a gate that asks
    would. Made-up answers and parts of a suite are judged as whole and real ones: measured is what
    the statistics say. Further repeats (`gate.more`) are not asked for.

    Args:
        pairs: both sides, one for each template.
        policy: its `draws` are those of every look: where they are few, early looks accuse nothing
            that only more of them could show.
        reach: what the gating lines have when all is asked.
        criteria: what the policy asks for besides numbers.
        seed: of flips and of the order of families.
    """
    if policy.looks.looks > 1:
        sizes = [Counter(pair.baseline.families) for pair in pairs]
        cut = cut_families(sum(sizes, Counter()), policy.looks, seed)
        if len(cut.used) > 1:
            largest = max(max(found.values()) for found in sizes)
            return _looked(pairs, policy, reach, criteria, cut, largest, seed)
    differences, limits = compare_pairs(pairs, policy, seed=seed), check_limits(pairs, policy)
    gate = decide_gate(differences, limits, policy, synthetic=False, criteria=criteria)
    return Held(differences, limits, gate)


def _looked(
    pairs: Sequence[RunPair],
    policy: Policy,
    reach: Reach,
    criteria: Sequence[Criterion],
    cut: Cut,
    largest: int,
    seed: int,
) -> Held:
    looked = LookedGate(
        policy,
        schedule_of(cut.shares, policy.alpha, policy.looks),
        scenario_looks=len(cut.used),
        families=cut.families,
        largest=largest,
        reach=reach,
        seed=seed,
        draws=policy.draws,
    )
    asked = 1.0
    for look, share in zip(cut.used, cut.shares, strict=True):
        now = _until(pairs, cut, look)
        if looked.look(now, share=share, criteria=criteria, whole=len(now) == len(pairs)):
            asked = share
            break
    differences, limits = looked.differences, looked.limits
    gate = decide_gate(differences, limits, policy, synthetic=False, criteria=criteria)
    return Held(differences, limits, gate, asked)


def _until(pairs: Sequence[RunPair], cut: Cut, look: int) -> list[RunPair]:
    """Return what is there at a look; templates without a scenario so far are left out."""
    there = []
    for pair in pairs:
        index = np.array(
            [i for i, family in enumerate(pair.baseline.families) if cut.place[family] <= look],
            dtype=np.intp,
        )
        if index.size:
            sides = rows_of(pair.baseline, index), rows_of(pair.candidate, index)
            there.append(RunPair(pair.template, *sides))
    return there
