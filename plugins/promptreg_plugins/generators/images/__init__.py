"""The generator `images`: a folder of pictures becomes scenarios with ground truth to confirm."""

from __future__ import annotations

from promptreg_plugins.generators.images.generator import ImagesGenerator

__all__ = ["ImagesGenerator"]
