"""From a cell of the design and a motif to one whole scenario."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from promptreg_plugins.generators.design import Dice
from promptreg_plugins.generators.home_security.checks import schema_problems, temporal_problems
from promptreg_plugins.generators.home_security.clock import day_name, moment
from promptreg_plugins.generators.home_security.context import TIERS, enrich, expected_models
from promptreg_plugins.generators.home_security.detections import detect, listing
from promptreg_plugins.generators.home_security.stories import Motif
from promptreg_plugins.generators.home_security.taxonomy import (
    ALERTS,
    CAMERAS,
    COUNTS,
    HEALTHY,
    LEVELS,
    PLACES,
    RISK_RANGES,
    SPOTS,
    TAXONOMY,
    VEHICLE_PLACES,
)

__all__ = ["complexity", "scenario_hash", "scene", "tiers_for"]

_SKIES = {
    "morning": ("Low sun, long shadows.", "Morning mist.", "Grey morning, light rain.", "Clear."),
    "midday": ("Bright daylight.", "Overcast, dry.", "Heavy rain.", "Daylight, strong wind."),
    "evening": ("Dusk, lamps come on.", "Evening sun into the lens.", "Drizzle at dusk."),
    "night": ("Dark, porch light on.", "Dark, wet ground.", "Dark, lamp flickers."),
    "late_night": ("Infrared picture, no light.", "Fog, infrared.", "Moonlight.", "Snowfall."),
}
_DARK = frozenset({"night", "late_night"})
_FAULTS = {
    "circuit_open": "The circuit breaker of the enrichment services is open.",
    "vram_evicted": "Some models were evicted from GPU memory.",
    "timeout": "Parts of the enrichment timed out.",
    "contradictory": "The enrichment contradicts the detections.",
    "stale": "Parts of the enrichment are old.",
}
_NOT_HASHED = frozenset({"scenario_id", "family", "scenario_hash"})


def tiers_for(level: str) -> tuple[str, ...]:
    """Return the template tiers that an enrichment level feeds."""
    return {"none": ("basic",), "basic": ("enriched",)}.get(
        level, ("full_enriched", "vision_enhanced", "model_zoo_enhanced")
    )


def scene(
    scenario_id: str, cell: Mapping[str, str], motif: Motif, tier: str, dice: Dice
) -> dict[str, Any]:
    """Return a scenario: every column, ground truth, derived fields and checks.

    Args:
        scenario_id: its id.
        cell: attribute to value, all of the taxonomy.
        motif: what happens, of a story of the cell's type and object.
        tier: which prompt template it is for; decides on the variables it has.
        dice: decides everything else.
    """
    story = motif.story
    camera, hour, kind = cell["camera_location"], cell["time_of_day"], cell["scenario_type"]
    places = VEHICLE_PLACES if story.primary_object == "vehicle" else PLACES
    words = {"at": places[camera], "spot": SPOTS[camera]}
    tell = _teller({name: text.format_map(words) for name, text in motif.words.items()} | words)
    count = dice.between(*COUNTS[cell["detection_count"]])
    start = moment(hour, cell["day_type"], dice)
    seen = detect(motif, count, tell, dark=hour in _DARK, dice=dice)
    end = start + timedelta(seconds=seen[-1].offset_s + dice.between(3, 15))
    sky = dice.pick(_SKIES[hour])
    context = enrich(motif, cell, tier, count, tell, sky, dice)
    fault = _FAULTS.get(cell["enrichment_fault"])
    about = "; ".join(one.text for one in seen)
    points, expected = list(story.points), tell(story.expect)
    row: dict[str, Any] = {
        "scenario_id": scenario_id,
        "family": motif.family,
        "story": story.name,
        **{name: cell[name] for name in TAXONOMY},
        "tier": tier,
        "label": "benign" if story.harmless else "relevant",
        "camera_name": CAMERAS[camera],
        "start_time": start.isoformat(),
        "end_time": end.isoformat(),
        "day_of_week": day_name(start.date()),
        "detections_list": listing(
            seen, lambda s: (start + timedelta(seconds=s)).strftime("%H:%M:%S")
        ),
        **{name: context.variables.get(name) for name in _VARIABLES},
        "scenario_narrative": " ".join(
            text
            for text in (
                f"{day_name(start.date())}, {start:%H:%M}, {CAMERAS[camera].lower()} camera.",
                sky,
                f"{about[:1].upper()}{about[1:]}.",
                fault,
            )
            if text
        ),
        "expected_summary": expected,
        "reasoning_key_points": points,
        "detections": [one.as_json() for one in seen],
        "enrichment_context": context.summary,
        "ground_truth": {
            "risk_range": list(RISK_RANGES[kind]),
            "risk_levels": list(LEVELS[kind]),
            "key_points": points,
            "expected_enrichment_models": expected_models(tier, story.primary_object),
            "should_trigger_alert": kind in ALERTS,
        },
    }
    row["complexity_score"] = complexity(row)
    row["detection_schema_valid"] = not schema_problems(row)
    row["temporal_consistency"] = not temporal_problems(row)
    row["scenario_hash"] = scenario_hash(row)
    return row


_VARIABLES = tuple(dict.fromkeys(name for names in TIERS.values() for name in names))


def _teller(words: Mapping[str, str]) -> Callable[[str], str]:
    # What a motif's words name in turn was put in before: stories are checked for plain names only.
    return lambda text: text.format_map(words)


def complexity(row: Mapping[str, Any]) -> float:
    """Return how much there is to weigh, 0 to 1, to two places.

    Up to 0.4 for the number of detections, 0.15 and 0.3 for basic and full context, 0.15 for a
    fault in it, 0.15 for an edge case and half of that for a suspicious scene.
    """
    detections = min(len(row["detections"]), 12) / 12 * 0.4
    level = {"basic": 0.15, "full": 0.30}.get(row["enrichment_level"], 0.0)
    fault = 0.15 if row["enrichment_fault"] != HEALTHY else 0.0
    kind = {"edge_case": 0.15, "suspicious": 0.075}.get(row["scenario_type"], 0.0)
    return round(detections + level + fault + kind, 2)


def scenario_hash(row: Mapping[str, Any]) -> str:
    """Return 16 hex digits that say whether two rows tell the same, whatever they are called."""
    content = {name: value for name, value in row.items() if name not in _NOT_HASHED}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
