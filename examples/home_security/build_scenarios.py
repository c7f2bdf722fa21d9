"""Turn the hand-written stories.yaml into scenarios.jsonl, byte for byte the same on every run.

It judges nothing: the stories say what is seen and what is right. What follows from other facts
(hour and kind of day from the timestamp, the count from the detections, the range from the
scenario type) is derived here, and what a story leaves unsaid about a context is filled with the
plain words a pipeline prints when it found nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent

RISK_RANGES = {
    "normal": [0, 25],
    "suspicious": [30, 55],
    "threat": [70, 100],
    "edge_case": [20, 60],
}
ENRICHMENT_LEVELS = {
    "basic": "none",
    "enriched": "basic",
    "full_enriched": "full",
    "vision_enhanced": "full",
    "model_zoo_enhanced": "full",
}
CAMERAS = {
    "front_door": "Front Door",
    "backyard": "Backyard",
    "driveway": "Driveway",
    "side_gate": "Side Gate",
}
HOLIDAYS = {
    "2025-10-31": "Halloween",
    "2025-11-27": "Thanksgiving",
    "2025-12-24": "Christmas Eve",
    "2025-12-25": "Christmas Day",
    "2025-12-31": "New Year's Eve",
    "2026-01-01": "New Year's Day",
}
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

NO_PERSON = "No person in view."
# short name in stories.yaml -> (template variable, words when the pipeline found nothing)
CONTEXT: dict[str, tuple[str, str | None]] = {
    "zone": ("zone_context", None),
    "base": ("baseline_context", None),
    "dev": ("deviation_score", None),
    "cross": ("cross_camera_context", "Nothing related."),
}
EXTRA_CONTEXT: dict[str, dict[str, tuple[str, str | None]]] = {
    "full_enriched": {
        "plate": ("license_plate_context", "No plate read."),
        "face": ("face_context", "No face clear enough to compare."),
        "ocr": ("ocr_context", "No text read."),
    },
    "vision_enhanced": {
        "look": ("vision_attributes", None),
        "reid": ("reid_context", "Not seen before on these cameras."),
        "scene": ("scene_context", None),
    },
    "model_zoo_enhanced": {
        "violence": ("violence_context", "None detected."),
        "weather": ("weather_context", None),
        "clothing": ("clothing_context", "Nothing unusual."),
        "vehicle": ("vehicle_context", "No vehicle in view."),
        "pet": ("pet_context", "No pet in view."),
        "pose": ("pose_context", "Standing or walking."),
        "action": ("action_context", "Nothing recognised."),
        "image": ("image_quality_context", "Sharp, no sign of tampering."),
    },
}
FAMILY_KEYS = {"family", "story", "type", "object", "points", "expect", "tell"}
STORY_KEYS = FAMILY_KEYS | {"label", "at", "for", "camera", "tier", "see"}
ABOUT_PERSONS = {"clothing", "pose", "action"}


def time_of_day(at: datetime) -> str:
    """The taxonomy's word for an hour."""
    for before, word in ((6, "late_night"), (11, "morning"), (16, "midday"), (21, "evening")):
        if at.hour < before:
            return word
    return "night"


def day_type(at: datetime) -> str:
    """The taxonomy's word for a date; a holiday is a holiday even on a weekend."""
    if at.date().isoformat() in HOLIDAYS:
        return "holiday"
    return "weekend" if at.weekday() >= 5 else "weekday"


def day_of_week(at: datetime) -> str:
    """The day's name, with the holiday's where it is one."""
    holiday = HOLIDAYS.get(at.date().isoformat())
    name = DAYS[at.weekday()]
    return f"{name}, {holiday}" if holiday else name


def count_word(count: int) -> str:
    """The taxonomy's bin for a number of detections."""
    for up_to, word in ((1, "1"), (3, "2-3"), (6, "4-6")):
        if count <= up_to:
            return word
    return "7+"


def detections(at: datetime, lines: list[str]) -> tuple[str, int, int]:
    """The printed list, the number of things detected, and the last offset in seconds."""
    printed, count, last = [], 0, 0
    for line in lines:
        offset, what, confidence, doing = line.split(" ", 3)
        thing, _, times = what.partition("*")
        number = int(times or 1)
        count += number
        last = int(offset)
        if not 0.5 <= float(confidence) <= 1.0:
            raise SystemExit(f"confidence {confidence} is outside 0.5-1.0 in {line!r}")
        clock = (at + timedelta(seconds=last)).strftime("%H:%M:%S")
        several = f" x{number}" if number > 1 else ""
        printed.append(f"- {clock} {thing}{several} ({confidence}): {doing}")
    return "\n".join(printed), count, last


def context(telling: dict[str, Any], tier: str) -> dict[str, Any]:
    """The template variables that this tier adds, and no others."""
    if tier == "basic":
        return {}
    with_person = any("person" in line.split(" ", 3)[1] for line in telling["see"])
    values: dict[str, Any] = {}
    for short, (name, unsaid) in {**CONTEXT, **EXTRA_CONTEXT.get(tier, {})}.items():
        words = unsaid
        if short in ABOUT_PERSONS and not with_person:
            words = NO_PERSON
        values[name] = telling.get(short, words)
        if values[name] is None:
            raise SystemExit(
                f"the story of {telling['at']} lacks {short!r}, which tier {tier} needs"
            )
    return values


def scenario(family: dict[str, Any], number: int, telling: dict[str, Any]) -> dict[str, Any]:
    """One line of scenarios.jsonl."""
    told = {**family, **telling}
    at: datetime = told["at"]
    kind: str = told["type"]
    tier: str = told["tier"]
    listing, count, last = detections(at, told["see"])
    end = at + timedelta(seconds=told.get("for", last + 10))
    contexts = set() if tier == "basic" else CONTEXT.keys() | EXTRA_CONTEXT.get(tier, {}).keys()
    if unknown := told.keys() - STORY_KEYS - contexts:
        raise SystemExit(f"{family['family']} {number}: tier {tier} has no {sorted(unknown)}")
    return {
        "scenario_id": f"{family['family']}-{number}",
        "family": family["family"],
        "story": told["story"],
        "scenario_type": kind,
        "label": told.get("label", "benign" if kind == "normal" else "relevant"),
        "tier": tier,
        "enrichment_level": ENRICHMENT_LEVELS[tier],
        "time_of_day": time_of_day(at),
        "day_type": day_type(at),
        "camera_location": told["camera"],
        "detection_count": count_word(count),
        "primary_object": told["object"],
        "camera_name": CAMERAS[told["camera"]],
        "start_time": at.isoformat(),
        "end_time": end.isoformat(),
        "day_of_week": day_of_week(at),
        "detections_list": listing,
        **context(told, tier),
        "ground_truth": {
            "risk_range": RISK_RANGES[kind],
            "key_points": told["points"],
            "expected_summary": told["expect"],
            "should_trigger_alert": kind == "threat",
        },
    }


def build(stories: Path) -> str:
    """The whole text of scenarios.jsonl."""
    families = yaml.safe_load(stories.read_text(encoding="utf-8"))
    rows = [
        scenario(family, i, telling)
        for family in families
        for i, telling in enumerate(family["tell"], 1)
    ]
    ids = [row["scenario_id"] for row in rows]
    if len(set(ids)) != len(ids):
        raise SystemExit("two scenarios share an id")
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def main() -> int:
    """Write scenarios.jsonl, or with --check say whether it is what the stories make."""
    parser = argparse.ArgumentParser(description="Build scenarios.jsonl from stories.yaml.")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 if the file is out of date"
    )
    args = parser.parse_args()
    target = HERE / "scenarios.jsonl"
    text = build(HERE / "stories.yaml")
    if args.check:
        current = target.read_text(encoding="utf-8") if target.exists() else ""
        print(
            "up to date"
            if current == text
            else f"{target.name} is not what stories.yaml makes; build it anew"
        )
        return 0 if current == text else 1
    target.write_text(text, encoding="utf-8", newline="\n")
    print(f"{text.count(chr(10))} scenarios")
    return 0


if __name__ == "__main__":
    sys.exit(main())
