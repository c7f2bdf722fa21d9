"""What enrichment adds to a scene, by level and tier, and what its failures leave of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from promptreg_plugins.generators.design import Dice
from promptreg_plugins.generators.home_security.stories import Motif
from promptreg_plugins.generators.home_security.taxonomy import CAMERAS

__all__ = ["COMMON", "TIERS", "Context", "enrich", "expected_models"]

COMMON = ("zone_context", "baseline_context", "deviation_score", "cross_camera_context")
TIERS: dict[str, tuple[str, ...]] = {
    "basic": (),
    "enriched": COMMON,
    "full_enriched": (*COMMON, "license_plate_context", "face_context", "ocr_context"),
    "vision_enhanced": (*COMMON, "vision_attributes", "reid_context", "scene_context"),
    "model_zoo_enhanced": (
        *COMMON,
        *("violence_context", "weather_context", "clothing_context", "vehicle_context"),
        *("pet_context", "pose_context", "action_context", "image_quality_context"),
    ),
}
"""Tier of prompt template to the variables it adds."""
_ZONES = {
    "front_door": ("Front porch, entry zone", True),
    "backyard": ("Lawn and terrace, no entry zone", False),
    "driveway": ("Driveway, parking zone", False),
    "side_gate": ("Side gate, entry zone", True),
}
_DEVIATION = {
    "normal": (-90, 90),
    "suspicious": (80, 220),
    "threat": (150, 300),
    "edge_case": (-30, 240),
}
"""Hundredths of a standard deviation from what is usual."""
_FACES = {
    "household": "Matches a household member ({share}).",
    "service": "Clear face, not in the household list.",
    "stranger": "Unknown face, not in the household list.",
    "hidden": "No face visible: covered.",
}
_PLATES = {
    "household": "Plate registered to the household.",
    "service": "Plate of a known company.",
    "stranger": "Plate read, on no list.",
    "hidden": "No plate visible: covered or taken off.",
}
_SEEN_BEFORE = {
    "household": "Seen on {n} of the last 30 days.",
    "service": "Seen on {k} earlier days at about this hour.",
    "stranger": "Not seen before on these cameras.",
    "hidden": "No match possible: too little is visible.",
}
_CLOTHES = {
    "household": "Everyday clothes, face uncovered.",
    "service": "Work clothes with a logo, face uncovered.",
    "stranger": "Everyday clothes, nothing remarkable.",
    "hidden": "Dark clothes, face covered.",
}
_ANIMALS = {"dog": "Dog", "cat": "Cat", "wildlife": "Animal, no pet"}
_PRIMARY = {"person": "person", "vehicle": "vehicle", "animal": "animal", "package": "object"}


@dataclass(frozen=True, slots=True)
class Context:
    """What the pipeline knows beyond the detections.

    Attributes:
        variables: template variable to text, those of the tier and no others.
        summary: the column `enrichment_context`; None where nothing is known.
    """

    variables: Mapping[str, str]
    summary: Mapping[str, Any] | None


def enrich(
    motif: Motif, cell: Mapping[str, str], tier: str, count: int, tell: Any, sky: str, dice: Dice
) -> Context:
    """Return the context of a scene as its level, tier and fault leave it."""
    if tier == "basic":
        return Context({}, None)
    story, camera = motif.story, cell["camera_location"]
    zone, entry = _ZONES[camera]
    deviation = dice.between(*_DEVIATION[story.scenario_type]) / 100
    usual = (
        max(0, round(count - deviation * 2))
        if story.scenario_type == "normal"
        else (dice.between(0, 1))
    )
    matches = dice.between(0, 3) if story.who_is != "hidden" else dice.between(0, 5)
    thing = _PRIMARY[story.primary_object]
    known = {
        "zone_context": zone,
        "baseline_context": _baseline(thing, usual, cell, dice),
        # A text, because a fault may put words in its place.
        "deviation_score": f"{min(1.0, abs(deviation) / 3):.2f}",
        "cross_camera_context": _cross(thing, matches, camera, dice),
        **_extra(motif, tell, sky, dice),
    }
    variables = {name: known[name] for name in TIERS[tier]}
    summary: dict[str, Any] | None = {
        "zone_name": zone,
        "is_entry_point": entry,
        "baseline_expected_count": usual,
        "baseline_deviation_score": deviation,
        "cross_camera_matches": matches,
    }
    fault = cell["enrichment_fault"]
    if fault == "circuit_open":
        summary = None
    elif fault == "stale" and summary is not None:
        summary["baseline_expected_count"] += dice.between(3, 6)
    elif fault == "contradictory" and summary is not None:
        summary["cross_camera_matches"] = 0
    return Context(_broken(variables, fault, story.primary_object, camera, dice), summary)


def _baseline(thing: str, usual: int, cell: Mapping[str, str], dice: Dice) -> str:
    hour = cell["time_of_day"].replace("_", " ")
    day = {"weekday": "weekdays", "weekend": "weekends", "holiday": "holidays"}[cell["day_type"]]
    if usual == 0:
        return dice.pick(
            [
                f"No {thing} is usual here in the {hour} hours on {day}.",
                f"Hardly any activity here in the {hour} hours on {day}.",
                f"Last {thing} here in the {hour} hours: {dice.between(8, 60)} days ago.",
            ]
        )
    return dice.pick(
        [
            f"About {usual} detections are usual here in the {hour} hours on {day}.",
            f"{usual} on average in the {hour} hours on {day}, mostly for {thing}.",
            f"Usual activity in the {hour} hours on {day}: {usual}.",
        ]
    )


def _cross(thing: str, matches: int, camera: str, dice: Dice) -> str:
    if not matches:
        return dice.pick(["Nothing related.", "No match on the other cameras."])
    other = dice.pick([name for key, name in CAMERAS.items() if key != camera])
    lead = f"Same {thing} on {other} {dice.between(5, 240)} s earlier"
    return f"{lead}." if matches == 1 else f"{lead}, {matches} matches in all."


def _extra(motif: Motif, tell: Any, sky: str, dice: Dice) -> dict[str, str]:
    story = motif.story
    who, thing = story.who_is, story.primary_object
    with_person = thing == "person"
    share = f"0.{dice.between(86, 97)}"
    look = tell(story.look)
    kind = motif.kind
    return {
        "license_plate_context": _PLATES[who] if thing == "vehicle" else "No plate read.",
        "face_context": _FACES[who].format(share=share)
        if with_person
        else "No face clear enough to compare.",
        "ocr_context": "Text of a company's logo." if who == "service" else "No text read.",
        "vision_attributes": look[:1].upper() + look[1:],
        "reid_context": _SEEN_BEFORE[who].format(n=dice.between(12, 29), k=dice.between(2, 9)),
        "scene_context": sky,
        "violence_context": tell(story.violence) if story.violence else "None detected.",
        "weather_context": sky,
        "clothing_context": _CLOTHES[who] if with_person else "No person in view.",
        "vehicle_context": f"{kind.capitalize()}, {_PLATES[who][:1].lower()}{_PLATES[who][1:]}"
        if thing == "vehicle"
        else "No vehicle in view.",
        "pet_context": f"{_ANIMALS.get(kind, 'Animal')} (0.{dice.between(71, 96)})."
        if thing == "animal"
        else "No pet in view.",
        "pose_context": dice.pick(["Upright.", "Walking.", "Bent forward."])
        if with_person
        else "No person in view.",
        "action_context": tell(story.action),
        "image_quality_context": dice.pick(
            ["Sharp, no sign of tampering.", "Slightly blurred.", "Grainy, infrared."]
        ),
    }


def _broken(
    variables: Mapping[str, Any], fault: str, thing: str, camera: str, dice: Dice
) -> dict[str, Any]:
    """Return the variables as a failure of the enrichment pipeline leaves them."""
    names = list(variables)
    extra = [name for name in names if name not in COMMON]
    if fault == "circuit_open":
        text = "Unavailable: circuit breaker open, enrichment was not asked."
        return dict.fromkeys(names, text)
    made = dict(variables)
    if fault == "vram_evicted":
        for name in dice.shuffled(extra)[: max(1, (len(extra) + 1) // 2)]:
            made[name] = "No result: model evicted from GPU memory, not loaded again in time."
    elif fault == "timeout":
        for name in dice.shuffled([n for n in names if n != "zone_context"])[:2]:
            made[name] = f"No result: timed out after {dice.pick([2, 5, 10])} s."
    elif fault == "stale":
        age = dice.between(20, 600)
        for name in ("baseline_context", "cross_camera_context", *extra[:1]):
            made[name] = f"(from {age} min ago, not refreshed) {made[name]}"
    elif fault == "contradictory":
        other = dice.pick([name for key, name in CAMERAS.items() if key != camera])
        made["zone_context"] = f"{other}: outside the property, public street"
        made["cross_camera_context"] = f"Same object on {other} at the same second."
        for name in extra[:2]:
            made[name] = f"No {thing} in the picture; the frame is empty (0.9{dice.between(0, 9)})."
    return made


_MODELS = {
    "full_enriched": ("license_plates", "faces", "ocr"),
    "vision_enhanced": ("vision_attributes", "reid", "scene"),
    "model_zoo_enhanced": ("violence", "weather", "clothing", "vehicle", "pet", "pose", "action"),
}
_ONLY = {
    "license_plates": "vehicle",
    "vehicle": "vehicle",
    "faces": "person",
    "clothing": "person",
    "pose": "person",
    "pet": "animal",
}


def expected_models(tier: str, thing: str) -> list[str]:
    """Return the enrichment models that have something to say about such a scene."""
    if tier == "basic":
        return []
    models = ["zones", "baseline", "cross_camera"]
    return models + [m for m in _MODELS.get(tier, ()) if _ONLY.get(m, thing) == thing]
