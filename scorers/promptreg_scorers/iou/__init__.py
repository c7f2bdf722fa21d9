"""Boxes found in images against those known to be there: `iou` and `average_precision`."""

from __future__ import annotations

from promptreg_scorers.iou.precision_scorer import AveragePrecision
from promptreg_scorers.iou.scorer import Iou

__all__ = ["AveragePrecision", "Iou"]
