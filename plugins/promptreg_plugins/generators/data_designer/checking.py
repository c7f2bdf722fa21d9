"""What a model wrote, read and held to what a scenario must be. A problem is one line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from promptreg.stages.render.tokens import first_token
from promptreg_plugins.generators.data_designer.columns import Column
from promptreg_plugins.generators.data_designer.schemas import FITTING
from promptreg_plugins.generators.data_designer.shapes import SHAPES, shape_problems

__all__ = ["points", "read", "scene_problems"]

_LONGEST = {"scenario_narrative": 4000, "expected_summary": 1000, "reasoning_key_points": 2000}
_OTHERWISE = 20_000
_MOST_POINTS = 12
_BULLET = re.compile(r"^\s*(?:[-*•–]|\d{1,2}[.)])\s*")


def read(column: Column, value: Any) -> tuple[Any, list[str]]:
    """Return the value of a column as the row is to hold it, and what is wrong with it."""
    if column.kind == "text":
        text, problems = _text(column.name, value)
        if not problems and not column.own and _is_json(text):
            problems = [f"{column.name}: is JSON, not a text"]
        return text, problems
    if column.kind == "expression":
        return value, [] if value is not None else [f"{column.name}: is empty"]
    if isinstance(value, str):  # how Data Designer stores objects that do not fit one another
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None, [f"{column.name}: is no JSON object"]
    if not isinstance(value, dict):
        return None, [f"{column.name}: is {type(value).__name__}; must be an object"]
    problems = _texts_in(column.name, value)
    if column.kind == "judge":
        return value, problems + _score_problems(column, value)
    if column.name in SHAPES and not column.own:
        problems += shape_problems(column.name, value)
    return value, problems


def points(text: str) -> list[str]:
    """Return the points of a text, one a line or divided by semicolons, without their bullets."""
    lines = text.splitlines() if "\n" in text.strip() else text.split(";")
    return [point for line in lines if (point := _BULLET.sub("", line).strip())]


def scene_problems(row: Mapping[str, Any], values: Mapping[str, Any]) -> list[str]:
    """Return what contradicts the cell of a finished scene, beyond schema and times."""
    problems = []
    if "scenario_narrative" in values:
        # Else ground truth would be that of a story which is not told.
        points_ = row["ground_truth"]["key_points"]
        words = [word for point in points_ for word in point.lower().split("|")]
        told = row["scenario_narrative"].lower()
        if not any(word in told for word in words):
            problems.append("scenario_narrative: names none of the story's key points")
    if "detections" in values:
        fitting = FITTING[row["primary_object"]]
        if not any(d["object_type"] in fitting for d in row["detections"]):
            problems.append(f"detections: none is a {row['primary_object']}")
    if "reasoning_key_points" in values and not (
        1 <= len(row["reasoning_key_points"]) <= _MOST_POINTS
    ):
        problems.append(
            f"reasoning_key_points: {len(row['reasoning_key_points'])} points; allowed: 1 to "
            f"{_MOST_POINTS}"
        )
    return problems


def _text(name: str, value: Any) -> tuple[Any, list[str]]:
    # Data Designer reads a text that is JSON as what it says, and hands over a number or a list.
    if not isinstance(value, str):
        return None, [f"{name}: is {type(value).__name__}; must be a text"]
    text = value.strip()
    if not text:
        return None, [f"{name}: is empty"]
    longest = _LONGEST.get(name, _OTHERWISE)
    if len(text) > longest:
        return None, [f"{name}: more than {longest:,} characters"]
    return text, _hostile(name, text)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _texts_in(name: str, value: Any) -> list[str]:
    problems: list[str] = []
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            problems += _hostile(name, one)
        elif isinstance(one, Mapping):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            waiting += one
    return problems[:3]


def _hostile(name: str, text: str) -> list[str]:
    """Return why a text must not get into a prompt."""
    if token := first_token(text):
        return [f"{name}: holds the role token {token}"]
    if not text.isprintable():
        for sign in text:
            if not sign.isprintable() and sign not in "\n\t":
                return [f"{name}: holds the sign U+{ord(sign):04X}"]
    return []


def _score_problems(column: Column, value: Mapping[str, Any]) -> list[str]:
    problems = []
    for score in column.scores:
        given = value.get(score["name"])
        found = given.get("score") if isinstance(given, Mapping) else None
        if not isinstance(found, int) or isinstance(found, bool) or not 1 <= found <= 4:
            problems.append(f"{score['name']}: is {found!r:.40}; allowed: 1 to 4")
    return problems
