"""What makes a row valid: computed on the finished row, whoever made it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from promptreg_plugins.generators.home_security.clock import day_type_of, time_of_day_of
from promptreg_plugins.generators.home_security.detections import LONGEST_S
from promptreg_plugins.generators.home_security.taxonomy import COUNTS, FRAME, OBJECT_TYPES

__all__ = ["schema_problems", "temporal_problems"]

_DETECTION = {"object_type", "confidence", "bbox", "timestamp_offset_seconds"}
Row = Mapping[str, Any]


def schema_problems(row: Row) -> list[str]:
    """Return what is wrong with `detections`, and with their number."""
    found = row.get("detections")
    if not isinstance(found, list) or not found:
        return [f"detections: must be a list of at least one, found {found!r:.60}"]
    problems = []
    for i, one in enumerate(found):
        where = f"detections[{i}]"
        if not isinstance(one, Mapping) or set(one) != _DETECTION:
            problems.append(f"{where}: must have exactly {', '.join(sorted(_DETECTION))}")
            continue
        if one["object_type"] not in OBJECT_TYPES:
            problems.append(f"{where}: object_type is {one['object_type']!r:.60}")
        confidence = one["confidence"]
        if not _number(confidence) or not 0.5 <= confidence <= 1.0:
            problems.append(f"{where}: confidence is {confidence!r:.60}; allowed: 0.5 to 1")
        problems += _box_problems(one["bbox"], where)
        offset = one["timestamp_offset_seconds"]
        if not _whole(offset) or not 0 <= offset <= LONGEST_S:
            problems.append(f"{where}: offset is {offset!r:.60}; allowed: 0 to {LONGEST_S} s")
    low, high = COUNTS.get(str(row.get("detection_count")), (1, 10**6))
    if not low <= len(found) <= high:
        problems.append(f"{len(found)} detections; detection_count says {low} to {high}")
    return problems


def _box_problems(box: Any, where: str) -> list[str]:
    if not isinstance(box, list) or len(box) != 4 or not all(map(_whole, box)):
        return [f"{where}: bbox is {box!r:.60}; allowed: four whole numbers"]
    x, y, width, height = box
    inside = min(x, y) >= 0 and x + width <= FRAME[0] and y + height <= FRAME[1]
    if width < 1 or height < 1 or not inside:
        return [f"{where}: bbox {box} does not lie in {FRAME[0]}x{FRAME[1]}"]
    return []


def temporal_problems(row: Row) -> list[str]:
    """Return what contradicts itself in the row's times."""
    try:
        start = datetime.fromisoformat(str(row.get("start_time")))
        end = datetime.fromisoformat(str(row.get("end_time")))
    except ValueError as e:
        return [f"start_time or end_time is no time: {e}"]
    problems = []
    offsets = [one.get("timestamp_offset_seconds", 0) for one in row.get("detections") or []]
    if not all(map(_whole, offsets)):
        return ["an offset is no whole number"]
    if offsets != sorted(offsets):
        problems.append("detections are not in order of time")
    if offsets and max(offsets) > (end - start).total_seconds():
        problems.append(f"a detection at {max(offsets)} s is after the end ({end.isoformat()})")
    problems += [
        f"{at.time().isoformat()} is not in the {row.get('time_of_day')}"
        for at in (start, end)
        if time_of_day_of(at) != row.get("time_of_day")
    ]
    if day_type_of(start.date()) != row.get("day_type"):
        problems.append(f"{start.date().isoformat()} is no {row.get('day_type')}")
    return problems


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
