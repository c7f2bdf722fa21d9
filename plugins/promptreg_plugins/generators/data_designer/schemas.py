"""JSON schemas of the structured columns, made so that a grammar can hold a model to them.

A grammar knows no bounds of fractions, so these are lists of allowed values; every text and list
has a longest length, or a model that does not stop would be cut off in the middle. `shapes` holds
what is valid; what these schemas allow is always part of it, except for what no schema can say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from promptreg_plugins.generators.home_security.taxonomy import COUNTS, OBJECT_TYPES

__all__ = ["FITTING", "SCHEMAS", "judge_schema", "row_schemas"]

Schema = dict[str, Any]
FITTING = {
    "person": ("person",),
    "vehicle": ("car", "truck", "bicycle"),
    "animal": ("dog", "cat", "wildlife"),
    "package": ("package",),
}
"""Primary object to the detector's words for it."""


def _object(**properties: Any) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _whole(low: int, high: int) -> Schema:
    return {"type": "integer", "minimum": low, "maximum": high}


def _text(longest: int) -> Schema:
    return {"type": "string", "minLength": 1, "maxLength": longest}


def _list(items: Schema, least: int, most: int) -> Schema:
    return {"type": "array", "items": items, "minItems": least, "maxItems": most}


def _tuple(*items: Schema) -> Schema:
    n = len(items)
    return {"type": "array", "prefixItems": list(items), "minItems": n, "maxItems": n}


def _detection(types: Sequence[str]) -> Schema:
    # Whatever is chosen for the parts, the box lies in 1920 x 1080.
    box = _tuple(_whole(0, 1200), _whole(0, 600), _whole(40, 700), _whole(40, 480))
    return _object(
        object_type={"enum": list(types)},
        confidence={"enum": [0.55, 0.62, 0.68, 0.74, 0.79, 0.83, 0.87, 0.91, 0.94, 0.97]},
        bbox=box,
        timestamp_offset_seconds=_whole(0, 90),
    )


_MODELS = ["zones", "baseline", "cross_camera", "license_plates", "faces", "ocr", "reid", "scene"]
SCHEMAS: dict[str, Schema] = {
    "detections": _object(detections=_list(_detection(OBJECT_TYPES), 1, 12)),
    "enrichment_context": _object(
        zone_name=_text(40),
        is_entry_point={"type": "boolean"},
        baseline_expected_count=_whole(0, 20),
        baseline_deviation_score={"enum": [-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0]},
        cross_camera_matches=_whole(0, 5),
    ),
    "ground_truth": _object(
        risk_range=_tuple(_whole(0, 100), _whole(0, 100)),
        reasoning_key_points=_list(_text(60), 1, 3),
        expected_enrichment_models=_list({"enum": _MODELS}, 0, 4),
        should_trigger_alert={"type": "boolean"},
    ),
    "nvidia_vision_description": _object(
        description=_text(400),
        setting={"enum": ["indoor", "outdoor", "unclear"]},
        people=_whole(0, 50),
    ),
    "nvidia_detected_objects": _object(
        objects=_list(
            _object(
                label=_text(30),
                bbox=_tuple(*(_whole(0, 4000) for _ in range(4))),
                confidence={"enum": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]},
            ),
            0,
            12,
        )
    ),
    "nvidia_risk_assessment": _object(
        risk_score=_whole(0, 100),
        risk_level={"enum": ["low", "medium", "high", "critical"]},
        reasoning=_text(400),
    ),
}


def judge_schema(dimensions: Sequence[str]) -> Schema:
    """Return the schema of one judge call: a short reason and a score from 1 to 4 for each."""
    one = _object(reasoning=_text(80), score={"enum": [1, 2, 3, 4]})
    return _object(**dict.fromkeys(dimensions, one))


def row_schemas(cell: Mapping[str, str], columns: Sequence[str]) -> dict[str, Schema]:
    """Return what a row's own schemas say beyond the columns': as many detections as its cell."""
    if "detections" not in columns or "detection_count" not in cell:
        return {}
    low, high = COUNTS[cell["detection_count"]]
    return {"detections": _object(detections=_list(_detection(OBJECT_TYPES), low, high))}
