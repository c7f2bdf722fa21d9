"""Boxes as somebody wrote them, brought into one form or refused with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from promptreg_scorers._values import number, shown

__all__ = ["FORMATS", "UNITS", "Box", "Form", "Frame", "Reading"]

FORMATS = ("xywh", "xyxy", "cxcywh")
UNITS = {"pixels": None, "relative": 1.0, "thousandths": 1000.0}
"""Unit to what the whole width and height are in it; None: the image's own."""
MAX_BOXES = 1000
_ROUNDING = 1e-6
"""How far, in shares of the frame, an end may lie outside: what adding fractions may cost."""
_KEYS = ("label", "bbox", "confidence")
_OUTSIDE = ("refuse", "clip")


@dataclass(frozen=True, slots=True)
class Box:
    """A box in shares of the frame, or in pixels where nobody knows the frame.

    Attributes:
        left, top, right, bottom: left < right, top < bottom.
        label: lower case, mapped; empty where there is none.
        confidence: 0 to 1; 1 where none is stated.
    """

    left: float
    top: float
    right: float
    bottom: float
    label: str = ""
    confidence: float = 1.0

    @property
    def area(self) -> float:
        """Width times height."""
        return (self.right - self.left) * (self.bottom - self.top)


@dataclass(frozen=True, slots=True)
class Frame:
    """The image's width and height in pixels; None where they are not known."""

    width: float | None = None
    height: float | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a list of boxes came to.

    Attributes:
        boxes: the sound ones that were asked for.
        refused: why others were refused, one line each.
        misses: for each refused one a box that overlaps none, with its label and confidence (1
            where they cannot be read): it was claimed, and is wrong.
        clipped: how many were cut at the frame's edge.
    """

    boxes: tuple[Box, ...]
    refused: tuple[str, ...] = ()
    clipped: int = 0
    misses: tuple[Box, ...] = ()

    @property
    def claimed(self) -> tuple[Box, ...]:
        """All that was said to be there."""
        return (*self.boxes, *self.misses)

    @property
    def note(self) -> str:
        """What was refused and cut, for people."""
        parts = []
        if self.refused:
            more = f" and {len(self.refused) - 1} more" if len(self.refused) > 1 else ""
            parts.append(f"refused: {self.refused[0]}{more}")
        if self.clipped:
            parts.append(f"{self.clipped} cut at the image's edge")
        return "; ".join(parts)


class Form:
    """How one side writes its boxes.

    Args:
        settings: `format`, `units`, `outside`, and `label`, `bbox`, `confidence`: the names under
            which a box that is an object holds these.
        where: the setting's name, for messages.
        labels: word to the word it stands for; both in lower case.
        only: labels that count, after mapping; empty: all.
        labelled: whether labels matter.
        at_least: the lowest confidence that counts.

    Raises:
        ValueError: a setting is unknown or has a value that is not allowed.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        where: str,
        labels: Mapping[str, str],
        only: frozenset[str],
        labelled: bool,
        at_least: float = 0.0,
    ) -> None:
        allowed: dict[str, Sequence[str] | None] = {
            "format": FORMATS,
            "units": tuple(UNITS),
            "outside": _OUTSIDE,
            **dict.fromkeys(_KEYS),
        }
        for name, value in settings.items():
            if name not in allowed:
                raise ValueError(f"{where}.{name} is unknown; allowed: {', '.join(allowed)}")
            choices = allowed[name]
            if not isinstance(value, str) or not value or (choices and value not in choices):
                what = ", ".join(choices) if choices else "a name"
                raise ValueError(f"{where}.{name} is {shown(value)}; allowed: {what}")
        self._format = settings.get("format", "xywh")
        self.units = settings.get("units", "pixels")
        self._clip = settings.get("outside", "refuse") == "clip"
        self._keys = {key: settings.get(key, key) for key in _KEYS}
        self._labels, self._only, self._labelled = labels, only, labelled
        self._at_least = at_least

    def read(self, value: Any, frame: Frame, shares: bool) -> Reading | str:
        """Return the boxes, or why the value is no list of boxes at all.

        Args:
            value: what the answer or the ground truth holds.
            frame: the image's size.
            shares: whether to return shares of the frame; else the unit is left as it is.
        """
        if not isinstance(value, (list, tuple)):
            return f"{shown(value)} is no list of boxes"
        if len(value) > MAX_BOXES:
            return f"{len(value):,} boxes; allowed: up to {MAX_BOXES:,}"
        boxes, refused, misses, clipped = [], [], [], 0
        for i, item in enumerate(value):
            box, problem, cut = self._one(item, frame, shares)
            if problem:
                refused.append(f"box {i}: {problem}")
                misses.append(self._nowhere(item))
            elif box is not None:
                boxes.append(box)
                clipped += cut
        return Reading(tuple(boxes), tuple(refused), clipped, tuple(misses))

    def _nowhere(self, item: Any) -> Box:
        """Return a box of a refused one's label and confidence that overlaps no other."""
        stated = item if isinstance(item, Mapping) else {}
        word, sure = stated.get(self._keys["label"]), number(stated.get(self._keys["confidence"]))
        label = word.strip().lower() if isinstance(word, str) else ""
        label = self._labels.get(label, label) if self._labelled else ""
        confidence = sure if sure is not None and 0 <= sure <= 1 else 1.0
        return Box(-2.0, -2.0, -1.0, -1.0, label, confidence)

    def _one(self, item: Any, frame: Frame, shares: bool) -> tuple[Box | None, str, bool]:
        """Return the box or the problem, and whether it was cut; neither where it is left out."""
        label, confidence, corners = "", 1.0, item
        if isinstance(item, Mapping):
            corners = item.get(self._keys["bbox"])
            if corners is None:
                return None, f"has no {self._keys['bbox']!r}", False
            stated = item.get(self._keys["confidence"])
            if stated is not None:
                found = number(stated)
                if found is None or not 0 <= found <= 1:
                    return None, f"confidence is {shown(stated)}; allowed: 0 to 1", False
                confidence = found
            word = item.get(self._keys["label"])
            if word is not None and not isinstance(word, str):
                return None, f"label is {shown(word)}; allowed: a text", False
            label = (word or "").strip().lower()
            label = self._labels.get(label, label)
        if self._only and label not in self._only:
            return None, "", False
        if confidence < self._at_least:
            return None, "", False
        return self._placed(corners, frame, shares, label if self._labelled else "", confidence)

    def _placed(
        self, value: Any, frame: Frame, shares: bool, label: str, confidence: float
    ) -> tuple[Box | None, str, bool]:
        if not isinstance(value, (list, tuple)) or len(value) != 4:
            return None, f"{shown(value)} is no box; allowed: four numbers", False
        found = [number(v) for v in value]
        if None in found:
            return None, f"{shown(value)} is no box; allowed: four finite numbers", False
        a, b, c, d = (v for v in found if v is not None)
        if self._format == "xywh":
            ends = [a, b, a + c, b + d]
        elif self._format == "cxcywh":
            ends = [a - c / 2, b - d / 2, a + c / 2, b + d / 2]
        else:
            ends = [a, b, c, d]
        if not (ends[0] < ends[2] and ends[1] < ends[3]):
            return None, f"{shown(value)} has no area as {self._format}", False
        whole = UNITS[self.units]
        wide = whole if whole is not None else frame.width
        high = whole if whole is not None else frame.height
        cut = False
        for i in range(4):
            edge = (wide, high)[i % 2]
            if ends[i] < 0 or (edge is not None and ends[i] > edge):
                inside = 0.0 if ends[i] < 0 else float(edge or 0.0)
                if abs(ends[i] - inside) <= _ROUNDING * (edge or 1.0):
                    pass
                elif self._clip:
                    cut = True
                else:
                    size = f"{wide:g}x{high:g}" if wide and high else "the image"
                    return None, f"{shown(value)} lies outside {size}", False
                ends[i] = inside
        if not (ends[0] < ends[2] and ends[1] < ends[3]):
            return None, f"{shown(value)} lies outside the image altogether", False
        if shares and wide and high:
            ends = [ends[0] / wide, ends[1] / high, ends[2] / wide, ends[3] / high]
        left, top, right, bottom = ends
        return Box(left, top, right, bottom, label, confidence), "", cut
