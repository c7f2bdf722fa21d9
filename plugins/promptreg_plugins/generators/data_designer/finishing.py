"""From what a model wrote, and the rule-made row of the same cell, to one whole scenario."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from promptreg_plugins.generators.data_designer.checking import points, read, scene_problems
from promptreg_plugins.generators.data_designer.columns import VISION
from promptreg_plugins.generators.data_designer.settings import Chosen
from promptreg_plugins.generators.home_security.checks import schema_problems, temporal_problems
from promptreg_plugins.generators.home_security.context import TIERS
from promptreg_plugins.generators.home_security.scene import complexity, scenario_hash
from promptreg_plugins.generators.home_security.taxonomy import HEALTHY

__all__ = ["RULES_WROTE", "finish", "premise", "stand_in"]

RULES_WROTE = "rules"
_AFTER_S = 5
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
Row = dict[str, Any]


def premise(row: Mapping[str, Any]) -> str:
    """Return what is to happen in a scene: its summary, and the line that tells its point."""
    lines = [line.partition("): ")[2] for line in row["detections_list"].splitlines()]
    words = [word for point in row["reasoning_key_points"] for word in point.lower().split("|")]
    told = max(lines, key=lambda line: sum(word in line.lower() for word in words), default="")
    return f"{row['expected_summary']} {told[:1].upper()}{told[1:]}."


def finish(
    base: Mapping[str, Any], values: Mapping[str, Any], chosen: Chosen, writers: str, *, scene: bool
) -> tuple[Row, list[str], dict[str, bool]]:
    """Return the row, what is wrong with it, and what else was found out about it.

    Args:
        base: the rule-made row; its attributes, times and ground truth stay.
        values: column to value, as Data Designer handed them over.
        chosen: the columns.
        writers: the models' names, for the column `written_by`.
        scene: whether it is a scene before a camera.
    """
    problems: list[str] = []
    found: dict[str, Any] = {}
    for column in chosen.columns:
        value = values.get(column.name)
        if column.skip and base.get("enrichment_context") is None and value is None:
            continue  # there was nothing to be asked
        found[column.name], wrong = read(column, value)
        problems += wrong
    row = dict(base)
    if problems:
        return row, problems, {}
    checks: dict[str, bool] = {}
    if scene:
        checks = _scene(row, found, chosen)
    own = {c.name: found[c.name] for c in chosen.columns if c.own}
    row |= own
    row["written_by"] = writers
    if scene:
        problems = scene_problems(row, found)
        problems += schema_problems(row) + temporal_problems(row)
        _derive(row)
    return row, problems, checks


def stand_in(base: Mapping[str, Any], chosen: Chosen, *, scene: bool) -> Row:
    """Return the rule-made row with a written one's columns, empty where a model is due."""
    row = dict(base)
    if scene:
        row |= dict.fromkeys(chosen.dimensions)
        names = {column.name for column in chosen.columns}
        row |= {name: None for name in VISION if name in names}
        if "ground_truth" in names:
            row["written_ground_truth"] = None
    row |= {column.name: None for column in chosen.columns if column.own}
    row["written_by"] = RULES_WROTE
    if scene:
        _derive(row)
    return row


def _scene(row: Row, found: Mapping[str, Any], chosen: Chosen) -> dict[str, bool]:
    """Put what was written into the row; return what the model got right of the ground truth."""
    checks: dict[str, bool] = {}
    for name in ("scenario_narrative", "expected_summary"):
        if name in found:
            row[name] = found[name]
    if "reasoning_key_points" in found:
        row["reasoning_key_points"] = points(found["reasoning_key_points"])
    if "detections" in found:
        row["detections"] = found["detections"]["detections"]
        last = max(d["timestamp_offset_seconds"] for d in row["detections"])
        start = datetime.fromisoformat(row["start_time"])
        row["end_time"] = (start + timedelta(seconds=last + _AFTER_S)).isoformat()
    if "detections" in found or "scenario_narrative" in found:
        row["detections_list"] = _listing(row)
    if "enrichment_context" in found:
        _context(row, found["enrichment_context"])
    if "ground_truth" in found:
        claimed, right = found["ground_truth"], row["ground_truth"]
        low, high = claimed["risk_range"]
        row["written_ground_truth"] = claimed
        checks["written_range_fits"] = (
            right["risk_range"][0] <= low and high <= right["risk_range"][1]
        )
        checks["written_alert_fits"] = (
            claimed["should_trigger_alert"] == right["should_trigger_alert"]
        )
    for column in chosen.columns:
        if column.kind == "judge" and column.name in VISION:
            row[column.name] = found[column.name]["alignment"]["score"]
        elif column.name in VISION:
            row[column.name] = found[column.name]
    row |= {d: int(found[d]) for d in chosen.dimensions}
    return checks


def _listing(row: Mapping[str, Any]) -> str:
    """Return the detections as prompts print them; the narrative's sentences go along in order."""
    start = datetime.fromisoformat(row["start_time"])
    seen: Sequence[Mapping[str, Any]] = row["detections"]
    told: list[list[str]] = [[] for _ in seen]
    sentences = [
        " ".join(s.split()) for s in _SENTENCE.split(row["scenario_narrative"]) if s.strip()
    ]
    for i, sentence in enumerate(sentences):
        told[min(i * len(seen) // len(sentences), len(seen) - 1)].append(sentence)
    lines = []
    for one, texts in zip(seen, told, strict=True):
        at = (start + timedelta(seconds=one["timestamp_offset_seconds"])).strftime("%H:%M:%S")
        text = f": {' '.join(texts)}" if texts else ""
        lines.append(f"- {at} {one['object_type']} ({one['confidence']:.2f}){text}")
    return "\n".join(lines)


def _context(row: Row, written: Mapping[str, Any]) -> None:
    """Put a written context into the column and, where nothing is broken, into the variables."""
    row["enrichment_context"] = written
    if row["enrichment_fault"] != HEALTHY or row["tier"] == "basic":
        return  # what a fault left of the context stays as the fault left it
    matches, usual = written["cross_camera_matches"], written["baseline_expected_count"]
    row["zone_context"] = (
        f"{written['zone_name']}, {'entry zone' if written['is_entry_point'] else 'no entry zone'}"
    )
    row["baseline_context"] = f"{usual} detections are usual here at this hour."
    row["deviation_score"] = f"{min(1.0, abs(written['baseline_deviation_score']) / 3):.2f}"
    row["cross_camera_context"] = (
        f"Seen on {matches} other cameras." if matches else "No match on the other cameras."
    )


def _derive(row: Row) -> None:
    row["complexity_score"] = complexity(row)
    row["detection_schema_valid"] = not schema_problems(row)
    row["temporal_consistency"] = not temporal_problems(row)
    row["formatted_prompt_input"] = _formatted(row)
    # Where an image lies on this machine is not part of what the scenario tells.
    row["scenario_hash"] = scenario_hash({k: v for k, v in row.items() if k != "image_path"})


def _formatted(row: Mapping[str, Any]) -> str:
    """Return the scene as a prompt of its tier gives it, with what that tier knows."""
    lines = [
        f"Camera: {row['camera_name']}",
        f"Time: {row['day_of_week']}, {row['start_time']} to {row['end_time']}",
        "Detections:",
        row["detections_list"],
    ]
    known = [name for name in TIERS[row["tier"]] if row.get(name) is not None]
    lines += [f"{name.replace('_', ' ').capitalize()}: {row[name]}" for name in known]
    return "\n".join(lines)
