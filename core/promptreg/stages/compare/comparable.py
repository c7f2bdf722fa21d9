"""Whether two runs may be compared at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from promptreg.errors import NotComparableError
from promptreg.records import Cause, Failure, Outcome, Run, ScoreColumn
from promptreg.stages.compare.heard import heard
from promptreg.stages.compare.pairs import RunPair

__all__ = [
    "BETWEEN_PROVIDERS",
    "MAX_GAP_SHARE",
    "between_providers",
    "check_baseline",
    "check_comparable",
    "check_gaps",
    "matched",
    "restrict",
]

MAX_GAP_SHARE = 0.20
"""Above this share of trials lost to infrastructure on a side, no verdict is worth printing."""

_APART = (
    "if a draw gave each scenario to one version (an A/B log), the suite must say so: design: "
    "{kind: unpaired, split: {...}}"
)


BETWEEN_PROVIDERS = frozenset({"provider", "sampling", "model"})
"""Fingerprints that differ where versions name different providers of the suite."""


def between_providers(baseline: Run, candidate: Run) -> bool:
    """Return whether the suite declares that the sides were answered by different providers."""
    left, right = baseline.facts.provider_name, candidate.facts.provider_name
    return bool(left and right and left != right)


def check_comparable(
    baseline: Run, candidate: Run, *, allow: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return the differences that were allowed, as warnings.

    Args:
        baseline: the trusted run.
        candidate: the run under test, of the same template.
        allow: fingerprints that may differ.

    Raises:
        NotComparableError: a fingerprint differs that is not allowed to, or too many trials of a
            side were lost to infrastructure.
    """
    warnings: list[str] = []
    declared = between_providers(baseline, candidate)
    names = sorted({*baseline.facts.fingerprints, *candidate.facts.fingerprints})
    for name in names:
        left = baseline.facts.fingerprints.get(name, "(not recorded)")
        right = candidate.facts.fingerprints.get(name, "(not recorded)")
        if left == right or (declared and name in BETWEEN_PROVIDERS):
            continue
        text = (
            f"{name} differs between baseline {baseline.id} ({_short(left)}) "
            f"and candidate {candidate.id} ({_short(right)})"
        )
        if name not in allow:
            raise NotComparableError(
                f"not comparable: {text}; only the template may differ"
                + (" and the provider that the versions name" if declared else "")
                + f". Run both again, or accept it with --allow-mismatch {name}"
            )
        warnings.append(f"allowed by --allow-mismatch: {text}")
    if baseline.repeats != candidate.repeats:
        raise NotComparableError(
            f"not comparable: {baseline.repeats} repeats in baseline {baseline.id}, "
            f"{candidate.repeats} in candidate {candidate.id}"
        )
    check_gaps(baseline, "the baseline's trials")
    check_gaps(candidate, "the candidate's trials")
    return tuple(warnings)


def check_baseline(run: Run, *, allow: Sequence[str] = (), decides: bool) -> tuple[str, ...]:
    """Return what was allowed of a stored run that shall be the baseline, as warnings.

    Args:
        run: the stored run.
        allow: `partial` and `synthetic`, where such a run is looked at all the same.
        decides: whether the comparison is a gate's; no gate takes such a baseline.

    Raises:
        NotComparableError: it holds a part of the suite's scenarios, or made-up answers.
    """
    warnings = []
    for name, found, what in (
        ("partial", run.facts.partial, "holds only a part of the suite's scenarios"),
        ("synthetic", run.facts.synthetic, "holds answers of a scripted provider"),
    ):
        if not found:
            continue
        text = f"run {run.id} {what}; such a run can never become a baseline"
        if decides or name not in allow:
            raise NotComparableError(
                f"not comparable: {text}. "
                + (
                    "No gate takes it; 'promptreg compare' shows it with "
                    if decides
                    else "'compare' shows it all the same with "
                )
                + f"--allow-mismatch {name}"
            )
        warnings.append(f"allowed by --allow-mismatch: {text}, and this comparison never passes")
    return tuple(warnings)


def _of_the_plumbing(cause: str) -> bool:
    """Return whether a cause may have lost an answer; that of a plug-in stands for itself."""
    if cause not in set(Cause):
        return True
    return cause == Cause.HTTP_STATUS or Failure(Cause(cause), "").infrastructure


def check_gaps(run: Run, trials: str) -> None:
    """Refuse a run of which too much was lost to the infrastructure.

    Args:
        run: the run.
        trials: what its trials are called in the message, such as `the baseline's trials`.

    Raises:
        NotComparableError: names the share and the causes.
    """
    share = _gap_share(run)
    if share > MAX_GAP_SHARE:
        lost = {name: n for name, n in run.failures.items() if _of_the_plumbing(name)}
        often = max(lost, key=lambda name: lost[name], default="")
        raise NotComparableError(
            f"not comparable: {share:.0%} of {trials} ({run.id}) were lost to the "
            f"infrastructure (allowed: {MAX_GAP_SHARE:.0%}): "
            + ", ".join(f"{k} {v}" for k, v in lost.items())
            + heard(run, "error_detail", often)
            + "; run again, failed calls are made anew"
        )


def matched(baseline: Run, candidate: Run, *, allow_unmatched: bool) -> tuple[RunPair, list[str]]:
    """Return the pair over the scenarios both runs hold, and the ids left out.

    Raises:
        NotComparableError: a scenario is held by one side only, and that was not allowed; or
            none is held by both.
    """
    left, right = set(_held(baseline)), set(_held(candidate))
    every = {*baseline.scenario_ids, *candidate.scenario_ids}
    common = left & right
    out = sorted(every - common)
    name = baseline.facts.template
    if out and not allow_unmatched:
        shown = ", ".join(out[:5]) + (f" and {len(out) - 5} more" if len(out) > 5 else "")
        raise NotComparableError(
            f"not comparable: template {name!r}: {len(out)} of {len(every)} scenarios have trials "
            f"on one side only or none: {shown}; "
            + ("--allow-unmatched compares the rest" if common else _APART)
        )
    if not common:
        raise NotComparableError(
            f"not comparable: template {name!r}: no scenario is on both sides; {_APART}"
        )
    return RunPair(name, restrict(baseline, common), restrict(candidate, common)), out


def restrict(run: Run, keep: set[str]) -> Run:
    """Return the run with only the scenarios in `keep`, in canonical order."""
    if keep.issuperset(run.scenario_ids):
        return run
    index = np.array([i for i, s in enumerate(run.scenario_ids) if s in keep], dtype=np.intp)
    return replace(
        run,
        # What is left out was left out for want of rows; those are no failures of what is kept.
        failures={k: v for k, v in run.failures.items() if k != Cause.MISSING},
        counts={**run.counts, "planned": len(index) * run.repeats},
        absent=(),
        scenario_ids=tuple(run.scenario_ids[i] for i in index),
        families=tuple(run.families[i] for i in index),
        attributes=MappingProxyType(
            {k: tuple(v[i] for i in index) for k, v in run.attributes.items()}
        ),
        columns=MappingProxyType({k: _rows(c, index) for k, c in run.columns.items()}),
    )


def _rows(column: ScoreColumn, index: NDArray[np.intp]) -> ScoreColumn:
    return replace(
        column,
        values=column.values[index],
        outcomes=column.outcomes[index],
        worst=None if column.worst is None else column.worst[index],
    )


def _held(run: Run) -> list[str]:
    """Return the scenarios of which the run holds every trial."""
    absent = set(run.absent)
    return [s for s in run.scenario_ids if s not in absent]


def _gap_share(run: Run) -> float:
    column = run.columns.get("answered")
    if column is None or column.outcomes.size == 0:
        return 0.0
    absent = set(run.absent)
    keep = np.array([s not in absent for s in run.scenario_ids], dtype=bool)
    outcomes = column.outcomes[keep]
    return float((outcomes == Outcome.GAP).mean()) if outcomes.size else 0.0


def _short(value: str) -> str:
    return value if len(value) <= 40 else value[:37] + "..."
