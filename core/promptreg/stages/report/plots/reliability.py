"""How often what was stated came true: a calibrated version lies on the diagonal."""

from __future__ import annotations

from markupsafe import Markup

from promptreg.stages.report.plots.svg import Drawing, scale
from promptreg.verdicts import Curve

__all__ = ["reliability"]

_LEFT, _TOP, _BOTTOM = 40.0, 26.0, 330.0
_LARGEST = 7.0


def reliability(drawn: Curve, labels: tuple[str, str], key: str) -> Markup:
    """Return the diagram; a mark's area grows with the trials in its bin.

    Rings are the baseline, filled marks the candidate. `key` is a word of ours, unique on the page.
    """
    picture = Drawing()
    right = picture.width - 10
    across, down = scale(0, 1, _LEFT, right), scale(0, 1, _BOTTOM, _TOP)
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        picture.line(across(tick), _TOP, across(tick), _BOTTOM, "zero" if tick == 0 else "grid")
        picture.line(_LEFT, down(tick), right, down(tick), "zero" if tick == 0 else "grid")
        anchor = "end" if tick == 1 else "middle"
        picture.text(across(tick), _BOTTOM + 14, f"{tick:.0%}", "tick", anchor)
        picture.text(_LEFT - 6, down(tick) + 4, f"{tick:.0%}", "tick", "end")
    picture.line(across(0), down(0), across(1), down(1), "ideal")
    picture.text(_LEFT, 14, "came true", "tick")
    picture.text(right, _BOTTOM + 28, "stated probability", "tick", "end")
    sides = ((drawn.baseline, "ring", "○"), (drawn.candidate, "circle", "●"))
    most = max((n for points, _, _ in sides for _, _, n in points), default=1)
    said = []
    for k, ((points, shape, sign), label) in enumerate(zip(sides, labels, strict=True)):
        for x, y, n in points:
            size = 1.5 + (_LARGEST - 1.5) * (n / most) ** 0.5
            picture.mark(across(x), down(y), shape, "before" if shape == "ring" else "after", size)
        picture.text(right - 120 * (1 - k), 14, f"{sign} {label}", "label", "end")
        rows = ", ".join(f"{x:.0%} stated, {y:.0%} came true ({n})" for x, y, n in points)
        said.append(f"{label}: {rows or 'nothing'}.")
    return picture.render(_BOTTOM + 34, "How often what was stated came true", " ".join(said), key)
