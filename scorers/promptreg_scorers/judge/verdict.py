"""A judge's text to grades, strictly: nothing is clamped, rounded, guessed or filled in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from promptreg import Completion
from promptreg.stages.parse import find_objects, split_thinking
from promptreg_scorers.judge.rubrics import Dimension

__all__ = ["Verdict", "read_verdict"]

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
    names = [d.name for d in dimensions]
    if completion.finish in ("content_filter", "refusal"):
        return _none(names, f"the judge refused ({completion.finish})")
    parts = split_thinking(completion.text)
    if parts.unclosed:  # the verdict may stand in what looks like thinking, and an echo before it
        return _none(names, "the judge's thinking is never closed")
    search = find_objects(parts.visible)
    if search.best is None or search.cut_at is not None:
        if completion.finish == "length":
            return _none(names, "the judge was cut off by the token limit")
        return _none(names, f"no JSON object in the judge's text: {_excerpt(parts.visible)}")
    if search.count > 1:
        return _none(names, f"the judge's text holds {search.count} JSON objects, not one")
    fields = search.best.fields
    doubled: Any = getattr(fields, "keys_doubled", {})
    verdict = Verdict(why=_line(fields.get("why")))
    for d in dimensions:
        if doubled.get(d.name):
            verdict.missing[d.name] = f"{d.name} stands twice with different grades"
        elif d.name not in fields:
            verdict.missing[d.name] = f"the verdict has no {d.name}"
        else:
            grade = _grade(fields[d.name], d)
            if grade is None:
                verdict.missing[d.name] = (
                    f"{d.name} is {_excerpt(fields[d.name])}; allowed: {d.low} to {d.high}, whole"
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


def _none(names: Sequence[str], reason: str) -> Verdict:
    return Verdict(missing=dict.fromkeys(names, reason))


def _line(value: Any) -> str:
    if not isinstance(value, str):
        return ""
    text = " ".join("".join(c if c.isprintable() else " " for c in value[:1_000]).split())
    return text[:_LONGEST]


def _excerpt(value: Any) -> str:
    text = value.strip()[:200] if isinstance(value, str) else value
    shown = repr(text)
    return shown if len(shown) <= 60 else shown[:57] + "..."
