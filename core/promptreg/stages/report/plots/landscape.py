"""The map: every scenario a mark, like beside like; what became worse stands out."""

from __future__ import annotations

from markupsafe import Markup

from promptreg.stages.report.plots.svg import Drawing, scale
from promptreg.verdicts import ScenarioMap

__all__ = ["map_of_scenarios"]

_HEIGHT = 260.0
_EDGE = 10.0
_FAINT = 1e-12


def map_of_scenarios(drawn: ScenarioMap, key: str) -> Markup:
    """Return the map; marks of what became worse are larger the worse it became.

    Shapes tell better from worse where colours do not: triangles are worse, circles better, rings
    unchanged. `key` is a word of ours, unique on the page.
    """
    if not drawn.points:
        return Markup("")
    picture = Drawing()
    across = scale(0, 1, _EDGE, picture.width - _EDGE)
    down = scale(0, 1, _HEIGHT - _EDGE, 24.0)
    reach = max((abs(p.change) for p in drawn.points if p.change), default=1.0) or 1.0
    # The worst last, so that they lie on top.
    for p in sorted(drawn.points, key=lambda p: -(p.change or 0.0)):
        change = p.change or 0.0
        x, y = across(p.x), down(p.y)
        if abs(change) <= _FAINT:
            picture.mark(x, y, "ring", "fine", 2.0)
        else:
            shape, tone = ("triangle", "bad") if change < 0 else ("circle", "good")
            picture.mark(x, y, shape, tone, 2.0 + 3.0 * abs(change) / reach)
    worse = sum(1 for p in drawn.points if (p.change or 0.0) < -_FAINT)
    better = sum(1 for p in drawn.points if (p.change or 0.0) > _FAINT)
    picture.text(8, 12, f"▲ {worse} worse", "label bad-text")
    picture.text(picture.width - 8, 12, f"● {better} better", "label good-text", "end")
    said = (
        f"{len(drawn.points):,} scenarios laid out by what they are about, {worse} of which became "
        f"worse and {better} better. The two directions hold {drawn.shown:.0%} of what tells the "
        "scenarios apart."
    )
    picture.text(8, _HEIGHT + 8, f"two directions, {drawn.shown:.0%} of the variance", "tick")
    return picture.render(_HEIGHT + 14, "Map of scenarios", said, key)
