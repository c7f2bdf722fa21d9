"""A metric over the comparisons of a suite, as a drawing: dots with intervals in order of time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from promptreg import numbers
from promptreg.stages.report.plots.kinds import SHAPES
from promptreg.stages.report.plots.svg import Drawing, scale, ticks
from promptreg.stages.report.text import one_line
from promptreg_plugins.web.pages.wording import moment

__all__ = ["candidates", "sparkline", "trend_plot"]

_TONES = {"pass": "good", "fail": "bad", "inconclusive": "unsure"}
_MARKS = {"pass": "circle", "fail": "diamond", "inconclusive": "ring"}
_HEIGHT, _LEFT, _TOP = 200.0, 44.0, 24.0
_MOST = 60


class _Small(Drawing):
    """A drawing that stands in a line of text."""

    width = 180.0


@dataclass(frozen=True, slots=True)
class _Dot:
    words: str
    label: str
    day: str
    value: float
    low: float
    high: float
    verdict: str


def trend_plot(points: Sequence[Mapping[str, Any]], metric: str, key: str) -> Markup:
    """Return the metric of one template over time, a line for each version; or nothing.

    Args:
        points: as `Service.trend` gives them, the oldest first; the last 60 are drawn.
        metric: its name.
        key: a word of ours, unique on the page.
    """
    dots = _dots(points)
    if not dots:
        return Markup("")
    share = bool(points[-1].get("share"))
    picture = Drawing()
    low, high = _range(dots)
    right, bottom = picture.width - 10, _HEIGHT - 34
    down = scale(low, high, bottom, _TOP)
    for value in ticks(low, high, 4):
        picture.line(_LEFT, down(value), right, down(value), "grid")
        shown = f"{100 * value:.4g}%" if share else f"{value:.4g}"
        picture.text(_LEFT - 6, down(value) + 3.5, shown, "tick", "end")
    places = _places(len(dots), _LEFT + 26, right - 26)
    labels = list(dict.fromkeys(dot.label for dot in dots))
    for i, label in enumerate(labels):
        kind = min(i, len(SHAPES))  # never colour alone: versions past the seventh share a ring
        shape = SHAPES[kind] if kind < len(SHAPES) else "ring"
        own = [(x, dot) for x, dot in zip(places, dots, strict=True) if dot.label == label]
        if len(own) > 1:
            picture.add("path", d=_path(own, down), class_=f"kind kind{kind} cross faint")
        for x, dot in own:
            if dot.high > dot.low:
                picture.line(x, down(dot.low), x, down(dot.high), f"kind kind{kind} interval")
            picture.mark(x, down(dot.value), shape, f"kind kind{kind}", told=dot.words)
        if i <= len(SHAPES):
            words = label if kind < len(SHAPES) else "others"
            picture.mark(_LEFT + 6 + 46 * i, 8, shape, f"kind kind{kind}", 3.5)
            picture.text(_LEFT + 14 + 46 * i, 12, one_line(words, 6), "tick")
    step = max(1, math.ceil(len(dots) / 6))
    day = ""
    for i in range(0, len(dots), step):
        picture.text(places[i], bottom + 15, dots[i].label, "tick", "middle")
        if dots[i].day != day:  # the same day again would run into the one before
            day = dots[i].day
            words = day if len(dots) <= 4 or not i else day[5:]
            picture.text(places[i], bottom + 27, words, "tick", "middle")
    said = "; ".join(dot.words for dot in dots[-20:])
    return picture.render(_HEIGHT, f"{one_line(metric, 40)} over time", f"{said}.", key)


def _path(own: Sequence[tuple[float, _Dot]], down: Callable[[float], float]) -> str:
    return "M" + "L".join(f"{x:.1f} {down(dot.value):.1f}" for x, dot in own)


def sparkline(points: Sequence[Mapping[str, Any]], metric: str, key: str) -> Markup:
    """Return each comparison's candidate as a small drawing without axes; nothing for one."""
    dots = _dots(candidates(points))
    if len(dots) < 2:
        return Markup("")
    picture = _Small()
    low, high = _range(dots)
    down = scale(low, high, 34, 6)
    places = _places(len(dots), 6, picture.width - 6)
    area = [f"{x:.1f} {down(d.high):.1f}" for x, d in zip(places, dots, strict=True)]
    area += [f"{x:.1f} {down(d.low):.1f}" for x, d in reversed([*zip(places, dots, strict=True)])]
    picture.add("path", d="M" + "L".join(area) + "Z", class_="band")
    path = _path([*zip(places, dots, strict=True)], down)
    picture.add("path", d=path, class_="move arrow")
    last = dots[-1]
    shape, tone = _MARKS.get(last.verdict, "circle"), _TONES.get(last.verdict, "fine")
    picture.mark(places[-1], down(last.value), shape, tone, 3.5)
    said = f"{len(dots)} values, the last {last.words}."
    return picture.render(40, f"Trend of {one_line(metric, 40)}", said, key)


def candidates(points: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the last point of each job: a comparison's candidate comes after its baseline."""
    last: dict[str, Mapping[str, Any]] = {}
    for i, point in enumerate(points):
        key = str(point.get("job_id") or i)
        last.pop(key, None)  # in the order of the candidates
        last[key] = point
    return list(last.values())


def _dots(points: Sequence[Mapping[str, Any]]) -> list[_Dot]:
    found = []
    for point in points[-_MOST:]:
        value = _number(point.get("value"))
        if value is None:
            continue
        low, high = _number(point.get("low")), _number(point.get("high"))
        label = one_line(str(point.get("label") or ""), 12)
        at = moment(point.get("at"))
        share = bool(point.get("share"))
        around = "" if low is None or high is None else numbers.between(low, high, share=share)
        verdict = one_line(str(point.get("verdict") or ""), 20)
        words = f"{at} {label}: {numbers.amount(value, share=share)}"
        words += f" ({around})" if around else ""
        words = f"{words} {verdict}".rstrip()
        low, high = value if low is None else low, value if high is None else high
        found.append(_Dot(words, label, at[:10], value, low, high, verdict))
    return found


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)


def _range(dots: Sequence[_Dot]) -> tuple[float, float]:
    low = min(min(d.low, d.value) for d in dots)
    high = max(max(d.high, d.value) for d in dots)
    room = 0.06 * (high - low) or 0.1 * max(abs(high), 1.0)
    return low - room, high + room


def _places(n: int, left: float, right: float) -> list[float]:
    if n == 1:
        return [(left + right) / 2]
    return [left + (right - left) * i / (n - 1) for i in range(n)]
