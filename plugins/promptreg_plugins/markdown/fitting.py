"""Sections that fit into a limit: what matters least is left out first, and that is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

__all__ = ["Rank", "Section", "characters", "fit"]

_NOTE = 1_000
"""Kept free for saying what was left out."""


class Rank(IntEnum):
    """What is kept longest comes first; what is left out first comes last."""

    ALWAYS = 0
    TABLES = 1
    LIMITS = 2
    WARNINGS = 3
    SLICES = 4
    SCENARIOS = 5
    FINER = 6
    FAILURES = 7
    DIFFS = 8


@dataclass(frozen=True, slots=True)
class Section:
    """A piece of a page that may be shortened between its rows, and nowhere else.

    Attributes:
        name: what a reader calls it, where it was left out; safe Markdown.
        rows: complete pieces, the most important first.
        head, tail: what goes before and after them, such as `<details>` and `</details>`.
        rank: how long it is kept.
        between: what goes between two rows.
    """

    name: str
    rows: tuple[str, ...]
    head: str = ""
    tail: str = ""
    rank: Rank = Rank.ALWAYS
    between: str = "\n"

    def text(self, kept: int | None = None) -> str:
        """Return the section, with its first `kept` rows where that is fewer than all."""
        rows = self.between.join(self.rows[:kept])
        return f"{self.head}{rows}{self.tail}"


def characters(text: str) -> int:
    """Return the size as forges count it: an emoji may be two."""
    return len(text.encode("utf-16-le", "replace")) // 2


def fit(
    sections: Sequence[Section],
    limit: int,
    elsewhere: str,
    size: Callable[[str], int] = characters,
) -> str:
    """Return the sections in their order, at most `limit` large, by their rank and then order.

    Args:
        sections: in the order of the page; those of `Rank.ALWAYS` must fit by themselves.
        limit: in the unit of `size`.
        elsewhere: where what was left out can be read; safe Markdown.
        size: measures a text.
    """
    room = limit - _NOTE
    shown: dict[int, str] = {}
    left_out: list[str] = []
    least = max(Rank)
    for index in sorted(range(len(sections)), key=lambda i: sections[i].rank):
        section = sections[index]
        # After the first cut nothing of a lesser rank slips into what little room is left: what is
        # missing shall follow from the order alone.
        text, cut = _shortened(section, room if section.rank <= least else 0, size)
        if cut:
            least = min(least, section.rank)
            left_out.append(f"{section.name}{cut}".strip())
        if text:
            shown[index] = text
            room -= size(text) + 2
    pieces = [shown[i] for i in sorted(shown)]
    if left_out:
        last = len(pieces) if sections[-1].rank is not Rank.ALWAYS else len(pieces) - 1
        pieces.insert(last, _note(left_out, elsewhere, size))
    return "\n\n".join(pieces) + "\n"


def _note(left_out: Sequence[str], elsewhere: str, size: Callable[[str], int]) -> str:
    named = ""
    rest = len(left_out)
    for name in left_out:
        longer = f"{named}; {name}" if named else name
        if size(longer) + size(elsewhere) > _NOTE - 100:
            break
        named, rest = longer, rest - 1
    more = f"; and {rest} more" if named else f"{rest} sections"
    return f"_Left out, because it did not fit here: {named}{more if rest else ''}. {elsewhere}_"


def _shortened(section: Section, room: int, size: Callable[[str], int]) -> tuple[str, str]:
    """Return what fits of a section, and in words what does not."""
    whole = section.text()
    if section.rank is Rank.ALWAYS or size(whole) + 2 <= room:
        return whole, ""
    total = len(section.rows)
    used = size(section.head) + size(section.tail) + 2
    kept = 0
    for row in section.rows:
        used += size(row) + size(section.between)
        if used > room:
            break
        kept += 1
    if not kept:
        return "", " "
    return section.text(kept), f" ({total - kept} of {total})"
