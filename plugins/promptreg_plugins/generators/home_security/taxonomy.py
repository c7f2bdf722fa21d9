"""Attributes of a scene, and what follows from their values."""

from __future__ import annotations

__all__ = [
    "ALERTS",
    "CAMERAS",
    "COUNTS",
    "FRAME",
    "HEALTHY",
    "HOURS",
    "LEVELS",
    "OBJECT_TYPES",
    "OWN_RULES",
    "PLACES",
    "RISK_RANGES",
    "SPOTS",
    "TAXONOMY",
    "VEHICLE_PLACES",
]

HEALTHY = "healthy"
TAXONOMY: dict[str, tuple[str, ...]] = {
    "time_of_day": ("morning", "midday", "evening", "night", "late_night"),
    "day_type": ("weekday", "weekend", "holiday"),
    "camera_location": ("front_door", "backyard", "driveway", "side_gate"),
    "detection_count": ("1", "2-3", "4-6", "7+"),
    "primary_object": ("person", "vehicle", "animal", "package"),
    "scenario_type": ("normal", "suspicious", "threat", "edge_case"),
    "enrichment_level": ("none", "basic", "full"),
    "enrichment_fault": (
        HEALTHY,
        "circuit_open",
        "vram_evicted",
        "timeout",
        "contradictory",
        "stale",
    ),
}
OWN_RULES: tuple[dict[str, tuple[str, ...]], ...] = (
    {
        "enrichment_level": ("none",),
        "enrichment_fault": ("vram_evicted", "timeout", "contradictory", "stale"),
    },
    {"enrichment_level": ("basic",), "enrichment_fault": ("vram_evicted",)},
)
"""What cannot be told: where nothing is enriched, only a tripped breaker can be the reason, and the
basic level needs no model that could be evicted from the GPU."""

RISK_RANGES = {
    "normal": (0, 25),
    "suspicious": (30, 55),
    "threat": (70, 100),
    "edge_case": (20, 60),
}
LEVELS = {
    "normal": ("low",),
    "suspicious": ("medium",),
    "threat": ("high", "critical"),
    "edge_case": ("low", "medium", "high"),
}
"""The levels whose scores the range touches."""
ALERTS = frozenset({"threat"})
COUNTS = {"1": (1, 1), "2-3": (2, 3), "4-6": (4, 6), "7+": (7, 12)}
HOURS = {
    "morning": (6, 10),
    "midday": (11, 15),
    "evening": (16, 20),
    "night": (21, 23),
    "late_night": (0, 5),
}
"""First and last hour, both included."""
OBJECT_TYPES = ("person", "car", "truck", "dog", "cat", "bicycle", "package", "wildlife")
FRAME = (1920, 1080)
CAMERAS = {
    "front_door": "Front Door",
    "backyard": "Backyard",
    "driveway": "Driveway",
    "side_gate": "Side Gate",
}
PLACES = {
    "front_door": "at the front door",
    "backyard": "on the terrace in the backyard",
    "driveway": "on the driveway",
    "side_gate": "at the side gate",
}
VEHICLE_PLACES = {
    "front_door": "in front of the house",
    "backyard": "on the track behind the backyard",
    "driveway": "on the driveway",
    "side_gate": "in the lane by the side gate",
}
SPOTS = {
    "front_door": "the front door",
    "backyard": "the terrace door",
    "driveway": "the garage door",
    "side_gate": "the side gate",
}
