"""One version's answer in words: its values first, then its texts."""

from __future__ import annotations

from collections.abc import Mapping

from promptreg.stages.report.text import clean, one_line
from promptreg.verdicts import SideTrial

__all__ = ["answer_words", "split_answer"]

Fields = list[tuple[str, str]]
_TEXTS = ("summary", "reasoning")


def answer_words(trial: SideTrial, limit: int = 280) -> list[str]:
    """Return what one version answered, in a few short lines: values first, then texts."""
    if trial.failure:
        return [f"FAILED {one_line(trial.failure, limit)}"]
    if not trial.answer:
        return [one_line(trial.text, limit) or "(no text)"]
    short, long = split_answer(trial.answer, 4 * limit)
    lines = [" · ".join(f"{name} {value}" for name, value in short[:6])] if short else []
    return lines + [f"{name}: {one_line(text, limit)}" for name, text in long[:3]]


def split_answer(answer: Mapping[str, object], limit: int = 20_000) -> tuple[Fields, Fields]:
    """Return an answer's short values and its long texts (at most `limit` each), by field name."""
    short: Fields = []
    long: Fields = []
    for key in sorted(answer, key=_field_order)[:30]:
        value = answer[key]
        name = one_line(str(key), 40)
        if isinstance(value, str) and (key in _TEXTS or len(value) > 40 or "\n" in value):
            long.append((name, clean(value, limit)))
        elif isinstance(value, str):
            short.append((name, one_line(value, 60)))
        elif isinstance(value, float):
            short.append((name, f"{value:g}"))
        elif value is None or isinstance(value, bool):
            short.append((name, str(value).lower()))
        elif isinstance(value, int):
            short.append((name, str(value) if abs(value) < 10**15 else "(huge integer)"))
        else:
            short.append((name, one_line(_listed(value), 60)))
    return short, long


def _listed(value: object) -> str:
    """Return a list of texts and numbers as people write one; anything else as Python does."""
    if isinstance(value, (list, tuple)) and len(value) <= 50:
        words = [one_line(str(item), 60) for item in value if isinstance(item, (str, int, float))]
        if len(words) == len(value):
            return ", ".join(words) or "none"
    return str(value)


def _field_order(key: object) -> tuple[int, str]:
    first = ("risk_score", "risk_level", *_TEXTS)
    return (first.index(key) if key in first else len(first)), str(key)
