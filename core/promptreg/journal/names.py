"""What templates, labels and aliases may be called in the journal."""

from __future__ import annotations

import re

from promptreg.errors import UsageError

__all__ = ["MAX_TEXT", "check_alias", "check_name", "is_name"]

MAX_TEXT = 100_000
"""Characters of a text; prompt registries that may hold it later take no more."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z")
_RESERVED = re.compile(r"(latest|head|v\d+)\Z", re.IGNORECASE)


def is_name(word: str) -> bool:
    """Return whether a word may name a template, a label or an alias."""
    return _NAME.match(word) is not None


def check_name(word: str, what: str) -> None:
    """Refuse a name that the journal, or a registry it is copied to, could not hold.

    Raises:
        UsageError: says what is allowed.
    """
    if not is_name(word):
        raise UsageError(
            f"{what} {word!r:.80}: allowed in the registry are 1-64 letters, digits, '.', '_' or "
            "'-', the first a letter or digit"
        )


def check_alias(word: str) -> None:
    """Refuse an alias that could be taken for a version.

    Raises:
        UsageError: says what is allowed.
    """
    check_name(word, "alias")
    if _RESERVED.match(word):
        raise UsageError(
            f"alias {word!r}: reads as a version; allowed are words such as 'production' "
            "(not 'latest', 'head', 'v1')"
        )
