"""The six rubrics of a home-security assistant: what judges ask, and what each grade means.

Generated scenarios have them as a file beside them, judges use them where a suite names none, and a
judge reads that file, too.
"""

from __future__ import annotations

from typing import TypedDict

__all__ = ["RUBRICS", "Rubric", "rubrics_yaml"]


class Rubric(TypedDict):
    """A dimension's question, and the meaning of each grade from 1 to 4."""

    question: str
    anchors: dict[int, str]


RUBRICS: dict[str, Rubric] = {
    "relevance": {
        "question": "Does the output address the actual security concern?",
        "anchors": {
            1: "It is about something else, or could have been written about any scene.",
            2: "It touches the scene but dwells on what does not matter for safety.",
            3: "It is about what matters, with some padding or one point passed over.",
            4: "It is about what matters in this scene, and nothing else.",
        },
    },
    "risk_calibration": {
        "question": "Is the score appropriate for the scenario's severity?",
        "anchors": {
            1: "Far off: an alarm about everyday life, or calm in the face of danger.",
            2: "Clearly too high or too low; somebody would act wrongly because of it.",
            3: "Somewhat too high or too low; nobody would act differently.",
            4: "As high as a careful observer would set it.",
        },
    },
    "context_usage": {
        "question": "Are the enrichment inputs (zone, time, usual activity, other cameras) "
        "reflected in the reasoning?",
        "anchors": {
            1: "They are ignored or contradicted.",
            2: "They are repeated, and nothing follows from them.",
            3: "Most of those that matter are used.",
            4: "All that matter are used, and it is said what follows from them.",
        },
    },
    "reasoning_quality": {
        "question": "Is the explanation logical and complete?",
        "anchors": {
            1: "There is none, or it contradicts itself or the facts.",
            2: "It has gaps or invented facts that the conclusion rests on.",
            3: "It is sound, with a step left out.",
            4: "It is sound and complete, and every step rests on the facts.",
        },
    },
    "threat_identification": {
        "question": "Did it correctly identify the actual threat, or that there is none?",
        "anchors": {
            1: "A threat is missed, or one is made up.",
            2: "It is hinted at, or mistaken for another kind.",
            3: "It is recognised, or ruled out, with a doubt or detail missing.",
            4: "It is named exactly, or rightly and plainly ruled out.",
        },
    },
    "actionability": {
        "question": "Is the output useful for a homeowner to act on?",
        "anchors": {
            1: "No: vague, or advice that would do harm.",
            2: "Only in general terms that fit anything.",
            3: "Yes, after some thinking.",
            4: "At once: what happened, how urgent it is, and what to do, if anything.",
        },
    },
}


def rubrics_yaml() -> str:
    """Return the rubrics as the file that a judge reads under `rubrics`."""
    import yaml

    facts = {name: {**rubric, "scale": [1, 4]} for name, rubric in RUBRICS.items()}
    return str(yaml.safe_dump(facts, sort_keys=False, allow_unicode=True, width=100))
