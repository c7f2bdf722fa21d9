"""Inline SVG, element by element; every attribute and text is escaped here and nowhere else."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from markupsafe import Markup, escape

__all__ = ["Drawing", "scale", "ticks"]

_WIDTH = 420.0
"""User units of every drawing; small enough that 11-unit text stays readable on a phone."""


class Drawing:
    """A drawing of fixed width that grows downwards.

    Colours come from the page's style sheet through classes, so that dark mode and print work.
    """

    width = _WIDTH

    def __init__(self) -> None:
        self._parts: list[Markup] = []

    def add(self, tag: str, text: str | None = None, /, **attributes: object) -> None:
        """Add an element; `class_` is `class`, `_` in names is `-`, floats get one decimal."""
        words = _attributes(attributes)
        if text is None:
            self._parts.append(Markup("<{}{}/>").format(tag, words))
        else:
            self._parts.append(Markup("<{0}{1}>{2}</{0}>").format(tag, words, text))

    def line(self, x1: float, y1: float, x2: float, y2: float, class_: str) -> None:
        """Add a line."""
        self.add("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)

    def box(self, x: float, y: float, width: float, height: float, class_: str) -> None:
        """Add a rectangle."""
        self.add("rect", x=x, y=y, width=max(0.0, width), height=height, class_=class_)

    def text(self, x: float, y: float, words: str, class_: str = "", anchor: str = "start") -> None:
        """Add a text; `anchor` is start, middle or end."""
        self.add("text", words, x=x, y=y, class_=class_, text_anchor=anchor)

    def mark(
        self, x: float, y: float, shape: str, class_: str, size: float = 4.5, *, told: str = ""
    ) -> None:
        """Add a mark: `circle`, `ring`, `diamond`, `triangle`, `square`, `cross` or `plus`.

        `told` is what a reader who points at it sees.
        """
        tag, words = "path", class_
        facts: dict[str, object]
        if shape in ("circle", "ring"):
            tag, words, facts = "circle", f"{class_} {shape}", {"cx": x, "cy": y, "r": size}
        elif shape in ("cross", "plus"):
            words = f"{class_} cross"
            facts = {"d": _strokes(x, y, size, upright=shape == "plus")}
        else:
            tag, facts = "polygon", {"points": _corners(x, y, shape, size)}
        if told:
            self._parts.append(
                Markup("<{0}{1}><title>{2}</title></{0}>").format(
                    tag, _attributes({**facts, "class_": words}), told
                )
            )
        else:
            self.add(tag, **facts, class_=words)

    def render(self, height: float, title: str, description: str, key: str) -> Markup:
        """Return the whole drawing; `key` is a word of ours, unique on the page."""
        return Markup(
            '<svg class="plot" viewBox="0 0 {} {}" role="img" aria-labelledby="{}-t {}-d">'
            '<title id="{}-t">{}</title><desc id="{}-d">{}</desc>{}</svg>'
        ).format(
            _short(self.width), _short(height), key, key, key, title, key, description,
            Markup("").join(self._parts),
        )  # fmt: skip


def _attributes(facts: Mapping[str, object]) -> Markup:
    return Markup("").join(
        Markup(' {}="{}"').format(name.rstrip("_").replace("_", "-"), _short(value))
        for name, value in facts.items()
    )


def _strokes(x: float, y: float, size: float, *, upright: bool) -> str:
    whole = 2 * size
    if upright:
        return f"M{x - size:.1f} {y:.1f}h{whole:.1f}M{x:.1f} {y - size:.1f}v{whole:.1f}"
    start = f"M{x - size:.1f} {y - size:.1f}l{whole:.1f} {whole:.1f}m{-whole:.1f} 0"
    return f"{start}l{whole:.1f} {-whole:.1f}"


def _corners(x: float, y: float, shape: str, size: float) -> str:
    size *= 1.25
    corners = [(0.0, -size), (size, size), (-size, size)]
    if shape == "diamond":
        corners = [(0.0, -size), (size, 0.0), (0.0, size), (-size, 0.0)]
    elif shape == "square":
        half = 0.7 * size
        corners = [(-half, -half), (half, -half), (half, half), (-half, half)]
    return " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners)


def _short(value: object) -> Markup:
    return escape(f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else value)


def scale(low: float, high: float, left: float, right: float) -> Callable[[float], float]:
    """Return the function from values to places; values outside stay outside."""
    span = (high - low) or 1.0
    return lambda value: left + (value - low) / span * (right - left)


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Return round values between low and high, some `about` of them."""
    span = high - low
    if not span > 0:
        return [low]
    power = 10.0 ** math.floor(math.log10(span / about))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power * about >= span)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [k * step for k in range(first, last + 1)]
