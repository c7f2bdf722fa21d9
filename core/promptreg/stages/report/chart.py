"""A metric over time as an SVG picture, or as a page that loads nothing from anywhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from promptreg.stages.report.text import clean

__all__ = ["Dot", "Plot", "chart_page", "chart_svg"]

_WIDTH, _HEIGHT = 860, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 46, 78
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#8c6d31", "#5b5b5b")
_ALARM = "#d55e00"


@dataclass(frozen=True, slots=True)
class Dot:
    """One value with its interval, of one version at one time."""

    at: str
    label: str
    version: str
    value: float
    low: float | None
    high: float | None
    alarm: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Plot:
    """What is drawn: dots in the order of time; dots of one version have one colour."""

    title: str
    unit: str
    dots: tuple[Dot, ...]
    foot: str = ""


def chart_svg(plot: Plot) -> str:
    """Return a picture; hovering over a dot says what it is."""
    low, high = _range(plot.dots)
    versions = list(dict.fromkeys(d.version for d in plot.dots))
    colours = {v: _COLOURS[i % len(_COLOURS)] for i, v in enumerate(versions)}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" height="{_HEIGHT}" font-family="system-ui, sans-serif" '
        f'font-size="11" role="img" aria-label="{_text(plot.title)}">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="20" font-size="15" font-weight="600">{_text(plot.title)}</text>',
    ]
    parts += _axis(low, high, plot.unit)
    count = len(plot.dots)
    places = [_x(i, count) for i in range(count)]
    for version in versions:  # a line through the runs of one unchanged version
        own = [
            f"{x:.1f},{_y(d.value, low, high):.1f}"
            for x, d in zip(places, plot.dots, strict=True)
            if d.version == version
        ]
        if len(own) > 1:
            parts.append(
                f'<polyline points="{" ".join(own)}" fill="none" stroke="{colours[version]}" '
                'stroke-width="1" stroke-opacity="0.45"/>'
            )
    step = max(1, math.ceil(count / 12))
    for i, (x, dot) in enumerate(zip(places, plot.dots, strict=True)):
        parts += _dot(dot, x, low, high, colours[dot.version])
        if i % step == 0 or i == count - 1:
            parts += _tick(dot, x)
    parts.append(f'<text x="{_LEFT}" y="{_HEIGHT - 8}" fill="#555555">{_text(plot.foot)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def chart_page(plots: Sequence[Plot]) -> str:
    """Return a page with each picture and its numbers."""
    body = []
    for plot in plots:
        rows = "".join(
            f"<tr{' class=alarm' if d.alarm else ''}><td>{_text(d.at[:16].replace('T', ' '))}"
            f"<td>{_text(d.label)}<td><code>{_text(d.version)}</code><td>{d.value:.4g}"
            f"<td>{'-' if d.low is None or d.high is None else f'{d.low:.4g} to {d.high:.4g}'}"
            f"<td>{_text(d.note)}"
            for d in plot.dots
        )
        body.append(
            f"<section>{chart_svg(plot)}<table><thead><tr><th>finished<th>version<th>text"
            f"<th>value<th>95% interval<th>drift</thead><tbody>{rows}</tbody></table></section>"
        )
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width"><title>promptreg: trend</title>'
        "<style>body{font:14px/1.45 system-ui,sans-serif;margin:2em auto;max-width:880px;"
        "padding:0 1em}svg{max-width:100%;height:auto}table{border-collapse:collapse;width:100%}"
        "td,th{text-align:left;padding:.25em .6em;border-bottom:1px solid #ddd;"
        "overflow-wrap:anywhere}.alarm td{background:#fdeee4;font-weight:600}</style>\n"
        f"{''.join(body)}</html>\n"
    )


def _range(dots: Sequence[Dot]) -> tuple[float, float]:
    ends = [e for d in dots for e in (d.value, d.low, d.high) if e is not None and math.isfinite(e)]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    room = 0.08 * (high - low) or max(abs(high), 1.0) * 0.1
    return low - room, high + room


def _axis(low: float, high: float, unit: str) -> list[str]:
    parts = []
    for value in _round_values(low, high):
        y = _y(value, low, high)
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" '
            'stroke="#e4e4e4"/>'
            f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:.6g}</text>'
        )
    parts.append(f'<text x="{_LEFT}" y="36" fill="#555555">{_text(unit)}</text>')
    return parts


def _round_values(low: float, high: float) -> list[float]:
    """Return about five round numbers in a range."""
    rough = (high - low) / 5
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(m * size for m in (1, 2, 5, 10) if m * size >= rough)
    first = math.ceil(low / step)
    return [i * step for i in range(first, math.floor(high / step) + 1)][:20]


def _dot(dot: Dot, x: float, low: float, high: float, colour: str) -> list[str]:
    parts = []
    if dot.low is not None and dot.high is not None:
        top, bottom = _y(dot.high, low, high), _y(dot.low, low, high)
        parts.append(
            f'<path d="M{x:.1f} {top:.1f}V{bottom:.1f}M{x - 3:.1f} {top:.1f}h6'
            f'M{x - 3:.1f} {bottom:.1f}h6" stroke="{colour}" stroke-width="1.4"/>'
        )
    y = _y(dot.value, low, high)
    words = f"{dot.at[:16]} {dot.label} ({dot.version}): {dot.value:.4g}"
    title = f"<title>{_text('. '.join(filter(None, (words, dot.note))))}</title>"
    parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}">{title}</circle>')
    if dot.alarm:
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="9" fill="none" stroke="{_ALARM}" '
            'stroke-width="2.5"/>'
            f'<text x="{x:.1f}" y="{_TOP - 2}" text-anchor="middle" fill="{_ALARM}" '
            'font-weight="600">drift</text>'
        )
    return parts


def _tick(dot: Dot, x: float) -> list[str]:
    y = _HEIGHT - _BOTTOM + 18
    return [
        f'<text x="{x:.1f}" y="{y}" text-anchor="middle">{_text(dot.label[:14])}</text>',
        f'<text x="{x:.1f}" y="{y + 14}" text-anchor="middle" fill="#555555">'
        f"{_text(dot.at[:10])}</text>",
        f'<text x="{x:.1f}" y="{y + 28}" text-anchor="middle" fill="#555555">'
        f"{_text(dot.at[11:16])}</text>",
    ]


def _x(i: int, count: int) -> float:
    inner = _WIDTH - _LEFT - _RIGHT - 60
    return _LEFT + 30 + (inner / 2 if count < 2 else inner * i / (count - 1))


def _y(value: float, low: float, high: float) -> float:
    return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (high - value) / (high - low)


def _text(text: str) -> str:
    return escape(clean(text, 400), quote=True)
