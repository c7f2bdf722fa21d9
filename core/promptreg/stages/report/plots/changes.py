"""How far single scenarios moved, and where scores lie against the expected range."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from promptreg import numbers
from promptreg.stages.report.plots.svg import Drawing, scale
from promptreg.stages.report.text import one_line
from promptreg.verdicts import ScenarioChange, SideTrial

__all__ = ["histogram_of_changes", "risk_range", "risk_score", "scores_against_ranges"]

_BINS = 20
"""Bars to either side of zero, at most."""
_ROWS = 24


def histogram_of_changes(
    changes: Sequence[ScenarioChange], total: int, key: str, *, every: Sequence[float] = ()
) -> Markup:
    """Return a histogram of the scenarios' changes, worse to the left; or nothing.

    Args:
        changes: scenarios, perhaps the worst alone.
        total: how many there are.
        key: a word of ours, unique on the page.
        every: the changes of all scenarios, where they are known; shown in place of `changes`.
    """
    known = every or [c.change for c in changes if c.change is not None]
    values = [value for value in known if math.isfinite(value)]
    if not values:
        return Markup("")
    reach = max(abs(v) for v in values) or 1.0
    bins = max(6, min(_BINS, round(1.5 * math.sqrt(len(values)))))
    worse, better = [0] * bins, [0] * bins
    same = 0
    for v in values:
        if v == 0:
            same += 1
            continue
        side = worse if v < 0 else better
        side[min(bins - 1, int(abs(v) / reach * bins))] += 1
    picture = Drawing()
    top, bottom = 22.0, 128.0
    middle, bar = picture.width / 2, (picture.width - 40) / (2 * bins + 1)
    height = scale(0, max(*worse, *better, 1), 0, bottom - top)
    for k in range(bins):
        for count, x, tone in (
            (worse[k], middle - bar / 2 - (k + 1) * bar, "bad"),
            (better[k], middle + bar / 2 + k * bar, "good"),
        ):
            if count:
                picture.box(x + 0.5, bottom - height(count), bar - 1, height(count), f"bar {tone}")
    picture.line(8, bottom, picture.width - 8, bottom, "zero")
    n_worse, n_better = sum(worse), sum(better)
    picture.text(8, 12, f"{n_worse} worse", "label bad-text")
    picture.text(middle, 12, f"{same} the same", "label", "middle")
    picture.text(picture.width - 8, 12, f"{n_better} better", "label good-text", "end")
    for sign in (-1, 0, 1):
        words = f"{sign * reach:+.2f}" if sign else "0"
        picture.text(middle + sign * bar * (bins + 0.5), bottom + 14, words, "tick", "middle")
    of = f" of {total:,}" if total > len(values) else ""
    said = (
        f"Of the {len(values):,}{of} scenarios shown, {n_worse} became worse, {n_better} better, "
        f"{same} stayed the same; the largest change is {numbers.number(reach)}."
    )
    return picture.render(bottom + 22, "Change of single scenarios", said, key)


def scores_against_ranges(
    changes: Sequence[ScenarioChange], labels: tuple[str, str], key: str
) -> Markup:
    """Return both versions' risk scores over the expected range, the worst scenarios; or nothing.

    Args:
        changes: scenarios, the worst first; those without a range or any score are left out.
        labels: of the versions.
        key: a word of ours, unique on the page.
    """
    drawn = [
        (c, span, risk_score(c.baseline), risk_score(c.candidate))
        for c in changes
        if (span := risk_range(c.ground_truth)) is not None
    ]
    drawn = [row for row in drawn if row[2] is not None or row[3] is not None][:_ROWS]
    if not drawn:
        return Markup("")
    picture = Drawing()
    step, top = 30.0, 24.0
    at = scale(0, 100, 10, picture.width - 46)
    bottom = top + step * len(drawn)
    picture.mark(15, 9, "ring", "before", 4.5)
    picture.text(24, 13, one_line(labels[0], 14), "label")
    picture.mark(115, 9, "circle", "after", 4.5)
    picture.text(124, 13, one_line(labels[1], 14), "label")
    picture.box(216, 4, 22, 10, "range")
    picture.text(244, 13, "expected range", "label")
    for points in (0, 25, 50, 75, 100):
        picture.line(at(points), top, at(points), bottom, "grid")
        picture.text(at(points), bottom + 13, str(points), "tick", "middle")
    for i, (change, (low, high), before, after) in enumerate(drawn):
        y = top + step * i + 21
        picture.text(10, y - 8, one_line(change.scenario_id, 48), "tick")
        picture.box(at(low), y - 4, max(2.0, at(high) - at(low)), 8, "range")
        if before is not None and after is not None:
            picture.line(at(before), y, at(after), y, "move")
        if after is not None:
            picture.mark(at(after), y, "circle", "after", 3.5)
        if before is not None:  # above the other, and wider: both show where they are equal
            picture.mark(at(before), y, "ring", "before", 5)
        for trial, column in ((change.baseline, 0), (change.candidate, 1)):
            if trial.failure:  # the place tells the version, and so does the description
                x = picture.width - 30 + 16 * column
                picture.mark(x, y, "cross", ("before", "after")[column], 3.5)
    if any(c.baseline.failure or c.candidate.failure for c, *_ in drawn):
        picture.text(picture.width - 4, 13, "× failed", "label", "end")
    said = "; ".join(_said(row) for row in drawn)
    return picture.render(bottom + 20, "Risk scores against the expected range", f"{said}.", key)


def _said(row: tuple[ScenarioChange, tuple[float, float], float | None, float | None]) -> str:
    change, (low, high), before, after = row
    name = one_line(change.scenario_id, 40)
    left = "failed" if before is None else f"{before:g}"
    right = "failed" if after is None else f"{after:g}"
    return f"{name}: expected {low:g} to {high:g}, {left} then {right}"


def risk_range(ground_truth: Mapping[str, object]) -> tuple[float, float] | None:
    """Return the expected range in points, or None where there is none that makes sense."""
    span = ground_truth.get("risk_range")
    if isinstance(span, Mapping):
        span = [span.get("min", span.get("low")), span.get("max", span.get("high"))]
    if not isinstance(span, Sequence) or isinstance(span, str) or len(span) != 2:
        return None
    low, high = (_points(v) for v in span)
    return (low, high) if low is not None and high is not None and low <= high else None


def risk_score(trial: SideTrial) -> float | None:
    """Return the answer's risk score in points, or None."""
    return None if trial.failure else _points(trial.answer.get("risk_score"))


def _points(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value <= 100 else None
