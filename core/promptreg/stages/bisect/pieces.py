"""An edit cut into pieces, each of which can be made or left out."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from promptreg.errors import UsageError, did_you_mean
from promptreg.stages.bisect.align import Change, align

__all__ = ["LEVELS", "Edit", "Piece", "split_edit"]

LEVELS = ("hunk", "paragraph", "line", "sentence", "word")
"""From coarse to fine. A hunk is a run of changed lines."""
_MAX_TOKENS = 20_000
"""Tokens of both texts that differ; a comparison of more takes minutes."""
_WORD = re.compile(r"\s+|\S+\s*")
_ENDS = (".", "!", "?", ";", ":")


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of an edit.

    Attributes:
        number: from 1, in the order of the text.
        old, new: what it replaces, and by what; either may be empty.
        old_line, new_line: the line it begins at in either text, from 1.
    """

    number: int
    old: str
    new: str
    old_line: int
    new_line: int


@dataclass(frozen=True)
class Edit:
    """From one text to another, in pieces.

    Attributes:
        level: one of `LEVELS`.
        segments: text that stays, and pieces.
        ends: the final line feed, or none, of the old and of the new text.
    """

    level: str
    segments: tuple[str | Piece, ...]
    ends: tuple[str, str]

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The pieces, in the order of the text."""
        return tuple(s for s in self.segments if isinstance(s, Piece))

    def apply(self, chosen: Collection[int]) -> str:
        """Return the old text with the chosen pieces of the edit.

        No piece gives the old text, all of them the new one.
        """
        parts = [
            s if isinstance(s, str) else s.new if s.number in chosen else s.old
            for s in self.segments
        ]
        # Lines were cut with their line feeds; whether the last one has any is a matter of `ends`.
        last = self.pieces[-1].number
        return "".join(parts).removesuffix("\n") + self.ends[last in chosen]


def split_edit(old: str, new: str, level: str | None = None) -> Edit:
    """Return the edit between two texts in pieces.

    Args:
        old: the text before.
        new: the text after; another one.
        level: one of `LEVELS`; None: the coarsest that gives more than one piece.

    Raises:
        UsageError: the texts are the same, too long for this level, or the level is none.
    """
    if old == new:
        raise UsageError("both versions have the same text: there is no edit to look into")
    if level is not None and level not in LEVELS:
        raise UsageError(
            f"--split {level!r}: unknown{did_you_mean(level, LEVELS)}; allowed: {', '.join(LEVELS)}"
        )
    edit = None
    for each in LEVELS if level is None else (level,):
        edit = _edit(old, new, each)
        if len(edit.pieces) > 1:
            break
    assert edit is not None  # noqa: S101 - for the type checker; there are levels
    return edit


def _edit(old: str, new: str, level: str) -> Edit:
    ends = tuple("\n" if t.endswith("\n") else "" for t in (old, new))
    old, new = (t.removesuffix("\n") + "\n" for t in (old, new))
    segments: list[str | Piece] = []
    number, lines = 0, [1, 1]
    for part in _changes(old, new, level):
        if isinstance(part, str):
            segments.append(part)
            lines = [n + part.count("\n") for n in lines]
            continue
        number += 1
        segments.append(Piece(number, *part, *lines))
        lines = [n + text.count("\n") for n, text in zip(lines, part, strict=True)]
    if not number:  # nothing but the final line feed differs
        segments.append(Piece(1, "", "", *lines))
    return Edit(level, tuple(segments), (ends[0], ends[1]))


def _changes(old: str, new: str, level: str) -> Iterator[str | Change]:
    """Yield text that stays, and changes, in order."""
    cut = {"sentence": _sentences, "word": _words}.get(level, _lines)
    a, b = cut(old), cut(new)
    codes = _opcodes(a, b, level)
    only = sum(code[0] != "equal" for code in codes) == 1
    for tag, i1, i2, j1, j2 in codes:
        if tag == "equal":
            yield "".join(a[i1:i2])
        elif level == "hunk" or (level == "word" and not only):
            yield "".join(a[i1:i2]), "".join(b[j1:j2])
        else:
            found = _joined_blanks(align(a[i1:i2], b[j1:j2]))
            yield from _paragraphs(found) if level == "paragraph" else found


def _opcodes(
    a: Sequence[str], b: Sequence[str], level: str
) -> list[tuple[str, int, int, int, int]]:
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    end = 0
    while end < min(len(a), len(b)) - start and a[-1 - end] == b[-1 - end]:
        end += 1
    middle_a, middle_b = a[start : len(a) - end], b[start : len(b) - end]
    if len(middle_a) + len(middle_b) > _MAX_TOKENS:
        raise UsageError(
            f"the versions differ in more than {_MAX_TOKENS:,} {level}s; compare versions that lie "
            "closer together, or take a coarser --split"
        )
    found = SequenceMatcher(None, middle_a, middle_b, autojunk=False).get_opcodes()
    codes: list[tuple[str, int, int, int, int]] = []
    if start:
        codes.append(("equal", 0, start, 0, start))
    codes += [(t, i + start, j + start, k + start, m + start) for t, i, j, k, m in found]
    if end:
        codes.append(("equal", len(a) - end, len(a), len(b) - end, len(b)))
    return codes


def _joined_blanks(changes: Sequence[Change]) -> list[Change]:
    """Return changes without any of blanks alone: those go with the one before, or after."""
    found: list[Change] = []
    for old, new in changes:
        if found and not ((old + new).strip() and "".join(found[-1]).strip()):
            found[-1] = (found[-1][0] + old, found[-1][1] + new)
        else:
            found.append((old, new))
    return found


def _paragraphs(changes: Sequence[Change]) -> Iterator[Change]:
    """Yield neighbouring changes of lines as one, up to each blank line."""
    old = new = ""
    for before, after in changes:
        old, new = old + before, new + after
        if (new or old).endswith("\n\n"):
            yield old, new
            old = new = ""
    if old or new:
        yield old, new


def _lines(text: str) -> list[str]:
    return [line + "\n" for line in text.split("\n")[:-1]]


def _words(text: str) -> list[str]:
    return _WORD.findall(text)


def _sentences(text: str) -> list[str]:
    found: list[str] = []
    begun = ""
    for word in _words(text):
        begun += word
        if "\n" in word or word.rstrip().endswith(_ENDS):
            found.append(begun)
            begun = ""
    return [*found, begun] if begun else found
