"""What the structured columns must be, to the letter; what a model wrote is read with these."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

__all__ = ["SHAPES", "shape_problems"]

Score = Annotated[int, Field(ge=0, le=100)]
Whole = Annotated[int, Field(ge=0, le=100_000)]
Text = Annotated[str, Field(min_length=1, max_length=2000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Detection(_Strict):
    """One object that the detector reports; `package` and `wildlife` are of the taxonomy, too."""

    object_type: Literal["person", "car", "truck", "dog", "cat", "bicycle", "package", "wildlife"]
    confidence: float = Field(ge=0.5, le=1.0)
    bbox: tuple[int, int, int, int]
    timestamp_offset_seconds: int = Field(ge=0, le=90)


class Detections(_Strict):
    """The column `detections`; a model answers with an object, never with a bare list."""

    detections: list[Detection] = Field(min_length=1, max_length=12)


class EnrichmentContext(_Strict):
    """The column `enrichment_context`, where the row has one."""

    zone_name: str | None
    is_entry_point: bool
    baseline_expected_count: int = Field(ge=0)
    baseline_deviation_score: float = Field(ge=-3.0, le=3.0)
    cross_camera_matches: int = Field(ge=0, le=5)


class GroundTruth(_Strict):
    """What the model takes to be right."""

    risk_range: tuple[Score, Score]
    reasoning_key_points: list[Text] = Field(min_length=1)
    expected_enrichment_models: list[str]
    should_trigger_alert: bool

    @model_validator(mode="after")
    def _in_order(self) -> GroundTruth:
        if self.risk_range[0] > self.risk_range[1]:
            raise ValueError("risk_range goes down")
        return self


class ImageDescription(_Strict):
    """What a vision model sees."""

    description: Text
    setting: Literal["indoor", "outdoor", "unclear"]
    people: int = Field(ge=0, le=50)


class SeenObject(_Strict):
    """An object in an image; x, y, width and height in pixels."""

    label: Text
    bbox: tuple[Whole, Whole, Whole, Whole]
    confidence: float = Field(ge=0.0, le=1.0)


class ImageObjects(_Strict):
    """What a vision model finds, with boxes."""

    objects: list[SeenObject] = Field(max_length=20)


class ImageRisk(_Strict):
    """A whole risk analysis of an image."""

    risk_score: Score
    risk_level: Literal["low", "medium", "high", "critical"]
    reasoning: Text


SHAPES: dict[str, type[BaseModel]] = {
    "detections": Detections,
    "enrichment_context": EnrichmentContext,
    "ground_truth": GroundTruth,
    "nvidia_vision_description": ImageDescription,
    "nvidia_detected_objects": ImageObjects,
    "nvidia_risk_assessment": ImageRisk,
}


def shape_problems(column: str, value: Any) -> list[str]:
    """Return what is wrong with the value of a structured column; empty if nothing is."""
    try:
        SHAPES[column].model_validate_json(json.dumps(value, allow_nan=False))
    except ValidationError as e:
        found = []
        for error in e.errors(include_url=False, include_context=False, include_input=False):
            place = ".".join(str(part) for part in error["loc"])
            found.append(f"{column}{'.' if place else ''}{place}: {error['msg']}")
        return found
    except (ValueError, TypeError, RecursionError) as e:
        return [f"{column}: is no JSON: {e}"]
    return []
