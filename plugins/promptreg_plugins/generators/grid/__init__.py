"""The generator `grid`: scenarios from a covering design and rules, without a model."""

from promptreg_plugins.generators.grid.generator import Grid

__all__ = ["Grid"]
