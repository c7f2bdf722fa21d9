"""Untrusted text made fit for people: no control characters, no tricks of direction, no floods.

Everything a model, a scenario or a plug-in wrote passes through here on its way to a report.
Escaping for the target (HTML, Markdown, XML, CSV) comes on top and is the reporter's business.
"""

from __future__ import annotations

__all__ = ["clean", "clip", "one_line"]

_BIDI = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))


def _table() -> dict[int, str]:
    table = {code: chr(0x2400 + code) for code in range(0x20) if code not in (0x09, 0x0A)}
    table[0x7F] = "\u2421"
    table |= dict.fromkeys(range(0x80, 0xA0), "\ufffd")  # C1: terminals obey some of them
    table |= dict.fromkeys(range(0xD800, 0xE000), "\ufffd")  # lone surrogates: not encodable
    table |= dict.fromkeys((0xFEFF, 0xFFFE, 0xFFFF, *range(0xE0000, 0xE0080)), "\ufffd")
    table |= {code: f"\u27e8U+{code:04X}\u27e9" for code in _BIDI}  # they reorder what is read
    table |= {0x2028: "\n", 0x2029: "\n"}
    return table


_TABLE = _table()


def clip(text: str, limit: int) -> str:
    """Return at most `limit` characters of `text`, saying how much was cut."""
    return text if len(text) <= limit else text[:limit] + _cut(limit, text)


def _cut(limit: int, text: str) -> str:
    return f" … (cut: {limit:,} of {len(text):,} characters)"


def clean(text: str, limit: int = 20_000) -> str:
    """Return `text` with control, direction and unencodable characters made visible, and clipped.

    Line feeds and tabs stay; other line ends become line feeds.
    """
    piece = text[:limit]
    if not (piece.isascii() and piece.isprintable()):  # plain text is spared the slow way
        piece = piece.replace("\r\n", "\n").replace("\r", "\n").translate(_TABLE)
    return piece if len(text) <= limit else piece + _cut(limit, text)


def one_line(text: str, limit: int = 200) -> str:
    """Return `text` cleaned, on one line, at most `limit` characters and an ellipsis."""
    flat = " ".join(clean(text[: 4 * limit + 64], 4 * limit + 64).split())
    cut = len(flat) > limit or len(text) > 4 * limit + 64
    return f"{flat[:limit].rstrip()}…" if cut else flat
