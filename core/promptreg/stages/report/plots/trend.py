"""A metric over runs: values with intervals, and a control chart of unchanged versions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from promptreg import numbers
from promptreg.clock import to_minute
from promptreg.stages.report.plots.kinds import SHAPES
from promptreg.stages.report.plots.svg import Drawing, scale, ticks
from promptreg.stages.report.text import one_line

__all__ = ["Dot", "control_chart", "marks_of", "trend_chart"]

_LEFT, _TOP, _BOTTOM = 46.0, 12.0, 190.0
_SIGNS = {
    "circle": "●", "triangle": "▲", "diamond": "◆", "cross": "✕", "square": "■", "plus": "+",
    "ring": "○",
}  # fmt: skip
_LOWEST = 1e-5
"""Smaller p-values are drawn as this one."""


@dataclass(frozen=True, slots=True)
class Dot:
    """One run: its value with its interval, and what it says against earlier ones.

    Attributes:
        at: when it finished, ISO 8601.
        label, version: what the version is called, and a short hash of its text.
        value, low, high: the metric; no interval where it has none.
        alarm: whether it answers otherwise than the earlier runs of its version.
        note: what to say of it.
        p_value: of the test against earlier runs; None where there are none.
    """

    at: str
    label: str
    version: str
    value: float
    low: float | None
    high: float | None
    alarm: bool = False
    note: str = ""
    p_value: float | None = None


def marks_of(dots: Sequence[Dot]) -> dict[str, str]:
    """Return a sign for each version, as the charts draw it: never colour alone."""
    versions = dict.fromkeys(d.version for d in dots)
    return {v: _SIGNS[SHAPES[i % len(SHAPES)]] for i, v in enumerate(versions)}


def trend_chart(
    dots: Sequence[Dot], title: str, unit: str, key: str, *, share: bool, headed: bool = False
) -> Markup:
    """Return values over runs, equally spaced in the order of time; nothing for no run.

    Args:
        dots: the runs, the oldest first.
        title: of the drawing.
        unit: of the values; empty for none.
        key: a word of ours, unique on the page.
        share: whether values are shares, shown as percentages.
        headed: whether the title is drawn, too: where nothing around the picture says it.
    """
    if not dots:
        return Markup("")
    picture = Drawing()
    right = picture.width - 14
    low, high = _range(dots)
    down = scale(low, high, _BOTTOM, _TOP + (26 if headed else 0))
    if headed:
        picture.text(8, 14, one_line(title, 60), "label strong")
    across = _across(len(dots), right)
    for value in ticks(low, high):
        picture.line(_LEFT, down(value), right, down(value), "grid")
        words = f"{value:.0%}" if share else f"{value:.6g}"
        picture.text(_LEFT - 6, down(value) + 3.5, words, "tick", "end")
    if unit:
        picture.text(4, 32 if headed else 9, one_line(unit, 16), "tick")
    versions = list(dict.fromkeys(d.version for d in dots))
    size = 4.0 if len(dots) <= 40 else 2.6
    for k, version in enumerate(versions):
        own = [i for i, d in enumerate(dots) if d.version == version]
        path = " ".join(f"{across(i):.1f},{down(dots[i].value):.1f}" for i in own)
        if len(own) > 1:
            picture.add("polyline", points=path, class_=f"thread kind{k % 8}")
        for i in own:
            dot, x = dots[i], across(i)
            if dot.low is not None and dot.high is not None:
                picture.line(x, down(dot.low), x, down(dot.high), f"whisker kind{k % 8}")
            told = f"{to_minute(dot.at)} {dot.label} ({dot.version}): {dot.value:.4g}"
            shape = SHAPES[k % len(SHAPES)]
            words = one_line(". ".join(filter(None, (told, dot.note))), 400)
            picture.mark(x, down(dot.value), shape, f"kind kind{k % 8}", size, told=words)
    for i, dot in enumerate(dots):
        if dot.alarm:
            picture.mark(across(i), down(dot.value), "circle", "alarm", 9)
            picture.text(across(i) + 12, down(dot.value) + 4, "drift", "label bad-text")
    bottom = _dates(picture, dots, across, _BOTTOM)
    bottom = _legend(picture, dots, versions, bottom + 18)
    said = "; ".join(
        f"{d.at[:10]} {d.label} {numbers.amount(d.value, share=share)}"
        + (", drift" if d.alarm else "")
        for d in dots[-40:]
    )
    return picture.render(bottom + 8, title, one_line(f"{said}.", 3_000), key)


def control_chart(dots: Sequence[Dot], alpha: float, key: str) -> Markup:
    """Return how likely each run is if its version is what it was, down to the line of alarm.

    Args:
        dots: the runs, the oldest first; those with a `p_value` are drawn.
        alpha: what a run has to fall below to raise an alarm.
        key: a word of ours, unique on the page.
    """
    looks = [(i, d, d.p_value) for i, d in enumerate(dots) if d.p_value is not None]
    if not looks:
        return Markup("")
    picture = Drawing()
    right = picture.width - 14
    least = min(alpha, *(max(p, _LOWEST) for _, _, p in looks)) / 3
    top, bottom = 14.0, 120.0
    down = scale(0, -math.log10(least), top, bottom)
    across = _across(len(dots), right)

    def at(p: float) -> float:
        return down(-math.log10(min(1.0, max(p, least))))

    for p in (1.0, 0.1, 0.01, 0.001, 0.0001):
        if p >= least:
            picture.line(_LEFT, at(p), right, at(p), "grid")
            picture.text(_LEFT - 6, at(p) + 3.5, f"{p:g}", "tick", "end")
    picture.box(_LEFT, at(alpha), right - _LEFT, bottom - at(alpha), "danger")
    picture.line(_LEFT, at(alpha), right, at(alpha), "limit")
    picture.text(right, at(alpha) - 3, f"alarm below {alpha:g}", "tick", "end")
    versions = list(dict.fromkeys(d.version for d in dots))
    for i, dot, p in looks:
        k = versions.index(dot.version)
        words = one_line(f"{to_minute(dot.at)} {dot.label}: p {p:.2g}", 200)
        shape = SHAPES[k % len(SHAPES)]
        picture.mark(across(i), at(p), shape, f"kind kind{k % 8}", 4.0, told=words)
        if dot.alarm:
            picture.mark(across(i), at(p), "circle", "alarm", 9)
    foot = _dates(picture, dots, across, bottom)
    said = "; ".join(
        f"{d.at[:10]} {d.label} p {p:.2g}{', alarm' if d.alarm else ''}" for _, d, p in looks[-40:]
    )
    title = "Probability of a run if its version answers as before"
    said = f"An alarm is raised below {alpha:g}. {said}."
    return picture.render(foot + 8, title, one_line(said, 3_000), key)


def _across(count: int, right: float) -> Callable[[float], float]:
    left = _LEFT + 14
    if count < 2:
        return lambda i: (left + right - 14) / 2
    return scale(0, count - 1, left, right - 14)


def _range(dots: Sequence[Dot]) -> tuple[float, float]:
    ends = [e for d in dots for e in (d.value, d.low, d.high) if e is not None and math.isfinite(e)]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    room = 0.06 * (high - low) or max(abs(high), 1.0) * 0.1
    return low - room, high + room


def _dates(
    picture: Drawing, dots: Sequence[Dot], across: Callable[[float], float], bottom: float
) -> float:
    """Write when runs finished under as many as there is room for; return where it ends."""
    picture.line(_LEFT, bottom, picture.width - 14, bottom, "zero")
    step = max(1, math.ceil(len(dots) / 6))
    before = ""
    for i, dot in enumerate(dots):
        if i % step and i != len(dots) - 1:
            continue
        if i == len(dots) - 1 and i % step and i % step < step / 2 and len(dots) > 1:
            continue  # too near to the one before
        day, hour = dot.at[:10], dot.at[11:16]
        picture.text(across(i), bottom + 13, day[5:] if day != before else hour, "tick", "middle")
        if day != before:
            picture.text(across(i), bottom + 25, hour, "tick", "middle")
        before = day
    return bottom + 26


def _legend(picture: Drawing, dots: Sequence[Dot], versions: list[str], top: float) -> float:
    x, y = 8.0, top
    for k, version in enumerate(versions[:14]):
        label = next(d.label for d in dots if d.version == version)
        words = f"{one_line(label, 24)} {one_line(version, 8)}"
        width = 26 + 6.4 * len(words)
        if x > 8 and x + width > picture.width:
            x, y = 8.0, y + 16
        picture.mark(x + 5, y - 4, SHAPES[k % len(SHAPES)], f"kind kind{k % 8}", 3.8)
        picture.text(x + 14, y, words, "label")
        x += width
    if len(versions) > 14:
        picture.text(x, y, f"and {len(versions) - 14} more", "tick")
    return y
