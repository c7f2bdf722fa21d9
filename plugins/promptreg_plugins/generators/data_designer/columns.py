"""The columns: what there is, of which kind, and what a model is told to write it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from promptreg_plugins.generators.data_designer.schemas import SCHEMAS

__all__ = [
    "ATTRIBUTES",
    "BUILT_IN",
    "DIMENSIONS",
    "EMBEDDINGS",
    "IMAGE",
    "JUDGE",
    "RULES",
    "Column",
]

IMAGE = "image"
"""The seed column that holds a row's image for the model; it is never part of a scenario."""
ATTRIBUTES = (
    "time_of_day",
    "day_type",
    "camera_location",
    "detection_count",
    "primary_object",
    "scenario_type",
    "enrichment_level",
)
DIMENSIONS = (
    "relevance",
    "risk_calibration",
    "context_usage",
    "reasoning_quality",
    "threat_identification",
    "actionability",
)
JUDGE = "quality"
"""One call that gives all six scores; each is then an expression on it."""
EMBEDDINGS = ("scenario_embedding", "reasoning_embedding")
RULES = (
    "formatted_prompt_input",
    "complexity_score",
    "scenario_hash",
    "detection_schema_valid",
    "temporal_consistency",
)
"""Computed on the finished row."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column that Data Designer makes.

    Attributes:
        name: of the column.
        kind: `structured`, `text`, `judge` or `expression`.
        prompt: Jinja, with the names of other columns; of an expression, the expression.
        model: the alias of the model; empty for expressions.
        schema: of structured columns.
        max_tokens: the longest answer; None: as the model's sampling says.
        skip: a Jinja condition under which there is nothing to be asked.
        image: whether the row's image goes with the prompt.
        dtype: of expressions.
        scores: of a judge: name, question and anchors of each.
        own: whether it is the user's.
    """

    name: str
    kind: str
    prompt: str
    model: str = ""
    schema: Mapping[str, Any] | None = None
    max_tokens: int | None = None
    skip: str = ""
    image: bool = False
    dtype: str = "str"
    scores: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    own: bool = False


_SCENE = (
    "{{ camera_name }} camera, {{ day_of_week }}, {{ time_of_day }}. "
    "Scene: {{ scenario_narrative }}"
)
_NO_CONTEXT = "{{ enrichment_level == 'none' or enrichment_fault == 'circuit_open' }}"
BUILT_IN: dict[str, Column] = {
    column.name: column
    for column in (
        Column(
            "scenario_narrative",
            "text",
            "Describe in two to four short, plain sentences what a home security camera sees.\n"
            "What happens: {{ premise }}\n"
            "Camera: {{ camera_name }}. Time: {{ day_of_week }}, {{ time_of_day }}. "
            "It is about: {{ primary_object }}.\n"
            "Tell only what can be seen, in order. No heading, no list, no judgement of the risk.",
            max_tokens=160,
        ),
        Column(
            "detections",
            "structured",
            "Write what an object detector reports for this scene of a home security camera, "
            "1920 by 1080 pixels.\n"
            f"{_SCENE}\n"
            "Exactly this many detections: {{ detection_count }}. At least one is a "
            "{{ primary_object }}. bbox is x, y, width, height. timestamp_offset_seconds is from 0 "
            "to 90 and grows from one detection to the next.",
            schema=SCHEMAS["detections"],
            max_tokens=900,
        ),
        Column(
            "enrichment_context",
            "structured",
            "Write what is known beyond the picture about this place and time.\n"
            f"{_SCENE}\n"
            "zone_name is where the camera looks; baseline_expected_count is how many detections "
            "are usual there at that hour; baseline_deviation_score is how unusual this scene is, "
            "in standard deviations; cross_camera_matches is on how many other cameras the same "
            "object was seen.",
            schema=SCHEMAS["enrichment_context"],
            max_tokens=160,
            skip=_NO_CONTEXT,
        ),
        Column(
            "ground_truth",
            "structured",
            "Say what a careful security analyst should conclude.\n"
            f"{_SCENE}\n"
            "The scene is {{ scenario_type }}. Risk from 0 to 100: normal is 0-25, suspicious "
            "30-55, threat 70-100, edge_case 20-60. risk_range is two numbers, the lower one "
            "first.",
            schema=SCHEMAS["ground_truth"],
            max_tokens=260,
        ),
        Column(
            "expected_summary",
            "text",
            "Say in one sentence, for the owner of the house, what happened and whether it "
            f"matters.\n{_SCENE}\nOne sentence only.",
            max_tokens=120,
        ),
        Column(
            "reasoning_key_points",
            "text",
            "Name two to four points that a good risk assessment of this scene must mention, a few "
            f"words each, one on each line.\n{_SCENE}",
            max_tokens=100,
        ),
        Column(
            JUDGE,
            "judge",
            "Judge this reference answer to a scene of a home security camera.\n"
            f"{_SCENE}\n"
            "The scene is {{ scenario_type }}.\nReference answer: {{ expected_summary }}\n"
            "Key points: {{ reasoning_key_points }}",
            max_tokens=600,
        ),
        Column(
            "nvidia_vision_description",
            "structured",
            "Describe this image of a security camera.",
            schema=SCHEMAS["nvidia_vision_description"],
            max_tokens=300,
            image=True,
        ),
        Column(
            "nvidia_detected_objects",
            "structured",
            "List the objects in this image of a security camera, each with its box in pixels: x, "
            "y, width, height.",
            schema=SCHEMAS["nvidia_detected_objects"],
            max_tokens=900,
            image=True,
        ),
        Column(
            "nvidia_risk_assessment",
            "structured",
            "Assess the risk that this image of a home security camera shows, from 0 to 100: low "
            "to 29, medium to 59, high to 84, critical above.",
            schema=SCHEMAS["nvidia_risk_assessment"],
            max_tokens=300,
            image=True,
        ),
        Column(
            "vision_alignment_score",
            "judge",
            "A vision model described an image: {{ nvidia_vision_description }}\n"
            "A local detector reported for the same image: {{ detections_list }}\n"
            "How well do the two match?",
            max_tokens=200,
        ),
    )
}
VISION = tuple(name for name in BUILT_IN if name.startswith(("nvidia_", "vision_")))
__all__ += ["VISION"]
