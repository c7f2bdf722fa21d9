"""Intervals under each other: all metrics in units of their margins, or one metric by slice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from promptreg import numbers
from promptreg.stages.report.lines import Line, line_of
from promptreg.stages.report.plots.svg import Drawing, scale, ticks
from promptreg.stages.report.text import one_line
from promptreg.verdicts import Difference, Verdict

__all__ = ["SHAPES", "forest_of_metrics", "forest_of_slices"]

SHAPES = {
    Verdict.REGRESSED: ("diamond", "bad"),
    Verdict.IMPROVED: ("triangle", "good"),
    Verdict.EQUIVALENT: ("circle", "fine"),
    Verdict.NO_WORSE: ("circle", "fine"),
    Verdict.INCONCLUSIVE: ("ring", "unsure"),
}
"""Mark and colour class of a verdict: never colour alone."""
_REACH = 4.0
"""Margins shown to either side; what goes further gets an arrow."""
_ROW = 34.0


@dataclass(frozen=True, slots=True)
class _Row:
    label: str
    words: str
    low: float
    middle: float
    high: float
    verdict: Verdict


def forest_of_metrics(differences: Sequence[Difference], key: str, template: str) -> Markup:
    """Return every metric's interval in units of its own margin, worse to the left; or nothing."""
    rows = []
    for d in differences:
        place = _in_margins(d)
        if place is not None:
            line = line_of(d)
            rows.append(_Row(line.metric, _words(line), *place, d.verdict))
    if not rows:
        return Markup("")
    reach = min(_REACH, max(1.5, *(abs(v) for r in rows for v in (r.low, r.high))))
    marks = [(float(k), "0" if k == 0 else f"{k:+d}") for k in range(-int(reach), int(reach) + 1)]
    return _draw(
        rows,
        (-reach, reach),
        (-1.0, 1.0),
        marks,
        "← worse · in margins · better →",
        f"Change of every metric of {template} in units of its margin",
        key,
    )


def forest_of_slices(differences: Sequence[Difference], key: str) -> Markup:
    """Return one metric's interval on every slice, in its own unit; or nothing."""
    rows = [
        _Row(_slice_label(d), _words(line_of(d)), *place, d.verdict)
        for d in differences
        if (place := _in_unit(d)) is not None
    ]
    if not rows:
        return Markup("")
    first = differences[0]
    margin = _margin(first)
    ends = [v for r in rows for v in (r.low, r.high)] + ([-margin, margin] if margin else [0.0])
    low, high = min(ends), max(ends)
    pad = 0.04 * (high - low or 1.0)
    shown = (low - pad, high + pad)
    marks = [(v, _tick(first, v)) for v in ticks(*shown)]
    higher = first.direction == "higher_is_better"
    axis = "← worse · better →" if higher else "← better · worse →"
    name = one_line(first.metric, 40)
    return _draw(
        rows,
        shown,
        (-margin, margin) if margin else None,
        marks,
        axis,
        f"Change of {name} by slice",
        key,
    )


def _draw(
    rows: Sequence[_Row],
    shown: tuple[float, float],
    band: tuple[float, float] | None,
    marks: Sequence[tuple[float, str]],
    axis: str,
    title: str,
    key: str,
) -> Markup:
    picture = Drawing()
    left, right = 8.0, picture.width - 8.0
    bottom = 6.0 + _ROW * len(rows)
    at = scale(*shown, left, right)
    if band:
        picture.box(at(band[0]), 4, at(band[1]) - at(band[0]), bottom - 4, "band")
    for value, words in marks:
        picture.line(at(value), 4, at(value), bottom, "zero" if value == 0 else "grid")
        picture.text(at(value), bottom + 13, words, "tick", "middle")
    picture.text(picture.width / 2, bottom + 28, axis, "tick", "middle")
    for i, row in enumerate(rows):
        _interval(picture, row, 6.0 + _ROW * i, at, (left, right))
    said = "; ".join(f"{r.label} {r.words}" for r in rows[:30])
    note = "The shaded band is the margin. " if band else ""
    return picture.render(bottom + 36, title, f"{note}{said}.", key)


def _interval(
    picture: Drawing, row: _Row, top: float, at: object, edges: tuple[float, float]
) -> None:
    assert callable(at)  # noqa: S101 - tells the type checker; scale() returns a function
    left, right = edges
    shape, tone = SHAPES[row.verdict]
    picture.text(left, top + 11, _fit(row.label, 44), "label")
    picture.text(right, top + 11, row.words, f"value {tone}-text", "end")
    y = top + 22
    x1, x2 = max(left, at(row.low)), min(right, at(row.high))
    if x1 < x2:
        picture.line(x1, y, x2, y, f"interval {tone}")
    if at(row.low) < left:
        picture.add("path", d=f"M{left + 5:.1f} {y - 4:.1f}l-5 4l5 4", class_=f"arrow {tone}")
    if at(row.high) > right:
        picture.add("path", d=f"M{right - 5:.1f} {y - 4:.1f}l5 4l-5 4", class_=f"arrow {tone}")
    if left <= at(row.middle) <= right:
        picture.mark(at(row.middle), y, shape, tone)


def _in_margins(d: Difference) -> tuple[float, float, float] | None:
    """Return low, estimate and high in margins, negative is worse; None if that makes no sense."""
    margin = _margin(d)
    place = _in_unit(d)
    if margin is None or place is None:
        return None
    low, middle, high = (v / margin for v in place)
    return (low, middle, high) if d.direction == "higher_is_better" else (-high, -middle, -low)


def _in_unit(d: Difference) -> tuple[float, float, float] | None:
    """Return low, estimate and high on the axis: the unit, or the logarithm of the ratio."""
    if d.ratio is not None:
        middle, low, high = d.ratio
        values = [math.log(v) if v > 0 else -math.inf for v in (low, middle, high)]
    elif d.interval is None or d.difference is None:
        return None
    else:
        values = [d.interval[0], d.difference, d.interval[1]]
    if not all(math.isfinite(v) for v in values):
        return None
    return values[0], values[1], values[2]


def _margin(d: Difference) -> float | None:
    if d.margin is None or not math.isfinite(d.margin):
        return None
    if d.ratio is not None:
        return math.log(d.margin) if d.margin > 1 else None
    return d.margin if d.margin > 0 else None


def _words(line: Line) -> str:
    unit = f" {line.unit}" if line.unit and line.difference.ratio is None else ""
    return f"{line.change}{unit} · {line.verdict}"


def _tick(d: Difference, value: float) -> str:
    if d.ratio is not None:
        return numbers.ratio(math.exp(value))
    return f"{100 * value:g}" if d.kind == "binary" else f"{value:g}"


def _slice_label(d: Difference) -> str:
    if d.slice is None:
        return "all scenarios"
    return f"{one_line(d.slice.value, 30)} ({one_line(d.slice.attribute, 24)}, n={d.n_scenarios})"


def _fit(words: str, room: int) -> str:
    return words if len(words) <= room else f"{words[: room - 1]}…"
