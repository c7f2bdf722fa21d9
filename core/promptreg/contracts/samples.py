"""Small sample calls and trials to check plug-ins with; fresh objects each time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from promptreg.contracts.hostile import HOSTILE_TEXT
from promptreg.protocols import Call
from promptreg.records import (
    Answer,
    Cause,
    Completion,
    Failure,
    Prompt,
    Scenario,
    Template,
    Trial,
)

__all__ = [
    "odd_trials",
    "other_truths",
    "sample_calls",
    "sample_trials",
    "with_truth",
]

_TEMPLATE = Template("basic", "v2", "format", "Judge: {detections}", ("detections",), "sample")
_PERSON: dict[str, Any] = {
    "risk_range": [60, 85],
    "key_points": ["unknown person", "at night"],
    "expected_summary": "An unknown person at the back door at night.",
    "label": "threat",
    "should_trigger_alert": True,
}
_CAT: dict[str, Any] = {
    "risk_range": [0, 15],
    "key_points": ["cat"],
    "expected_summary": "A cat crosses the garden.",
    "label": "benign",
    "should_trigger_alert": False,
}


def sample_calls() -> list[Call]:
    """Return two calls with short prompts: a plain one, and one with signs nobody expects."""
    texts = ("Reply with the word: ready", "Reply with the word: ready \x00\x1b[31m\ud800")
    return [
        Call(Prompt(text), 0, str(i) * 64, "basic", "v2", "back-door")
        for i, text in enumerate(texts)
    ]


def sample_trials() -> list[Trial]:
    """Return five trials: three good answers, one wrong answer, one failed call.

    Scenarios are of home security: risk scores are points 0-100. Each scenario has a ground truth.
    """
    return [
        _trial("back-door", _PERSON, 72, "high", "An unknown person stands there at night."),
        _trial("back-door", _PERSON, 65, "high", "A person, unknown, at the back door.", repeat=1),
        _trial("garden", _CAT, 8, "low", "A cat crosses the garden."),
        _trial("porch", _CAT, 80, "critical", "An intruder is at the porch."),
        replace(
            _trial("gate", _PERSON, 0, "low", ""),
            completion=None,
            answer=None,
            failure=Failure(Cause.TIMEOUT, "no answer within 120 s", attempts=4, duration_s=121.0),
        ),
    ]


def odd_trials() -> list[Trial]:
    """Return answered trials whose answers or ground truths are of unexpected types and sizes."""
    plain = sample_trials()[0]
    answers: list[dict[str, Any]] = [
        {},
        {"risk_score": "85", "risk_level": 3, "summary": None, "reasoning": ["a", {"b": 1}]},
        {"risk_score": float("nan"), "risk_level": "", "summary": "", "reasoning": ""},
        {"risk_score": True, "risk_level": "HIGH", "summary": {"text": "x"}, "reasoning": 0},
        {"risk_score": 10**400, "risk_level": None, "summary": HOSTILE_TEXT, "reasoning": ""},
        {"risk_score": -1, "risk_level": [], "summary": "word " * 40_000, "reasoning": "x"},
    ]
    truths: list[dict[str, Any]] = [
        dict.fromkeys(_PERSON),
        {"risk_range": "60-85", "key_points": "unknown person", "label": 7},
        {"risk_range": [85, 60], "key_points": [], "expected_summary": ""},
        {"risk_range": [60], "key_points": [None, 3], "expected_summary": HOSTILE_TEXT},
    ]
    bare = Completion("{}", finish="unknown")
    return [
        *(replace(plain, answer=Answer(fields), completion=bare) for fields in answers),
        *(with_truth(plain, truth) for truth in truths),
    ]


def with_truth(trial: Trial, truth: dict[str, Any]) -> Trial:
    """Return the trial with another ground truth, and nothing else changed."""
    return replace(trial, scenario=replace(trial.scenario, ground_truth=truth))


def other_truths(trial: Trial) -> list[dict[str, Any]]:
    """Return ground truths that differ from the trial's in every part."""
    mixed = {**_CAT, "risk_range": [20, 40], "key_points": ["parcel", "courier"], "label": "odd"}
    return [truth for truth in (_PERSON, _CAT, mixed) if truth != trial.scenario.ground_truth]


def _trial(
    name: str, truth: dict[str, Any], risk: int, level: str, summary: str, repeat: int = 0
) -> Trial:
    fields = {"risk_score": risk, "risk_level": level, "summary": summary, "reasoning": "As seen."}
    detections = f"camera {name}: 1 object"
    scenario = Scenario(
        name,
        {"scenario_id": name, "detections": detections},
        dict(truth),
        {"camera": name},
        family=name,
    )
    completion = Completion(
        text=str(fields).replace("'", '"'),
        model="sample-model",
        prompt_tokens=40,
        completion_tokens=60 + repeat,
        latency_s=1.5 + repeat,
        cost=0.002,
    )
    prompt = Prompt(f"Judge: {detections}")
    return Trial(_TEMPLATE, scenario, repeat, prompt, completion, answer=Answer(fields))
