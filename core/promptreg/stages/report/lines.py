"""One line per metric, in words and units: the same in the terminal, in HTML and in Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from promptreg import numbers
from promptreg.stages.report.text import one_line
from promptreg.verdicts import CorrectedDifference, Criterion, Difference, Limit, Slice, Verdict

__all__ = [
    "COLUMNS",
    "Line",
    "criterion_words",
    "drop",
    "limit_words",
    "line_of",
    "lines_of",
    "name_of",
    "oriented",
    "slice_words",
]

COLUMNS = ("title", "baseline", "candidate", "change", "interval", "margin", "verdict", "seen")
"""Fields of `Line` that make the table's columns, in order."""

_WORDS = {
    Verdict.IMPROVED: "improved",
    Verdict.EQUIVALENT: "equivalent",
    Verdict.NO_WORSE: "no worse",
    Verdict.REGRESSED: "REGRESSED",
    Verdict.INCONCLUSIVE: "inconclusive",
}


@dataclass(frozen=True, slots=True)
class Line:
    """What is printed of one difference; every field is a finished text.

    Attributes:
        metric: name, with the slice where there is one.
        unit: unit of the figures that follow; empty for shares (they carry % and pp) and ratios.
        baseline, candidate: both values.
        change: difference in the metric's unit, or ratio.
        interval: confidence interval of the change.
        margin: the largest worsening accepted.
        verdict: in words; `REGRESSED` in capitals, so that colour is not needed.
        seen: the smallest change that could have been seen.
        n: scenarios.
        extras: p-values, what broke and was fixed, scenarios needed, notes.
        finer: noise of re-runs, trials without a value; for those who look closer.
        difference: what it was made from.
    """

    metric: str
    unit: str
    baseline: str
    candidate: str
    change: str
    interval: str
    margin: str
    verdict: str
    seen: str
    n: int
    extras: tuple[str, ...]
    finer: tuple[str, ...]
    difference: Difference

    @property
    def title(self) -> str:
        """Name and unit: `deviation, points`."""
        return numbers.titled(self.metric, self.unit)

    @property
    def hint(self) -> str:
        """What the figures need said beside the name: their unit, and which way is better."""
        d = self.difference
        down = d.direction == "lower_is_better" and d.ratio is None
        unit = "" if self.unit == self.metric else self.unit
        return ", ".join(filter(None, (unit, "lower is better" if down else "")))

    @property
    def by_people(self) -> bool:
        """Whether the change is by labels, so that it is not the distance of both values."""
        return self.difference.corrected is not None and self.difference.corrected.alone is not None

    @property
    def moved(self) -> str:
        """Both values: `2.89 → 3.03`, and whose they are if the change is not theirs."""
        return f"{'judge: ' if self.by_people else ''}{self.baseline} → {self.candidate}"


def line_of(d: Difference) -> Line:
    """Return the line of one difference."""
    share = d.kind == "binary"
    change, interval = numbers.moved(d.difference, d.interval, share=share, ratios=d.ratio)
    return Line(
        metric=name_of(d.metric, d.slice),
        unit="" if share else one_line(d.unit, 16),
        baseline=numbers.amount(d.baseline, share=share),
        candidate=numbers.amount(d.candidate, share=share),
        change=change,
        interval=interval,
        margin=numbers.margin(d.margin, share=share)
        if d.ratio is None
        else numbers.ratio(d.margin),
        verdict=_verdict(d),
        seen=_seen(d, share=share),
        n=d.n_scenarios,
        extras=tuple(_extras(d)),
        finer=tuple(_finer(d)),
        difference=d,
    )


def _verdict(d: Difference) -> str:
    """Return the verdict in words; a slice too small for one says so instead."""
    if d.insufficient and d.verdict is Verdict.INCONCLUSIVE:
        n = d.n_clusters if d.clusters_by_side is None else min(d.clusters_by_side)
        return f"insufficient (n={n} of {d.min_clusters})"
    return _WORDS[d.verdict] + (" (suspect)" if d.suspect else "")


def lines_of(differences: Iterable[Difference]) -> list[Line]:
    """Return the lines of several differences, in order."""
    return [line_of(d) for d in differences]


def oriented(d: Difference) -> float | None:
    """Return the difference turned so that negative is worse, in the metric's unit."""
    if d.difference is None:
        return None
    return d.difference if d.direction == "higher_is_better" else -d.difference


def drop(d: Difference) -> float:
    """Return by how many margins it became worse; without a margin, a tiny amount if worse."""
    change = oriented(d)
    if change is None:
        return 0.0
    if d.ratio is not None and d.margin is not None and d.margin > 1 and d.ratio[0] > 0:
        logs = math.log(d.ratio[0]) / math.log(d.margin)
        return logs if d.direction == "lower_is_better" else -logs
    if d.margin is None or d.margin <= 0:
        return 1e-9 if change < 0 else 0.0
    return -change / d.margin


def name_of(metric: str, where: Slice | None) -> str:
    """Return a metric's name, with its slice where there is one."""
    name = one_line(metric, 40)
    return name if where is None else f"{name} ({slice_words(where)})"


def slice_words(where: Slice) -> str:
    """Return `attribute=value`."""
    return f"{one_line(where.attribute, 30)}={one_line(where.value, 40)}"


def limit_words(limit: Limit, *, share: bool = False) -> tuple[str, str]:
    """Return a limit in words, and what became of it: `in_range at least 80.0%`, `met (...)`."""

    def shown(value: float | None) -> str:
        return numbers.amount(value, share=share)

    share = share or limit.within is not None or limit.of_gaps
    bound = one_line(limit.bound.replace("_", " "), 20)
    what = f"{name_of(limit.metric, limit.slice)} "
    if limit.within is None:
        what += f"{bound} {shown(limit.threshold)}"
    else:
        word, value = limit.within
        words = f"{one_line(word.replace('_', ' '), 20)} {value:g}"
        what += f"{words} on {bound} {shown(limit.threshold)} of scenarios"
    interval = limit.interval
    around = f", interval [{shown(interval[0])}, {shown(interval[1])}]" if interval else ""
    status = one_line(limit.status.replace("_", " "), 20)
    status = status.upper() if limit.status == "not_met" else status
    if limit.must == "shown" and limit.status == "not_shown":
        status += ", and must be"
    n = numbers.count(limit.n_scenarios, "scenario")
    notes = "".join(f"; {one_line(note, 160)}" for note in limit.notes)
    return what, f"{status} ({shown(limit.value)}{around}, {n}{notes})"


def criterion_words(criterion: Criterion) -> tuple[str, str]:
    """Return what the policy asks for besides numbers, and what became of it."""
    status = one_line(criterion.status.replace("_", " "), 20)
    if criterion.status in ("missing", "not_measured"):
        status = status.upper()
    note = f" ({one_line(criterion.note, 160)})" if criterion.note else ""
    return one_line(criterion.what, 200), status + note


def _seen(d: Difference, *, share: bool) -> str:
    if d.detectable_difference is None or (share and d.detectable_difference > 1):
        return "-"  # no share changes by more than all of it: nothing could have been seen
    if d.detectable_difference <= 0:
        return "any"  # all differences were alike: no other change was possible
    if d.ratio is not None and d.baseline:  # it is in the unit; people read ratios here
        return numbers.ratio(1 + d.detectable_difference / d.baseline)
    return numbers.margin(d.detectable_difference, share=share)


def _by_labels(c: CorrectedDifference, *, share: bool) -> str:
    of = f"labels of {numbers.count(c.n_labelled, 'scenario')}"
    weight = f"λ {c.weight:.2f}"
    if c.alone is None:
        return (
            f"corrected by {of}: {numbers.change(c.difference, share=share)} "
            f"{numbers.interval(*c.interval, share=share)}, {weight}"
        )
    return (
        f"by {of}, {weight}; the judge alone: "
        f"{numbers.change(c.alone.difference, share=share)} "
        f"{numbers.interval(*c.alone.interval, share=share)}, "
        f"{c.alone.verdict.value.replace('_', ' ')}"
    )


def _extras(d: Difference) -> Iterable[str]:
    if d.corrected is not None:
        yield _by_labels(d.corrected, share=d.kind == "binary")
    if d.p_value is not None and (d.suspect or d.verdict in (Verdict.REGRESSED, Verdict.IMPROVED)):
        adjusted = "" if d.p_adjusted is None else f", adj {numbers.p_value(d.p_adjusted)}"
        yield f"p {numbers.p_value(d.p_value)}{adjusted}"
    if d.discordant is not None and any(d.discordant):
        only_baseline, only_candidate = d.discordant
        higher = d.direction == "higher_is_better"
        broke, fixed = (
            (only_baseline, only_candidate) if higher else (only_candidate, only_baseline)
        )
        yield f"{broke} broke, {fixed} fixed"
    if d.scenarios_needed:
        yield f"~{numbers.count(d.scenarios_needed, 'more scenario')}"
    if not d.gating and d.slice is None:
        yield "not gating"
    for note in d.notes:
        yield one_line(note, 160)


def _finer(d: Difference) -> Iterable[str]:
    if d.missing.baseline or d.missing.candidate:
        yield f"trials without a value: {d.missing.baseline} and {d.missing.candidate}"
    if d.rerun_se is not None and d.repeats > 1:
        size = numbers.margin(d.rerun_se, share=d.kind == "binary")
        yield f"re-run SE {size.removeprefix('±')}"
