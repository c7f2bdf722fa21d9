"""The rubrics of a home-security assistant, used where a suite brings none of its own."""

from __future__ import annotations

from typing import Any

__all__ = ["BUILT_IN"]

BUILT_IN: dict[str, dict[str, Any]] = {
    "relevance": {
        "question": "Does the answer address the security concern that this scene really raises?",
        "anchors": {
            1: "It is about something else, or could have been written about any scene.",
            2: "It touches the scene but dwells on what does not matter for safety.",
            3: "It is about what matters, with some padding or one point passed over.",
            4: "It is about what matters in this scene, and nothing else.",
        },
    },
    "risk_calibration": {
        "question": "Does the stated risk fit how serious the scene is?",
        "anchors": {
            1: "Far off: an alarm about everyday life, or calm in the face of danger.",
            2: "Clearly too high or too low; somebody would act wrongly because of it.",
            3: "Somewhat too high or too low; nobody would act differently.",
            4: "As high as a careful observer would set it.",
        },
    },
    "context_usage": {
        "question": "Do the facts given besides the detections (zone, time, usual activity, other "
        "cameras) show in the reasoning?",
        "anchors": {
            1: "They are ignored or contradicted.",
            2: "They are repeated, and nothing follows from them.",
            3: "Most of those that matter are used.",
            4: "All that matter are used, and it is said what follows from them.",
        },
    },
    "reasoning_quality": {
        "question": "Does the explanation hold together, and does it lead to the conclusion?",
        "anchors": {
            1: "There is none, or it contradicts itself or the facts.",
            2: "It has gaps or invented facts that the conclusion rests on.",
            3: "It is sound, with a step left out.",
            4: "It is sound and complete, and every step rests on the facts.",
        },
    },
    "threat_identification": {
        "question": "Is the threat recognised that is there, and none that is not?",
        "anchors": {
            1: "A threat is missed, or one is made up.",
            2: "It is hinted at, or mistaken for another kind.",
            3: "It is recognised, or ruled out, with a doubt or detail missing.",
            4: "It is named exactly, or rightly and plainly ruled out.",
        },
    },
    "actionability": {
        "question": "Does a person at home know what to do after reading it?",
        "anchors": {
            1: "No: vague, or advice that would do harm.",
            2: "Only in general terms that fit anything.",
            3: "Yes, after some thinking.",
            4: "At once: what happened, how urgent it is, and what to do, if anything.",
        },
    },
}
