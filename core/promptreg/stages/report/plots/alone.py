"""A drawing that stands by itself: a file, or a picture in a notebook."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

__all__ = ["alone", "style"]

_BOX = re.compile(r'<svg class="plot" viewBox="0 0 ([0-9.]+) ([0-9.]+)"')
_FONT = (
    '.plot { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", '
    '"Liberation Sans", sans-serif; } .plot .paper { fill: var(--paper); }\n'
)


@cache
def style() -> str:
    """Return the style sheet of all drawings; colours are set for the whole page."""
    folder = files("promptreg.stages.report.plots")
    return "".join(folder.joinpath(n).read_text("utf-8") for n in ("colours.css", "plot.css"))


def alone(drawing: str, width: int = 560) -> str:
    """Return a drawing as a whole SVG document, `width` pixels wide, with paper under it.

    The paper makes it readable on whatever page it lands; its colours follow the reader's choice
    of light or dark, and its style sheet reaches no other element of a page.

    Args:
        drawing: what a function of this package returned.
        width: of the picture, in pixels.

    Raises:
        ValueError: it is no drawing of this package, or an empty one.
    """
    found = _BOX.match(drawing)
    if found is None:
        raise ValueError("is no drawing, or an empty one")
    across, down = float(found[1]), float(found[2])
    pad = 8
    box = f"{-pad} {-pad} {across + 2 * pad:g} {down + 2 * pad:g}"
    height = round(width * (down + 2 * pad) / (across + 2 * pad))
    sheet = style().replace(":root", ".plot").replace("&", "&amp;").replace("<", "&lt;")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox="{box}" '
        f'width="{width}" height="{height}" style="max-width: {width}px"{drawing[found.end() :]}'
    ).replace(
        ">",
        f"><style>{_FONT}{sheet}</style>"
        f'<rect class="paper" x="{-pad}" y="{-pad}" width="100%" height="100%"/>',
        1,
    )
