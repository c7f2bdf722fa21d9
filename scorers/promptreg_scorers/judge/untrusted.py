"""Material that a judge reads and must not obey: fenced, quoted line by line, without role tokens.

A fence cannot be closed from inside: its word is a hash of all material, made anew until it occurs
nowhere in it, and every line of material begins with a mark that no fence begins with.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["MARK", "boundary_for", "defused", "fenced", "shown_value"]

MARK = "| "
"""Begins every line of material."""
_OPENING = re.compile(r"<(?=[^\s<=\d])")
"""Begins every role token that is written in angles; a comparison (`a < b`, `<= 3`) does not."""
_SQUARE = re.compile(r"\[(?=/?[A-Z][A-Z_]*\])")


def defused(text: str) -> str:
    """Return the text with nothing in it that a tokenizer could take for a change of speaker.

    Angles that open something become `‹`, tags in square brackets begin with `⟦`, characters that
    nobody sees are written out.
    """
    if not text.isascii() or not text.isprintable():
        text = text.replace("\r\n", "\n")
        text = "".join(c if c.isprintable() or c == "\n" else _written(c) for c in text)
    return _SQUARE.sub("⟦", _OPENING.sub("‹", text))


def _written(character: str) -> str:
    if character == "\t":
        return "    "
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def fenced(title: str, text: str, boundary: str) -> str:
    """Return material between its fences; `text` was `defused`."""
    lines = "\n".join(MARK + line for line in text.split("\n"))
    return f"BEGIN {boundary} {title}\n{lines}\nEND {boundary} {title}"


def boundary_for(*texts: str) -> str:
    """Return a word that occurs in none of the texts, the same for the same texts."""
    whole = "\n".join(texts)
    low = whole.casefold()
    seed = hashlib.sha256(whole.encode("utf-8", "surrogatepass"))
    for again in range(1_000):
        word = hashlib.sha256(seed.digest() + again.to_bytes(2, "big")).hexdigest()[:16]
        if word not in low:
            return word
    raise ValueError("no boundary was found")  # a text holding 1,000 hashes of itself


def shown_value(value: Any, depth: int = 0) -> str:
    """Return a value as text: texts as they are, lists and objects in a compact form."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and abs(value) >= 10**15:
        return "(a huge number)"
    if isinstance(value, (int, float)):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if depth > 6:
        return "..."
    if isinstance(value, Mapping):
        inner = (f"{k}: {shown_value(v, depth + 1)}" for k, v in value.items())
        return "{" + "; ".join(inner) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + "; ".join(shown_value(v, depth + 1) for v in value) + "]"
    return str(value)
