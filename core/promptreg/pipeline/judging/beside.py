"""What human labels say of a comparison's judged metrics: they decide, or are shown beside."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from promptreg import numbers
from promptreg.pipeline.judging.agreement import DimensionReport, judge_agreement
from promptreg.pipeline.judging.consistency import words
from promptreg.pipeline.judging.deciding import Key, decided_by_people, undecided_because
from promptreg.pipeline.judging.labelled import Labelled
from promptreg.policy import OVERALL, Policy
from promptreg.stages.compare import RunPair
from promptreg.stages.load import Label
from promptreg.stats.agreement import LOW
from promptreg.stats.ppi import Corrected
from promptreg.verdicts import CorrectedDifference, Difference, Verdict

__all__ = ["Beside", "composite_words", "labels_beside"]


_BY_NAME = (
    "they name versions, whose texts and answers may have become others since; name the runs "
    "that were labelled"
)


@dataclass(slots=True)
class Beside:
    """What is known of judged metrics from people.

    Attributes:
        notes: template and metric to what is said of it.
        corrected: template and metric to the corrected difference.
        deciding: those of them whose verdicts are by labels.
        warnings: what readers must know.
        low: metrics on which judge and people agree too little, and how much.
    """

    notes: dict[Key, tuple[str, ...]] = field(default_factory=dict)
    corrected: dict[Key, CorrectedDifference] = field(default_factory=dict)
    deciding: dict[Key, Corrected] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    low: list[str] = field(default_factory=list)

    def added(self, differences: Sequence[Difference], *, alpha: float) -> tuple[Difference, ...]:
        """Return the differences with what people say of them, and with their verdicts."""
        found = {key: (c, self.corrected[key]) for key, c in self.deciding.items()}
        told = [d if d.slice is not None else self._added(d) for d in differences]
        return decided_by_people(told, found, alpha=alpha)

    def _added(self, d: Difference) -> Difference:
        key = d.template, d.metric
        notes = (*d.notes, *self.notes.get(key, ()))
        return replace(d, notes=notes, corrected=self.corrected.get(key))


def labels_beside(
    pairs: Sequence[RunPair],
    differences: Sequence[Difference],
    people: Sequence[Labelled],
    *,
    alpha: float,
    seed: int,
    why_not: str = "",
) -> Beside:
    """Return what the labels say of each judged metric on all scenarios.

    Args:
        pairs: the runs.
        differences: what the judges say.
        people: the labels.
        alpha: two-sided error.
        seed: of resampling.
        why_not: why labels decide no verdict here; empty: they do, where they are enough.
    """
    found = Beside()
    lines = {(d.template, d.metric): d for d in differences if d.slice is None}
    for source in people:
        left_out = len(source.labels)
        for pair in pairs:
            own = _own(source, pair)
            report = judge_agreement(
                (pair.baseline, pair.candidate), own, alpha=alpha, seed=seed, strict=False
            )
            left_out -= report.labels
            told = {dimension.metric: dimension for dimension in report.dimensions}
            ids = (pair.baseline.id, pair.candidate.id)
            by_name = {label.dimension for label in own if label.version not in ids}
            for metric in sorted(source.metrics):
                line = lines.get((pair.template, metric))
                if line is not None:
                    reason = why_not or (_BY_NAME if metric in by_name else "")
                    _say(found, source, pair, line, told.get(metric), alpha, reason)
        if left_out:
            found.warnings.append(
                f"{source.name}: {left_out:,} of {numbers.count(len(source.labels), 'label')} left "
                "out: of other versions, scenarios or repeats, or of answers that failed"
                + ("; of the base's labels those count that name runs" if source.of_base else "")
            )
    if found.low:
        found.warnings.append(
            "the judge agrees too little with people to rely on (Krippendorff's alpha below "
            f"{LOW:g}): {', '.join(dict.fromkeys(found.low[:6]))}"
        )
    return found


def composite_words(policy: Policy, deciding: Collection[Key]) -> list[str]:
    """Return a warning where the composite holds grades that labels correct elsewhere."""
    inside = {name for block in policy.overall.values() for name in block}
    held = sorted({metric for _, metric in deciding} & inside)
    if not held:
        return []
    return [
        f"{OVERALL} holds the judge's own grades of {', '.join(held)}: labels take the judge's "
        "bias out of single metrics only"
    ]


def _own(source: Labelled, pair: RunPair) -> list[Label]:
    """Return the labels of a pair's answers."""
    sides = (pair.baseline, pair.candidate)
    known = {run.id for run in sides} | {run.facts.label for run in sides}
    if source.of_base:
        known.discard(pair.candidate.facts.label)
    return [
        label
        for label in source.labels
        if label.template in ("", pair.template) and label.version in known
    ]


def _say(
    found: Beside,
    source: Labelled,
    pair: RunPair,
    line: Difference,
    told: DimensionReport | None,
    alpha: float,
    why_not: str,
) -> None:
    """Note what the labels of one metric say."""
    key = line.template, line.metric
    if told is None:
        found.notes[key] = (f"{source.name}: no label is of these answers",)
        return
    sides = (pair.baseline.facts.label, pair.candidate.facts.label)
    bias = ", ".join(
        f"{label} {numbers.change(one.value)}"
        for label, one in zip(sides, told.bias, strict=True)
        if one.value is not None
    )
    kappa, agreed = words(told.kappa, "κ"), words(told.alpha)
    notes = [f"judge against people: {kappa}; {agreed}; bias in {bias}"]
    if told.alpha.value is not None and told.alpha.value < LOW:
        found.low.append(f"{line.metric} (α {told.alpha.value:.2f})")
    if told.note and told.corrected is None:
        notes.append(f"not corrected: {told.note}")
    found.notes[key] = tuple(notes)
    c = told.corrected
    if c is None:
        return
    found.corrected[key] = CorrectedDifference(
        c.value, (c.low, c.high), 1 - alpha, c.labelled, c.weight, source.name, source.sha256
    )
    if not c.representative:
        found.warnings.append(f"{line.template}: {line.metric}: {told.note}")
    reason = why_not or undecided_because(line, c)
    if not reason:
        found.deciding[key] = c
        return
    found.notes[key] = (*notes, f"labels do not decide: {reason}")
    if why := _at_odds(line, c.value, c.low, c.high):
        found.warnings.append(
            f"{line.template}: {line.metric} is {_WORDS[line.verdict]} by the judge, but {why} "
            f"{numbers.change(c.value)} {numbers.interval(c.low, c.high)} (corrected by labels); "
            f"the verdict stays that of the judge: {reason}"
        )


_WORDS = {
    Verdict.IMPROVED: "improved",
    Verdict.EQUIVALENT: "equivalent",
    Verdict.NO_WORSE: "no worse",
    Verdict.REGRESSED: "regressed",
    Verdict.INCONCLUSIVE: "inconclusive",
}


def _at_odds(line: Difference, value: float, low: float, high: float) -> str:
    """Return how the corrected difference contradicts the judge's; empty where it does not.

    Opposite signs count only where one of the two intervals excludes no change: around it the sign
    is noise.
    """
    if line.direction == "lower_is_better":
        low, high = -high, -low
    margin = line.margin if line.margin is not None else 0.0
    excluded = {
        Verdict.REGRESSED: high >= 0,
        Verdict.IMPROVED: low <= 0,
        Verdict.EQUIVALENT: low <= -margin or high >= margin,
        Verdict.NO_WORSE: low <= -margin,
        Verdict.INCONCLUSIVE: False,
    }
    told = line.interval is not None and (line.interval[0] > 0 or line.interval[1] < 0)
    if (
        line.difference is not None
        and line.difference * value < 0
        and (told or low > 0 or high < 0)
    ):
        return "people point the other way:"
    return "what people say does not exclude the contrary:" if excluded[line.verdict] else ""
