"""What judges are told about the scales of quality, to be frozen beside the scenarios."""

from __future__ import annotations

__all__ = ["RUBRICS", "rubrics_yaml"]

RUBRICS: dict[str, tuple[str, tuple[str, str, str, str]]] = {
    "relevance": (
        "Does the answer deal with what could matter for safety in this scene?",
        (
            "It speaks of something else, or only repeats the detections.",
            "It touches the scene, but most of it would fit any other scene as well.",
            "It deals with the concern; some of it is beside the point.",
            "It deals with the concern of this very scene and with nothing else.",
        ),
    ),
    "risk_calibration": (
        "Is the risk score right for how serious the scene is?",
        (
            "The score is on the wrong side: calm in danger, or alarm where there is none.",
            "The direction is right, the score is a whole level off.",
            "The score is at the edge of what the scene allows.",
            "The score is what a careful person who knows the house would give.",
        ),
    ),
    "context_usage": (
        "Does the reasoning use what is known beyond the picture: zone, habits, other cameras?",
        (
            "It ignores the context, or claims context that was not given.",
            "It names some context without drawing anything from it.",
            "It draws on the context that matters most and overlooks the rest.",
            "It weighs all context that matters, and says so where context fails or contradicts.",
        ),
    ),
    "reasoning_quality": (
        "Does the explanation hold together and support its score?",
        (
            "There is no argument, or it contradicts the score.",
            "It jumps to its end; the step that matters is missing.",
            "It follows, with a small gap.",
            "Each step rests on evidence, and together they lead to the score.",
        ),
    ),
    "threat_identification": (
        "Is the real threat named, and is none invented?",
        (
            "A threat is missed, or one is made up.",
            "Something is sensed, but it is named wrongly or left vague.",
            "The threat, or that there is none, is right; a detail is off.",
            "What is dangerous and what is harmless is told apart exactly.",
        ),
    ),
    "actionability": (
        "Could somebody at home act on it?",
        (
            "It leaves one knowing nothing to do, or urges the wrong thing.",
            "What to do can be guessed with effort.",
            "It is clear what to do; how urgent it is stays open.",
            "It is clear what to do, how soon, and what to look at first.",
        ),
    ),
}
"""Dimension to its question, and what each point from 1 to 4 means."""


def rubrics_yaml() -> str:
    """Return the rubrics as YAML: `scale`, and `dimensions` with question and anchors."""
    import yaml

    facts = {
        "scale": {"lowest": 1, "highest": 4},
        "dimensions": {
            name: {"question": question, "anchors": dict(enumerate(anchors, 1))}
            for name, (question, anchors) in RUBRICS.items()
        },
    }
    return str(yaml.safe_dump(facts, sort_keys=False, allow_unicode=True, width=100))
