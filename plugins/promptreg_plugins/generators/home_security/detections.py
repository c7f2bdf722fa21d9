"""What a detector reports: objects with confidence, box and time, and what each does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from promptreg_plugins.generators.design import Dice
from promptreg_plugins.generators.home_security.stories import Motif
from promptreg_plugins.generators.home_security.taxonomy import FRAME, OBJECT_TYPES

__all__ = ["LONGEST_S", "Seen", "detect"]

LONGEST_S = 90
_SIZES = {
    "person": ((90, 260), (240, 620)),
    "car": ((320, 900), (200, 480)),
    "truck": ((420, 1100), (300, 650)),
    "dog": ((100, 320), (80, 260)),
    "cat": ((60, 180), (50, 150)),
    "bicycle": ((180, 420), (160, 360)),
    "package": ((50, 220), (40, 200)),
    "wildlife": ((60, 420), (50, 360)),
}
_BYSTANDERS = (
    ("car", "car passes on the street"),
    ("car", "car turns at the corner, headlights on the wall"),
    ("car", "car parks across the street"),
    ("truck", "truck rolls by in the distance"),
    ("truck", "truck stops at another house"),
    ("bicycle", "bicycle passes on the pavement"),
    ("bicycle", "bicycle leans on the fence across the street"),
    ("person", "neighbour walks by without looking"),
    ("person", "jogger crosses the picture"),
    ("person", "somebody far off waits for a bus"),
    ("person", "neighbour opens a window across the street"),
    ("dog", "neighbours' dog trots past"),
    ("dog", "dog behind the fence opposite"),
    ("cat", "cat crosses in the background"),
    ("cat", "cat sits on the wall opposite"),
    ("wildlife", "bird flies through the picture"),
    ("wildlife", "moth close to the lens"),
)
"""Harmless, and to be found before any camera: they make a batch complex, not dangerous."""
_ASIDES = (
    "seen from behind",
    "seen from the side",
    "partly behind a pillar",
    "at the edge of the picture",
    "close to the camera",
    "some ten metres away",
    "in backlight",
    "in the light of the lamp",
    "reflected in a window",
    "only from the waist down",
    "for a few seconds only",
    "for the whole clip",
    "shadow on the wall first",
    "without haste",
    "in a hurry",
    "after a pause",
)


@dataclass(frozen=True, slots=True)
class Seen:
    """One detection and the words for it."""

    object_type: str
    text: str
    confidence: float
    bbox: tuple[int, int, int, int]
    offset_s: int

    def as_json(self) -> dict[str, Any]:
        """Return it as the column `detections` holds it."""
        return {
            "object_type": self.object_type,
            "confidence": self.confidence,
            "bbox": list(self.bbox),
            "timestamp_offset_seconds": self.offset_s,
        }


def detect(motif: Motif, count: int, tell: Any, *, dark: bool, dice: Dice) -> list[Seen]:
    """Return `count` detections in order of time; the story's main line is one of them.

    Args:
        motif: what happens.
        count: 1 to 12.
        tell: puts the scene's words into a line.
        dark: detectors are less sure then.
        dice: decides everything else.
    """
    story = motif.story
    # What is seen of the story, in its order; the rest of a large batch passes by.
    about = min(count, dice.between(1, 1 + len(story.before) + len(story.after)))
    if count <= 3:
        about = count
    others = about - 1
    most_before = min(len(story.before), others)
    least_before = max(0, others - len(story.after))
    n_before = dice.between(least_before, most_before)
    before = sorted(dice.shuffled(range(len(story.before)))[:n_before])
    after = sorted(dice.shuffled(range(len(story.after)))[: others - n_before])
    lines = [story.before[i] for i in before]
    lines.append(story.main)
    lines += [story.after[i] for i in after]
    told = [_line(line, motif, tell) for line in lines]
    main = len(before)
    told[main] = (told[main][0], f"{told[main][1]}, {dice.pick(_ASIDES)}")
    passing = dice.shuffled(_BYSTANDERS)[: count - len(told)]
    for kind, text in passing:
        told.insert(dice.between(0, len(told)), (kind, text))
    offsets = [0, *sorted(dice.shuffled(range(1, LONGEST_S + 1))[: count - 1])]
    return [
        Seen(kind, text, _confidence(dark, dice), _box(kind, dice), offset)
        for (kind, text), offset in zip(told, offsets, strict=True)
    ]


def _line(line: str, motif: Motif, tell: Any) -> tuple[str, str]:
    """Return the detector's word and the text of a line, which may name its own."""
    kind, bar, rest = line.partition("| ")
    if bar and kind in OBJECT_TYPES:
        return kind, tell(rest)
    return motif.kind, tell(line)


def _confidence(dark: bool, dice: Dice) -> float:
    return dice.between(55 if dark else 70, 93 if dark else 98) / 100


def _box(kind: str, dice: Dice) -> tuple[int, int, int, int]:
    """Return x, y, width, height in pixels, inside the frame."""
    (narrow, wide), (low, high) = _SIZES[kind]
    width, height = dice.between(narrow, wide), dice.between(low, high)
    x = dice.between(0, FRAME[0] - width)
    y = dice.between((FRAME[1] - height) // 3, FRAME[1] - height)
    return x, y, width, height


def listing(seen: Sequence[Seen], clock: Any) -> str:
    """Return the detections as prompts print them, a line each."""
    return "\n".join(
        f"- {clock(one.offset_s)} {one.object_type} ({one.confidence:.2f}): {one.text}"
        for one in seen
    )
