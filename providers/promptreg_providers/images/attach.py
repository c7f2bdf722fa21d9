"""Where images go in a chat request, and what must be there to open them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from promptreg.errors import MissingPackageError, UsageError

__all__ = ["attach", "needs_pillow"]


def needs_pillow(who: str) -> None:
    """Check that images can be decoded.

    Raises:
        MissingPackageError: Pillow is not installed.
    """
    if find_spec("PIL") is None:
        raise MissingPackageError(
            f"{who} needs a package that is not installed: pip install pillow"
        )


def attach(
    messages: Sequence[dict[str, Any]], images: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the messages with the images behind the text of the last one of the user.

    Raises:
        UsageError: no message is the user's.
    """
    place = max((i for i, m in enumerate(messages) if m["role"] == "user"), default=-1)
    if place < 0:
        raise UsageError("the prompt has images but no message of the user to put them in")
    chosen = messages[place]
    content = [{"type": "text", "text": chosen["content"]}, *images]
    return [*messages[:place], {**chosen, "content": content}, *messages[place + 1 :]]
