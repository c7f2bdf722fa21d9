"""Trials nothing is known of, and failures that are unequal between the sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from promptreg import numbers
from promptreg.policy import GAP_RATE, OVERALL, Bound, Policy
from promptreg.records import Outcome, Run
from promptreg.stages.compare.comparable import MAX_GAP_SHARE
from promptreg.stages.compare.heard import heard
from promptreg.stages.compare.lines import slice_of
from promptreg.stages.compare.pairs import RunPair
from promptreg.stats.analysis import PairedScores, analyse
from promptreg.verdicts import Limit

__all__ = ["gap_limit", "is_gap_rate", "unanswered", "unequal_losses", "unjudged"]

_ANSWERED = "answered"
Mask = NDArray[np.bool_]


def is_gap_rate(bound: Bound, policy: Policy) -> bool:
    """Return whether a limit is on the share of gaps; a scorer's own metric comes first."""
    gaps = bound.metric == GAP_RATE or bound.metric.startswith(f"{GAP_RATE}.")
    return gaps and bound.metric not in policy.scales


def gap_limit(pair: RunPair, bound: Bound, policy: Policy, mask: Mask) -> Limit:
    """Return the share of the candidate's planned trials that nothing is known of.

    Those are trials lost to the infrastructure, and answered trials that a scorer could not judge:
    for `gap_rate.METRIC` on that metric, among the scenarios it applies to; for `gap_rate` on any
    metric that gates. A failed trial (timeout, refusal, unreadable answer) is none: it is known to
    be the worst value. The share is a fact about this run, so it has no interval.
    """
    run = pair.candidate
    _, _, metric = bound.metric.partition(".")
    members = [name for block in policy.overall.values() for name in block]
    metrics = members if metric == OVERALL else [metric] if metric else policy.gating
    lost = _lost(run)
    answered = run.columns[_ANSWERED].outcomes == Outcome.SCORED
    gaps, applies = lost.copy(), np.zeros(len(mask), dtype=bool)
    for name in metrics:
        if name == OVERALL:  # made of others
            continue
        outcomes = run.columns[name].outcomes
        applies |= ~(outcomes == Outcome.NOT_APPLICABLE).any(axis=1)
        gaps |= answered & (outcomes == Outcome.GAP)
    keep = mask & applies
    share = float(gaps[keep].mean()) if keep.any() else None
    status = "not_shown" if share is None else "met" if share <= bound.threshold else "not_met"
    return Limit(
        template=pair.template,
        metric=bound.metric,
        slice=slice_of(bound.where) if bound.where else None,
        bound=bound.side,
        threshold=bound.threshold,
        value=share,
        interval=None,
        status=status,
        n_scenarios=int(keep.sum()),
        name=bound.name,
        must=bound.must,
        of_gaps=True,
    )


def unequal_losses(pairs: Sequence[RunPair], policy: Policy, *, seed: int) -> Iterator[str]:
    """Yield what a reader must know where one side failed, or was lost, more often than the other.

    Both shares are compared as metrics are: per scenario, by flipping families, at the policy's
    alpha. Failures count as the worst value, so that unequal ones move every quality metric; gaps
    are bounded from both sides, so that unequal ones make verdicts depend on them.
    """
    for pair in pairs:
        name = f"template {pair.template}: " if len(pairs) > 1 else ""
        sides = (pair.baseline, pair.candidate)
        failed = [_failed(run) for run in sides]
        lost = [_lost(run) for run in sides]
        for found, what, effect in (
            (failed, "failed", "each counts as the worst value on every quality metric"),
            (
                lost,
                "were lost to the infrastructure",
                "verdicts stand only if they stand both ways",
            ),
        ):
            p = _p_value(pair, found, policy, seed)
            if p <= policy.alpha:
                counts = " and ".join(
                    f"{int(f.sum()):,} of {f.size:,} trials of the {side}"
                    for f, side in zip(found, ("baseline", "candidate"), strict=True)
                )
                yield f"{name}{counts} {what} (p {numbers.p_value(p)}); {effect}"


def unjudged(pairs: Sequence[RunPair], policy: Policy) -> Iterator[str]:
    """Yield where nothing is known: no answer at all, or metrics that judged too few of them.

    Such a metric's figures are bounds, the worst case for the candidate, and nobody sees that from
    the numbers. The reason for the first that was not judged stands for all.
    """
    for pair in pairs:
        name = f"template {pair.template}: " if len(pairs) > 1 else ""
        if unanswered(pair.baseline, pair.candidate):
            causes = Counter(pair.baseline.failures) + Counter(pair.candidate.failures)
            told = ", ".join(f"{cause} {n:,}" for cause, n in causes.most_common())
            yield (
                f"{name}not one answer of either side could be used ({told}): this says nothing "
                "about the edit, whatever the number of scenarios"
            )
        for side, run in (("baseline", pair.baseline), ("candidate", pair.candidate)):
            answered = run.columns[_ANSWERED].outcomes == Outcome.SCORED
            alike: dict[tuple[int, int], list[str]] = {}
            for metric in policy.scales:
                column = run.columns.get(metric)
                if column is None:  # measured on pairs of answers
                    continue
                outcomes = column.outcomes
                asked = answered & (outcomes != Outcome.NOT_APPLICABLE)
                gaps = int((asked & (outcomes == Outcome.GAP)).sum())
                if gaps > MAX_GAP_SHARE * int(asked.sum()):
                    alike.setdefault((gaps, int(asked.sum())), []).append(metric)
            for (gaps, of), metrics in alike.items():
                told = heard(run, f"reason.{metrics[0]}")
                yield (
                    f"{name}{', '.join(metrics)}: {gaps:,} of {numbers.count(of, 'answer')} of "
                    f"the {side} could not be judged{told}; what is shown is "
                    "the worst case for the candidate"
                )


def unanswered(baseline: Run, candidate: Run) -> bool:
    """Return whether not one answer of either side could be used."""
    return all(bool(_failed(run).all()) for run in (baseline, candidate))


def _failed(run: Run) -> Mask:
    return np.asarray(run.columns[_ANSWERED].outcomes == Outcome.FAILED)


def _lost(run: Run) -> Mask:
    return np.asarray(run.columns[_ANSWERED].outcomes == Outcome.GAP)


def _p_value(pair: RunPair, found: Sequence[Mask], policy: Policy, seed: int) -> float:
    if not any(side.any() for side in found) or np.array_equal(found[0], found[1]):
        return 1.0
    index = {f: i for i, f in enumerate(sorted(set(pair.baseline.families)))}
    scores = PairedScores(
        name="losses",
        kind="binary",
        baseline=found[0].astype(np.float64),
        candidate=found[1].astype(np.float64),
        families=np.array([index[f] for f in pair.baseline.families], dtype=np.intp),
        low=0.0,
        high=1.0,
        higher_is_better=False,
        margin=0.05,
        statistic="mean",
        gating=False,
    )
    (result,) = analyse(
        [scores], alpha=policy.alpha, draws=policy.draws, seed=seed, exact=policy.exact
    )
    return float(result.p_value)
