"""A secret from the environment, and keeping it out of every message."""

from __future__ import annotations

import os
import re
from functools import cached_property

from promptreg.errors import ProviderError

__all__ = ["Secret"]

_SHORTEST = 4
_SHORTEST_IN_TEXT = 12
"""Stand-ins such as `EMPTY` are no secrets; taking them out of answers would change answers."""
_MASK = "***"


class Secret:
    """An API key that is read from the environment and shown nowhere.

    Args:
        variable: name of the environment variable; None for no key.
        required: whether a missing variable is an error.
    """

    def __init__(self, variable: str | None, *, required: bool) -> None:
        self.variable = variable or ""
        self._required = required
        self._value = os.environ.get(self.variable, "").strip() if variable else ""

    def __repr__(self) -> str:
        return f"Secret({self.variable!r}, {'set' if self._value else 'not set'})"

    @property
    def is_set(self) -> bool:
        """Whether the environment holds the key."""
        return bool(self._value)

    def missing(self) -> str:
        """Return what is wrong with the key, for people; empty when calls can be made."""
        if self._value:
            if not (self._value.isascii() and self._value.isprintable()):
                return f"the environment variable {self.variable} holds signs that no key can have"
            return ""
        if self._required:
            return f"the environment variable {self.variable} is not set; the API key belongs in it"
        return ""

    def headers(self) -> dict[str, str]:
        """Return the header that carries the key, if there is one.

        Raises:
            ProviderError: the key is needed and missing, or cannot be sent.
        """
        problem = self.missing()
        if problem:
            raise ProviderError(problem)
        return {"Authorization": f"Bearer {self._value}"} if self._value else {}

    def redact(self, text: str) -> str:
        """Return a message without the key."""
        return self._masked(text) if len(self._value) >= _SHORTEST else text

    def redact_answer(self, text: str) -> str:
        """Return what a server sent without the key, in case it echoes its request."""
        return self._masked(text) if len(self._value) >= _SHORTEST_IN_TEXT else text

    def _masked(self, text: str) -> str:
        """Mask the key as it is, and as JSON may spell it: `\\u002f` or `\\/` for a slash."""
        if self._value in text:
            text = text.replace(self._value, _MASK)
        if "\\u" in text or "\\/" in text or self._needs_escapes:
            text = self._spelled.sub(_MASK, text)
        return text

    @cached_property
    def _needs_escapes(self) -> bool:
        return '"' in self._value or "\\" in self._value

    @cached_property
    def _spelled(self) -> re.Pattern[str]:
        """Matches the key however its signs are escaped, at any depth of JSON within JSON."""
        return re.compile("".join(_spelling(sign) for sign in self._value))


def _spelling(sign: str) -> str:
    """Return a pattern for one sign; the bound on backslashes keeps matching linear."""
    plain = re.escape(sign)
    escaped = rf"\\{{1,8}}u00(?i:{ord(sign):02x})"  # keys are ASCII
    if sign in '/"\\':
        return rf"(?:{plain}|\\{{1,8}}{plain}|{escaped})"
    return rf"(?:{plain}|{escaped})"
