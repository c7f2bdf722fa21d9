"""The scorer `iou`: boxes found in an image against the boxes that are known to be there."""

from __future__ import annotations

from promptreg_scorers.iou.scorer import Iou

__all__ = ["Iou"]
