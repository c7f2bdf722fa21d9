"""What a machine says of a picture, read strictly: anything odd is no ground truth."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

__all__ = ["QUESTION", "read_answer", "truth_of"]

QUESTION = """\
Look at the picture of a security camera. Answer with one JSON object and nothing else:
{"description": "what happens, in one or two sentences",
 "detections": [{"label": "person", "bbox": [x, y, width, height], "confidence": 0.9}],
 "risk_score": 0, "risk_level": "low", "reasoning": "why"}
Boxes are in pixels from the upper left corner, one for each person, animal, vehicle and package.
risk_score is a whole number from 0 (nothing to worry about) to 100; risk_level is low, medium,
high or critical.
"""
_LEVELS = ("low", "medium", "high", "critical")
_MOST_BOXES = 1000


def read_answer(text: str) -> Mapping[str, Any] | str:
    """Return the object in a completion, or why it is of no use."""
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        return "the answer holds no JSON object"
    try:
        found = json.loads(text[start : end + 1])
    except (ValueError, RecursionError) as e:
        return f"the answer is no JSON: {e}"
    return found if isinstance(found, dict) else "the answer is no JSON object"


def truth_of(
    answer: Mapping[str, Any], size: tuple[int, int], units: str, spread: int
) -> dict[str, Any] | str:
    """Return ground truth from an answer, or why it is none.

    Args:
        answer: the object.
        size: width and height of the picture in pixels.
        units: of boxes: `pixels`, `relative` (0 to 1) or `thousandths`.
        spread: points that the range of risk reaches to both sides of the score.
    """
    boxes = _boxes(answer.get("detections"), size, units)
    if isinstance(boxes, str):
        return boxes
    truth: dict[str, Any] = {"expected_boxes": boxes}
    if "description" in answer:
        text = answer["description"]
        if not isinstance(text, str) or not text.strip():
            return f"description is {text!r:.60}; allowed: text"
        truth["expected_summary"] = text.strip()
    if "risk_score" in answer:
        score, level = answer["risk_score"], answer.get("risk_level")
        if isinstance(score, bool) or not isinstance(score, int) or not 0 <= score <= 100:
            return f"risk_score is {score!r:.60}; allowed: a whole number 0 to 100"
        truth["risk_range"] = [max(0, score - spread), min(100, score + spread)]
        if level is not None:
            if level not in _LEVELS:
                return f"risk_level is {level!r:.60}; allowed: {', '.join(_LEVELS)}"
            truth["expected_level"] = level
    return truth


def _boxes(found: Any, size: tuple[int, int], units: str) -> list[dict[str, Any]] | str:
    if not isinstance(found, list) or len(found) > _MOST_BOXES:
        return f"detections is {found!r:.60}; allowed: a list of at most {_MOST_BOXES:,} boxes"
    scale = {"pixels": (1.0, 1.0), "relative": size, "thousandths": (size[0] / 1e3, size[1] / 1e3)}
    wide, high = scale[units]
    boxes = []
    for item in found:
        label = item.get("label") if isinstance(item, dict) else None
        bbox = item.get("bbox") if isinstance(item, dict) else None
        if not isinstance(label, str) or not label.strip():
            return f"a detection has the label {label!r:.40}; allowed: text"
        if not isinstance(bbox, list) or len(bbox) != 4 or not all(_number(v) for v in bbox):
            return f"a box is {bbox!r:.60}; allowed: [x, y, width, height]"
        x, y, w, h = bbox[0] * wide, bbox[1] * high, bbox[2] * wide, bbox[3] * high
        inside = x >= -1 and y >= -1 and x + w <= size[0] + 1 and y + h <= size[1] + 1
        if w <= 0 or h <= 0 or not inside:
            return f"the box {bbox} of {label!r:.40} does not lie in {size[0]} x {size[1]} pixels"
        left, top = max(0.0, x), max(0.0, y)
        right, bottom = min(float(size[0]), x + w), min(float(size[1]), y + h)
        sides = [round(v, 2) for v in (left, top, right - left, bottom - top)]
        boxes.append({"label": label.strip(), "bbox": sides})
    return boxes


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
