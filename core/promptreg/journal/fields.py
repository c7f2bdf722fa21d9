"""Fields of a line's JSON object, each of which must be what it should be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from promptreg.errors import DataError

__all__ = ["Fields"]

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


class Fields:
    """Takes fields out of an object, one by one; what is left at the end is unknown.

    Args:
        content: what the line holds.
        where: file and line, and the object's place in it; begins every message.
    """

    def __init__(self, content: Any, where: str) -> None:
        self._where = where
        if not isinstance(content, dict):
            raise DataError(f"{where}: is {content!r:.60}; expected a JSON object")
        self._left: dict[str, Any] = dict(content)

    def wrong(self, name: str, found: object, expected: str) -> DataError:
        """Return the error for a field."""
        shown = "missing" if found is None else f"{found!r:.60}"
        return DataError(f"{self._where}: {name!r} is {shown}; expected {expected}")

    def text(self, name: str, most: int = 2_000) -> str:
        """Take a text of at most `most` characters."""
        value = self._left.pop(name, None)
        if not isinstance(value, str):
            raise self.wrong(name, value, "text")
        if len(value) > most:
            raise DataError(f"{self._where}: {name!r} is longer than {most:,} characters")
        if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
            raise DataError(f"{self._where}: {name!r} holds half of a surrogate pair")
        return value

    def sha256(self, name: str, *, empty: bool = False) -> str:
        """Take a hash in hex; an empty one only where that is allowed."""
        value = self.text(name)
        if not (_SHA256.match(value) or (empty and not value)):
            raise self.wrong(name, value, "a SHA-256 of 64 hex digits")
        return value

    def words(self, name: str, most: int = 500) -> tuple[str, ...]:
        """Take a list of texts."""
        value = self._left.pop(name, None)
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise self.wrong(name, value, "a list of texts")
        if len(value) > most:
            raise DataError(f"{self._where}: {name!r} holds more than {most} texts")
        return tuple(value)

    def one_of(self, name: str, allowed: Sequence[str]) -> str:
        """Take one of the allowed words."""
        value = self.text(name)
        if value not in allowed:
            raise self.wrong(name, value, f"one of {', '.join(allowed)}")
        return value

    def whole(self, name: str) -> int:
        """Take a whole number from 0."""
        value = self._left.pop(name, None)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.wrong(name, value, "a whole number from 0")
        return value

    def nested(self, name: str) -> Fields | None:
        """Take an object; None where it is null."""
        if name not in self._left:
            raise self.wrong(name, None, "an object or null")
        value = self._left.pop(name)
        return None if value is None else Fields(value, f"{self._where}: {name}")

    def end(self) -> None:
        """Refuse what nobody took: a field this program does not know may change the meaning."""
        if self._left:
            names = ", ".join(repr(n) for n in list(self._left)[:5])
            raise DataError(f"{self._where}: unknown field {names}")
