"""Why trials failed: one stacked bar per side."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from promptreg.stages.report.digest import CauseCount
from promptreg.stages.report.plots.svg import Drawing, scale

__all__ = ["KINDS", "bars_of_failures"]

KINDS = 7
"""Causes with a shade of their own; the rest share the last one."""
_FEW = 20
"""Failures at which a bar is as long as it gets."""


def bars_of_failures(causes: Sequence[CauseCount], labels: tuple[str, str], key: str) -> Markup:
    """Return failures by cause, stacked, one bar per side; or nothing."""
    if not causes:
        return Markup("")
    sides = [[row.baseline for row in causes], [row.candidate for row in causes]]
    picture = Drawing()
    # Two failures shall not look like two hundred.
    at = scale(0, max(_FEW, *(sum(side) for side in sides)), 0, picture.width - 60)
    for i, (label, counts) in enumerate(zip(labels, sides, strict=True)):
        y = 6.0 + 44 * i
        picture.text(8, y + 9, label, "label")
        x = 8.0
        for k, count in enumerate(counts):
            width = at(count)
            if count:
                picture.box(x, y + 14, max(1.0, width - 1), 18, f"cause{min(k, KINDS - 1)}")
                if width > 14:
                    picture.text(x + width / 2, y + 27, str(count), "inside", "middle")
                x += width
        picture.text(x + 6, y + 27, str(sum(counts)), "label")
    said = "; ".join(f"{r.cause}: {r.baseline} and {r.candidate}" for r in causes[:30])
    title = f"Failed trials of {labels[0]} and {labels[1]} by cause"
    return picture.render(92, title, f"{said}.", key)
