"""The map of a set: every scenario a mark, like beside like, told apart by one attribute."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from markupsafe import Markup

from promptreg.stages.report.plots.svg import Drawing, scale
from promptreg.stages.report.text import one_line

__all__ = ["SHAPES", "map_of_kinds"]

SHAPES = ("circle", "triangle", "diamond", "cross", "square", "plus", "ring")
"""A shape for each of the most frequent values: never colour alone."""
_OTHER = len(SHAPES)
_HEIGHT = 300.0
_EDGE = 10.0
_LEGEND = 15.0
_PER_LETTER = 6.4


def map_of_kinds(
    places: Sequence[tuple[float, float]],
    values: Sequence[str | None],
    attribute: str,
    shown: float,
    key: str,
    *,
    ids: Sequence[str] = (),
) -> Markup:
    """Return the map; nothing for no scenario.

    Args:
        places: of the scenarios, 0 to 1 both ways.
        values: of the attribute, one for each; None where a scenario has none. The seven most
            frequent get a mark and colour of their own, the rest share one.
        attribute: its name.
        shown: the share of the variance that the two directions hold.
        key: a word of ours, unique on the page.
        ids: of the scenarios, to be shown where a reader points; none for many scenarios.
    """
    if not places:
        return Markup("")
    words = ["(none)" if value is None else value for value in values]
    counts = Counter(words)
    # By name among equals, so that the order of rows means nothing.
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    own = sorted(ranked[: len(SHAPES)])
    kinds = {word: own.index(word) if word in own else _OTHER for word in ranked}
    picture = Drawing()
    across = scale(0, 1, _EDGE, picture.width - _EDGE)
    down = scale(0, 1, _HEIGHT - _EDGE, _EDGE)
    size = 3.4 if len(places) <= 400 else 2.0 if len(places) <= 2_000 else 1.4
    # The rarest last, so that the many do not bury them.
    order = sorted(range(len(places)), key=lambda i: (-counts[words[i]], words[i], i))
    for i in order:
        x, y = across(places[i][0]), down(places[i][1])
        _mark(picture, x, y, kinds[words[i]], size, one_line(ids[i], 80) if ids else "")
    bottom = _legend(picture, own, counts, _HEIGHT + 12)
    picture.text(8, bottom + 13, f"two directions, {shown:.0%} of the variance", "tick")
    said = ", ".join(f"{one_line(w, 40)} {counts[w]:,}" for w in ranked[:30])
    return picture.render(
        bottom + 18,
        f"Map of scenarios by {one_line(attribute, 40)}",
        f"{len(places):,} scenarios laid out by what they are about: {said}. The two directions "
        f"hold {shown:.0%} of what tells the scenarios apart.",
        key,
    )


def _mark(picture: Drawing, x: float, y: float, kind: int, size: float, told: str = "") -> None:
    shape = SHAPES[kind] if kind < _OTHER else "ring"
    picture.mark(x, y, shape, f"kind kind{kind}", size if kind < _OTHER else 0.7 * size, told=told)


def _legend(picture: Drawing, own: Sequence[str], counts: Counter[str], top: float) -> float:
    """Draw the values in lines, and return where the last one stands."""
    rest = sum(counts.values()) - sum(counts[word] for word in own)
    entries = [(k, f"{one_line(word, 28)} {counts[word]:,}") for k, word in enumerate(own)]
    entries += [(_OTHER, f"other {rest:,}")] if rest else []
    x, y = 8.0, top
    for kind, label in entries:
        width = 18 + _PER_LETTER * len(label)
        if x > 8 and x + width > picture.width:
            x, y = 8.0, y + _LEGEND
        _mark(picture, x + 5, y - 4, kind, 3.6)
        picture.text(x + 13, y, label, "label")
        x += width + 8
    return y
