"""Drawings of comparisons and scenarios as inline SVG, for pages, files and notebooks.

They carry classes, no colours: `style` has those, and `alone` puts them into a drawing that stands
by itself.
"""

from promptreg.stages.report.plots.alone import alone, style

__all__ = ["alone", "style"]
