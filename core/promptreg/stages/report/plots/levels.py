"""Which risk levels the versions answered: one bar each, as long as all scenarios together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from markupsafe import Markup

from promptreg.stages.report.plots.svg import Drawing, scale
from promptreg.stages.report.text import one_line
from promptreg.verdicts import ScenarioChange, SideTrial

__all__ = ["bars_of_levels"]

_LEVELS = ("low", "medium", "high", "critical")
_OTHER, _NONE = "another level", "no level"


def bars_of_levels(changes: Sequence[ScenarioChange], labels: tuple[str, str], key: str) -> Markup:
    """Return the share of each risk level under both versions; nothing where no answer has one.

    Trials without a level (failed, or without the field) have a part of their own. `key` is a word
    of ours, unique on the page.
    """
    sides = [Counter(_level(c.baseline) for c in changes)]
    sides.append(Counter(_level(c.candidate) for c in changes))
    if not any(side[level] for side in sides for level in _LEVELS):
        return Markup("")
    names = [n for n in (*_LEVELS, _OTHER, _NONE) if any(side[n] for side in sides)]
    picture = Drawing()
    at = scale(0, len(changes), 0, picture.width - 16)
    said = []
    for i, (label, side) in enumerate(zip(labels, sides, strict=True)):
        y = 6.0 + 44 * i
        picture.text(8, y + 9, one_line(label, 40), "label")
        x = 8.0
        for name in names:
            count = side[name]
            width = at(count)
            if count:
                picture.box(x, y + 14, max(1.0, width - 1), 20, f"step {_class(name)}")
            if width > 22:
                share = f"{count / len(changes):.0%}"
                picture.text(x + width / 2, y + 28, share, f"on-step on-{_class(name)}", "middle")
            x += width
        parts = ", ".join(f"{name} {side[name]}" for name in names)
        said.append(f"{one_line(label, 40)}: {parts}.")
    x, y = 8.0, 106.0
    for name in names:
        shares = [f"{side[name] / len(changes):.0%}" for side in sides]
        words = f"{name} {shares[0]} → {shares[1]}"
        width = 30 + 7.6 * len(words)
        if x > 8 and x + width > picture.width:
            x, y = 8.0, y + 17
        picture.box(x, y - 9, 10, 10, f"step {_class(name)}")
        picture.text(x + 14, y, words, "label")
        x += width
    return picture.render(y + 8, "Risk levels answered", " ".join(said), key)


def _level(trial: SideTrial) -> str:
    level = "" if trial.failure else trial.answer.get("risk_level")
    if not isinstance(level, str) or not level.strip():
        return _NONE
    return level.strip().lower() if level.strip().lower() in _LEVELS else _OTHER


def _class(name: str) -> str:
    return f"step{_LEVELS.index(name)}" if name in _LEVELS else "step-none"
