"""Does a judge agree with itself, and do several agree with each other: notes for reports."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from promptreg.pipeline.judging.votes import Ballots, ballots_of, stack
from promptreg.records import Outcome, Run
from promptreg.stages.compare import RunPair
from promptreg.stats.agreement import LOW, Agreement, krippendorff_alpha
from promptreg.verdicts import Difference

__all__ = [
    "UNCALIBRATED",
    "Consistency",
    "Judged",
    "agreement_of",
    "consistency",
    "judged_notes",
    "words",
]

UNCALIBRATED = (
    "uncalibrated judge: a bias of the judge towards one version's style is not excluded "
    "('promptreg judge agreement' measures it with human labels)"
)
_ENOUGH = 10
"""Answers from which on the same grade for all is no chance."""


@dataclass(frozen=True, slots=True)
class Consistency:
    """Agreement on one metric: of each judge with itself, and of judges with each other."""

    metric: str
    itself: Agreement | None
    panel: Agreement | None


@dataclass(frozen=True, slots=True)
class Judged:
    """Differences with what is known of their judges, and what readers must know."""

    differences: tuple[Difference, ...]
    warnings: tuple[str, ...]


def judged_notes(
    differences: Sequence[Difference],
    pairs: Sequence[RunPair],
    *,
    alpha: float,
    seed: int,
    calibrated: Collection[tuple[str, str]] = (),
) -> Judged:
    """Return differences whose notes say how far the judges behind them agree.

    Opinions of both sides are taken together. Where no metric was judged, nothing changes. The
    template and metric of those `calibrated` have been corrected by what people say.
    """
    noted: dict[tuple[str, str], tuple[str, ...]] = {}
    doubtful: list[str] = []
    alike: list[str] = []
    judged = False
    for pair in pairs:
        found = consistency((pair.baseline, pair.candidate), alpha=alpha, seed=seed)
        judged = judged or bool(found)
        for metric, told in found.items():
            notes = []
            if (grade := _only_grade(pair, metric)) is not None:
                alike.append(f"{metric} ({grade:g})")
            for what, agreement in (
                ("judge self-consistency", told.itself),
                ("agreement of the judges", told.panel),
            ):
                if agreement is None:
                    continue
                notes.append(f"{what} {words(agreement)}")
                if agreement.value is not None and agreement.value < LOW:
                    doubtful.append(f"{metric} ({what} {agreement.value:.2f})")
            noted[pair.template, metric] = tuple(notes)
    if not judged:
        return Judged(tuple(differences), ())
    warnings = []
    if rest := [metric for template, metric in noted if (template, metric) not in calibrated]:
        which = f": {', '.join(dict.fromkeys(rest))}" if len(rest) < len(noted) else ""
        warnings.append(UNCALIBRATED + which)
    if doubtful:
        some = ", ".join(dict.fromkeys(doubtful[:6]))
        warnings.append(
            f"judges agree too little to rely on (Krippendorff's alpha below {LOW:g}): {some}"
        )
    if alike:
        some = ", ".join(dict.fromkeys(alike[:6]))
        warnings.append(f"every answer was given the same grade, which tells none apart: {some}")
    return Judged(
        tuple(
            replace(d, notes=(*d.notes, *noted.get((d.template, d.metric), ())))
            if d.slice is None
            else d
            for d in differences
        ),
        tuple(warnings),
    )


def _only_grade(pair: RunPair, metric: str) -> float | None:
    """Return the grade that every judged answer of both sides has; None where they differ."""
    columns = (pair.baseline.columns[metric], pair.candidate.columns[metric])
    given = np.concatenate([c.values[c.outcomes == Outcome.SCORED] for c in columns])
    return float(given[0]) if given.size >= _ENOUGH and np.ptp(given) == 0 else None


def consistency(
    runs: Sequence[Run], *, alpha: float = 0.05, seed: int = 0
) -> Mapping[str, Consistency]:
    """Return for each judged metric of the runs how far its judges agree."""
    return {
        metric: agreement_of(ballots, metric, alpha=alpha, seed=seed)
        for metric, ballots in ballots_of(runs).items()
    }


def agreement_of(
    ballots: Ballots, metric: str = "", *, alpha: float = 0.05, seed: int = 0
) -> Consistency:
    """Return how far the judges behind some opinions agree."""
    seed %= 2**32
    return Consistency(metric, _itself(ballots, alpha, seed), _between(ballots, alpha, seed))


def words(found: Agreement, sign: str = "α") -> str:
    """Return an agreement in words: `α .71 [.60, .80]`; only alpha has a bound to be below."""
    if found.value is None:
        return f"{sign} not defined: all opinions are alike"
    text = f"{sign} {_short(found.value)}"
    if found.low is not None and found.high is not None:
        text += f" [{_short(found.low)}, {_short(found.high)}]"
    return text + (f", below {_short(LOW)}" if sign == "α" and found.value < LOW else "")


def _itself(ballots: Ballots, alpha: float, seed: int) -> Agreement | None:
    """Return how far judges agree with themselves; a judge's opinions on a trial are one unit."""
    rows, families = [], []
    for votes, family in zip(ballots.votes, ballots.families, strict=True):
        for judge in votes:
            rows.append(judge)
            families.append(family)
    if max((len(row) for row in rows), default=0) < 2:
        return None
    matrix, index = stack(rows, families)
    return krippendorff_alpha(matrix, index, alpha=alpha, seed=seed)


def _between(ballots: Ballots, alpha: float, seed: int) -> Agreement | None:
    """Return how far judges agree with each other, each with its mean opinion."""
    if max((len(votes) for votes in ballots.votes), default=0) < 2:
        return None
    rows = [[_mean(judge) for judge in votes] for votes in ballots.votes]
    matrix, index = stack(rows, ballots.families)
    return krippendorff_alpha(matrix, index, alpha=alpha, seed=seed)


def _mean(opinions: Sequence[float]) -> float:
    known = [v for v in opinions if not math.isnan(v)]
    return float(np.mean(known)) if known else math.nan


def _short(value: float) -> str:
    text = f"{value:.2f}"
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text
