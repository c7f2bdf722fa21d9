"""What production would have shown: the first users' own rules, applied to the same answer.

Production clamps, coerces, infers and falls back; a strict answer never does. Scoring both shows
how much of a regression those rules hide. Modelled: the object the strict reader picked (their
regular expression takes another one in odd cases: objects nested three deep, braces in texts,
echoed examples); `int()` on the score, whose failure is caught by their `except Exception` and
gives the fallback record; a missing *or* unknown level inferred from the score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from promptreg.records import Answer
from promptreg.stages.parse.bands import level_of
from promptreg.stages.parse.values import trouble

__all__ = ["FALLBACK", "apply_rules", "fallback"]

FALLBACK: Mapping[str, Any] = {
    "risk_score": 50,
    "risk_level": "medium",
    "summary": "Analysis unavailable - LLM service error",
    "reasoning": "Failed to analyze detections due to service error",
}
_DEFAULTS = {
    "summary": "Risk analysis completed",
    "reasoning": "No detailed reasoning provided",
}


def fallback(thinking: str = "") -> Answer:
    """Return the record production shows when anything fails."""
    return Answer(dict(FALLBACK), thinking, rules=("fallback",))


def apply_rules(
    fields: Mapping[str, Any], bands: Sequence[tuple[str, float]], thinking: str = ""
) -> Answer:
    """Return the answer that production would have shown for an object of the model.

    Rules that changed something are listed: `coerced` (a score that was no integer, a level in
    capitals), `clamped` (a score outside 0-100), `inferred_level`, `defaulted` (a missing score,
    summary or reasoning), `fallback` (the score could not be made an integer, or a text cannot
    be stored).
    """
    rules: list[str] = []
    given = fields.get("risk_score", 50)
    try:
        number = int(given)
    except (TypeError, ValueError, OverflowError):
        return fallback(thinking)
    if "risk_score" not in fields:
        rules.append("defaulted")
    elif type(given) is not int:
        rules.append("coerced")
    score = max(0, min(100, number))
    if score != number:
        rules.append("clamped")
    stated = fields.get("risk_level")
    level = str(stated).lower()
    if level not in {name for name, _ in bands}:
        level = level_of(score, bands)
        rules.append("inferred_level")
    elif level != stated:
        rules.append("coerced")
    shown = {"risk_score": score, "risk_level": level}
    for name, default in _DEFAULTS.items():
        if name not in fields:
            rules.append("defaulted")
        shown[name] = fields.get(name, default)
        if trouble(shown[name]):
            return fallback(thinking)
    return Answer(shown, thinking, rules=tuple(dict.fromkeys(rules)))
