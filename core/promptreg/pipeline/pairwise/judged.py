"""What came of holding both sides' answers against each other, for comparisons and reports."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from promptreg import numbers
from promptreg.pipeline.judging.consistency import agreement_of, words
from promptreg.pipeline.pairwise.sheet import Sheet
from promptreg.records import Json, Outcome
from promptreg.stages.compare import RunPair
from promptreg.stats.agreement import LOW, Agreement
from promptreg.verdicts import Difference, JudgeCalls, Pairwise, ScenarioChange

__all__ = ["UNCALIBRATED", "PairsJudged", "remarked", "summed_up"]

UNCALIBRATED = (
    "uncalibrated judge: {} rests on what a model prefers; a liking for one version's style is "
    "not excluded"
)


@dataclass(slots=True)
class PairsJudged:
    """Both sides' runs with a column for each metric of pairs, and how these came about."""

    pairs: list[RunPair]
    told: tuple[Pairwise, ...] = ()
    notes: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    """Template and metric to what is shown beside the difference."""
    remarks: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    """Template and scenario to what was said of the first repeat, by metric."""
    warnings: list[str] = field(default_factory=list)
    synthetic: bool = False
    cost: float | None = None
    calls: JudgeCalls = JudgeCalls()

    def noted(self, differences: Sequence[Difference]) -> tuple[Difference, ...]:
        """Return the differences with what a reader must know of preferences.

        Who won how many is said in words of its own: nothing "broke" where an answer lost.
        """
        return tuple(
            replace(
                d,
                notes=d.notes if d.slice else (*d.notes, *self.notes[d.template, d.metric]),
                discordant=None,
            )
            if (d.template, d.metric) in self.notes
            else d
            for d in differences
        )

    def cost_with(self, other: float | None) -> float | None:
        """Return what all calls cost; None where no price is known."""
        known = [cost for cost in (self.cost, other) if cost is not None]
        return math.fsum(known) if known else None


def remarked(changes: Sequence[ScenarioChange], judged: PairsJudged) -> tuple[ScenarioChange, ...]:
    """Return scenarios with what judges of pairs said, beside the candidate's answer."""
    return tuple(
        replace(c, candidate=replace(c.candidate, remarks={**c.candidate.remarks, **said}))
        if (said := judged.remarks.get((c.template, c.scenario_id)))
        else c
        for c in changes
    )


def summed_up(
    pair: RunPair,
    sheet: Sheet,
    identity: Mapping[str, Json],
    fingerprint: str,
    *,
    alpha: float,
    seed: int,
) -> tuple[Pairwise, tuple[str, ...], list[str]]:
    """Return how a metric of pairs came about, notes for its line, and warnings."""
    base, cand = sheet.values
    known = ~(sheet.outcomes == Outcome.GAP).any(axis=0)
    applies = ~(sheet.outcomes == Outcome.NOT_APPLICABLE).any(axis=0)
    judged = known & applies
    won, lost = float(cand[judged].sum()), float(base[judged].sum())
    found = agreement_of(sheet.ballots, alpha=alpha, seed=seed)
    told = Pairwise(
        template=pair.template,
        metric=sheet.scale.name,
        fingerprint=fingerprint,
        identity=identity,
        pairs=int(applies.sum()),
        won=won,
        lost=lost,
        tied=float(judged.sum()) - won - lost,
        same=sheet.same,
        failed=sheet.failed,
        gaps=int((applies & ~known).sum()),
        opinions=sheet.opinions,
        swapped=sheet.swapped,
        places=(sheet.first, sheet.second),
        itself=_triple(found.itself),
        panel=_triple(found.panel),
    )
    notes = [*_outcome(told), *_order(told)]
    warnings = []
    for what, agreement in (
        ("judge self-consistency", found.itself),
        ("agreement of the judges", found.panel),
    ):
        if agreement is None:
            continue
        notes.append(f"{what} {words(agreement)}")
        if agreement.value is not None and agreement.value < LOW:
            warnings.append(
                f"judges agree too little to rely on (Krippendorff's alpha below {LOW:g}): "
                f"{told.metric} ({what} {agreement.value:.2f})"
            )
    if told.opinions and 2 * told.swapped >= told.opinions:
        warnings.append(
            f"{told.metric}: the order of the answers decided {told.swapped:,} of "
            f"{numbers.count(told.opinions, 'opinion')}: this judge says little about the answers"
        )
    return told, tuple(notes), warnings


def _outcome(told: Pairwise) -> list[str]:
    notes = [f"won {told.won:,g}, lost {told.lost:,g}, tied {told.tied:,g}"]
    unasked = []
    if told.same:
        unasked.append(f"{told.same:,} the same answer")
    if told.failed:
        unasked.append(f"{told.failed:,} with a failed side")
    return notes + ([f"not asked: {', '.join(unasked)}"] if unasked else [])


def _order(told: Pairwise) -> list[str]:
    if not told.opinions:
        return []
    notes = [f"{told.swapped:,} of {numbers.count(told.opinions, 'opinion')} depended on the order"]
    if sum(told.places):
        share = told.places[0] / sum(told.places)
        notes.append(f"the answer shown first was preferred in {share:.0%}")
    return notes


def _triple(found: Agreement | None) -> tuple[float, float, float] | None:
    if found is None or found.value is None or found.low is None or found.high is None:
        return None
    return found.value, found.low, found.high
