"""When to stop: what a look shows, and whether going on can still decide anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from promptreg.pipeline.looks.reach import Reach, reached
from promptreg.policy import Policy
from promptreg.stages.gate import decide_gate, must_prove
from promptreg.stats.model import PairedResult
from promptreg.stats.sequential.futility import chance_to_accuse, chance_to_prove
from promptreg.verdicts import Criterion, Difference, GateVerdict, Limit, StopReason, Verdict

__all__ = ["Look", "stop_reason"]

_HOPELESS = 0.05
"""A proof this unlikely, though nothing changes in what is left, is not waited for."""
_HARMLESS = 0.20
"""An accusation this likely is waited for: it would be worth knowing."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a look found.

    Attributes:
        differences: the lines, guards and shown metrics included.
        results: of the same lines, gaps favouring the baseline and the candidate.
        limits: at this look's level.
        criteria: what the policy asks for besides numbers.
        reach: what the gating lines have when all planned scenarios are asked.
        planned_done: whether the planned scenarios are used up.
        last: whether no look is left.
        share: share of all planned trials that is there.
        last_level: error of the last look's intervals.
        proving: whether this look may prove something; at any time, most only accuse.
        slice_lost: says whether some slice that only hints lost; asked only where the gate would
            pass early.
    """

    differences: tuple[Difference, ...]
    results: tuple[Sequence[PairedResult], Sequence[PairedResult]]
    limits: tuple[Limit, ...]
    criteria: tuple[Criterion, ...]
    reach: Reach
    planned_done: bool
    last: bool
    share: float
    last_level: float
    proving: bool = True
    slice_lost: Callable[[], bool] = lambda: False


def stop_reason(look: Look, policy: Policy, *, never: bool) -> StopReason | None:
    """Return why to stop after this look, None to go on.

    *Regression*, *limit*: the gate fails on what is known. *Proof*, *improvement*: the gate
    passes, and stopping hides nothing that all planned scenarios would likely show: every absolute
    limit is shown to be met, no gating line is worse at the unadjusted level, every gating line has
    as many families as an accusation takes, where the plan has them, and no slice lost: of half a
    slice the report could say nothing. These conditions only ever make it go on, so they cost no
    error. When the planned scenarios are used up, the gate's
    verdict alone decides, as without looks, and only an inconclusive one asks for more.
    *Futility*: see `_futile`; never a pass.

    Args:
        look: what was found.
        policy: what gates.
        never: whether no proof can pass (answers made up, scenarios chosen): no more is asked for
            one.
    """
    gate = decide_gate(
        look.differences, look.limits, policy, synthetic=False, criteria=look.criteria
    )
    gating = [d for d in look.differences if d.gating]
    if gate.verdict is GateVerdict.FAIL:
        accused = any(d.verdict is Verdict.REGRESSED for d in gating)
        return StopReason.REGRESSION if accused else StopReason.LIMIT
    passes = gate.verdict is GateVerdict.PASS and look.proving
    if passes and (look.planned_done or _clear(look, gating, policy)):
        better = all(d.verdict is Verdict.IMPROVED for d in _to_prove(gating, policy))
        return StopReason.IMPROVEMENT if better else StopReason.PROOF
    if look.last or (look.planned_done and (never or not _more_could_help(look, gating, policy))):
        return StopReason.END
    if gate.verdict is not GateVerdict.PASS and policy.looks.futility and _futile(look, policy):
        return StopReason.FUTILITY
    return None


def _to_prove(gating: Sequence[Difference], policy: Policy) -> list[Difference]:
    return [d for d in gating if must_prove(d, policy)]


def _more_could_help(look: Look, gating: Sequence[Difference], policy: Policy) -> bool:
    """Return whether asking the same scenarios again could settle what is open."""
    unproven = any(
        not d.verdict.proven and not d.insufficient and d.n_scenarios
        for d in _to_prove(gating, policy)
    )
    unshown = any(limit.status == "not_shown" and limit.must == "shown" for limit in look.limits)
    return unproven or unshown


def _clear(look: Look, gating: Sequence[Difference], policy: Policy) -> bool:
    """Return whether nothing is open that more data would likely settle against the candidate."""
    if any(limit.status != "met" for limit in look.limits):
        return False
    there = reached(gating, policy)
    if there.met < look.reach.met or there.able < look.reach.able:
        return False
    return (
        not any(
            _oriented(d) < 0
            and d.p_value is not None
            and d.p_value <= policy.alpha
            and d.verdict is not Verdict.EQUIVALENT
            for d in gating
        )
        and not look.slice_lost()
    )


def _oriented(d: Difference) -> float:
    change = d.difference or 0.0
    return change if d.direction == "higher_is_better" else -change


def _futile(look: Look, policy: Policy) -> bool:
    """Return whether what is left can hardly decide anything.

    Some line that must be proven has, even if nothing changes in all that is left, less than a 5 %
    chance of it (all gaps favouring the candidate), and no gating line has a 20 % chance of being
    accused if it goes on as it began (all gaps favouring the baseline, each line at alpha / lines).
    The boundaries do not count on such a stop, so it may be switched off or overruled.
    """
    against, favouring = look.results
    level = look.last_level
    hopeless = False
    for d, result in _lines(look.differences, favouring):
        if must_prove(d, policy) and not d.insufficient and not d.verdict.proven:
            better = 1 if d.direction == "higher_is_better" else -1
            chance = chance_to_prove(result, better=better, share=look.share, level=level)
            hopeless = hopeless or chance < _HOPELESS
    if not hopeless:
        return False
    gating = list(_lines(look.differences, against))
    each = policy.alpha / max(1, len(gating))
    return all(
        chance_to_accuse(
            result,
            better=1 if d.direction == "higher_is_better" else -1,
            share=look.share,
            level=each,
        )
        < _HARMLESS
        for d, result in gating
    )


def _lines(
    differences: Sequence[Difference], results: Sequence[PairedResult]
) -> Iterator[tuple[Difference, PairedResult]]:
    for d, result in zip(differences, results, strict=True):
        if d.gating and d.n_scenarios:
            yield d, result
