"""A drawing as an object that shows itself in a notebook and can be saved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from promptreg.errors import UsageError
from promptreg.stages.report import write_whole
from promptreg.stages.report.plots.alone import alone

__all__ = ["Plot"]


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture: an SVG document that loads nothing and is readable on light and dark pages.

    Attributes:
        title: what it shows.
        svg: the document.
    """

    title: str
    svg: str

    @classmethod
    def of(cls, title: str, drawing: str, width: int = 640) -> Plot:
        """Return the plot of a drawing.

        Raises:
            UsageError: there is nothing to draw.
        """
        if not drawing:
            raise UsageError(f"{title}: there is nothing to draw")
        return cls(title, alone(drawing, width))

    def save(self, path: str | Path) -> Path:
        """Write the picture to a file that ends in .svg, and return its path.

        Raises:
            UsageError: it ends in something else.
            StoreError: it cannot be written.
        """
        target = Path(path)
        if target.suffix.lower() != ".svg":
            raise UsageError(f"{path}: a plot is written as .svg, found {target.suffix!r}")
        write_whole(target, self.svg.encode() + b"\n")
        return target

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<Plot: {self.title}>"
