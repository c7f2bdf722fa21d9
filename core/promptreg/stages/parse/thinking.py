"""Thinking and visible text, told apart in linear time.

A lazy regular expression over `<think>...</think>` needs quadratic time for repeated openings;
here each tag is looked at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Parts", "split_thinking"]

_TAG = re.compile(r"</?think>")
_CLOSE = "</think>"


@dataclass(frozen=True, slots=True)
class Parts:
    """A completion's text in two.

    Attributes:
        visible: what is left without thinking, untouched otherwise.
        thinking: the thinking, stripped, blocks joined by a newline.
        unclosed: the last block was never closed, so all after it is thinking.
        stray: a closing tag stood at the very end, after the visible text.
    """

    visible: str
    thinking: str = ""
    unclosed: bool = False
    stray: bool = False


def split_thinking(text: str) -> Parts:
    """Return visible text and thinking.

    - A block runs from `<think>` to the next `</think>`; further openings inside it mean nothing
      by themselves, so a model that repeats the opening still gets out with one closing.
    - A closing that no opening of its own precedes ends thinking that began earlier: for a nested
      block, at the outermost opening; for a lone one (some chat templates open the block in the
      prompt), at the start of the text. All between is thinking.
    - A closing at the very end of the text, after blocks that were all closed, is ignored: it has
      nothing to introduce.
    - A block that is never closed runs to the end.
    """
    if "think>" not in text:
        return Parts(text)
    end = _end_of_content(text)
    visible: list[str] = []
    thinking: list[str] = []
    inside = stray = False
    unmatched = mark = position = 0
    for tag in _TAG.finditer(text):
        piece = text[position : tag.start()]
        if tag.end() - tag.start() == len(_CLOSE):
            if inside:
                thinking.append(piece)
                inside = False
                unmatched -= 1
            elif unmatched:
                unmatched -= 1
                _move(visible, mark, piece, thinking)
            elif tag.start() >= end and (thinking or stray):
                visible.append(piece)
                stray = True
            else:
                _move(visible, 0, piece, thinking)
        else:
            if inside:
                thinking.append(piece)
            else:
                visible.append(piece)
                if not unmatched:
                    mark = len(visible)
                inside = True
            unmatched += 1
        position = tag.end()
    (thinking if inside else visible).append(text[position:])
    thoughts = "\n".join(t for t in (piece.strip() for piece in thinking) if t)
    return Parts("".join(visible), thoughts, unclosed=inside, stray=stray)


def _move(visible: list[str], mark: int, piece: str, thinking: list[str]) -> None:
    """Turn the visible pieces from `mark` on, and `piece`, into thinking."""
    thinking.extend(visible[mark:])
    thinking.append(piece)
    del visible[mark:]


def _end_of_content(text: str) -> int:
    """Return where the text ends if closing tags and white space at its end are left off."""
    end = len(text)
    while end:
        while end and text[end - 1].isspace():
            end -= 1
        if not text.endswith(_CLOSE, 0, end):
            break
        end -= len(_CLOSE)
    return end
