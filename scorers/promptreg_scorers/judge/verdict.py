"""A judge's text to grades, strictly: nothing is clamped, rounded, guessed or filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from promptreg import Completion
from promptreg.stages.parse import find_objects, split_thinking
from promptreg_scorers.judge.rubrics import Dimension

__all__ = ["Verdict", "excerpt", "read_object", "read_verdict", "spoken"]

_LONGEST = 240


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge said: grades by dimension, and why others are missing."""

    grades: dict[str, int] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    why: str = ""


def read_verdict(completion: Completion, dimensions: Sequence[Dimension]) -> Verdict:
    """Return the verdict that stands in a completion.

    It must hold exactly one JSON object outside its thinking: where there are several, one of them
    may be an echo of the answer that was judged.
    """
    fields = read_object(completion)
    if isinstance(fields, str):
        return Verdict(missing=dict.fromkeys((d.name for d in dimensions), fields))
    doubled: Any = getattr(fields, "keys_doubled", {})
    verdict = Verdict(why=spoken(fields.get("why")))
    for d in dimensions:
        if doubled.get(d.name):
            verdict.missing[d.name] = f"{d.name} stands twice with different grades"
        elif d.name not in fields:
            verdict.missing[d.name] = f"the verdict has no {d.name}"
        else:
            grade = _grade(fields[d.name], d)
            if grade is None:
                verdict.missing[d.name] = (
                    f"{d.name} is {excerpt(fields[d.name])}; allowed: {d.low} to {d.high}, whole"
                )
            else:
                verdict.grades[d.name] = grade
    return verdict


def _grade(value: Any, dimension: Dimension) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if isinstance(value, float) and not value.is_integer():
        return None
    return int(value) if dimension.low <= value <= dimension.high else None


def read_object(completion: Completion) -> Mapping[str, Any] | str:
    """Return the one JSON object of a judge's text, or why there is none."""
    if completion.finish in ("content_filter", "refusal"):
        return f"the judge refused ({completion.finish})"
    parts = split_thinking(completion.text)
    if parts.unclosed:  # the verdict may stand in what looks like thinking, and an echo before it
        return "the judge's thinking is never closed"
    search = find_objects(parts.visible)
    if search.best is None or search.cut_at is not None:
        if completion.finish == "length":
            return "the judge was cut off by the token limit"
        return f"no JSON object in the judge's text: {excerpt(parts.visible)}"
    if search.count > 1:
        return f"the judge's text holds {search.count} JSON objects, not one"
    return search.best.fields


def spoken(value: Any) -> str:
    """Return what a judge said besides its verdict: one line of bounded length."""
    if not isinstance(value, str):
        return ""
    text = " ".join("".join(c if c.isprintable() else " " for c in value[:1_000]).split())
    return text[:_LONGEST]


def excerpt(value: Any) -> str:
    """Return the beginning of a value, for messages."""
    text = value.strip()[:200] if isinstance(value, str) else value
    shown = repr(text)
    return shown if len(shown) <= 60 else shown[:57] + "..."
