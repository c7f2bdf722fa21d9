"""ChatML text as chat messages."""

from __future__ import annotations

from promptreg.errors import TemplateError

__all__ = ["looks_like_chatml", "to_messages"]

_START, _END = "<|im_start|>", "<|im_end|>"
_ROLES = ("system", "user", "assistant", "tool", "developer")


def looks_like_chatml(text: str) -> bool:
    """Return whether the text begins with a ChatML turn."""
    return text.lstrip().startswith(_START)


def to_messages(text: str) -> list[dict[str, str]]:
    """Return the turns of a ChatML prompt as messages.

    The last, unfinished assistant turn only says who speaks next: it is left out when blank, and
    kept as the beginning of the answer when not.

    Raises:
        TemplateError: the text is not ChatML; says where.
    """
    messages: list[dict[str, str]] = []
    position = 0
    while True:
        begin = text.find(_START, position)
        between = text[position : begin if begin >= 0 else len(text)]
        if between.strip():
            raise TemplateError(
                f"the prompt has text outside of ChatML turns at character {position}: "
                f"{between.strip()[:40]!r}"
            )
        if begin < 0:
            break
        begin += len(_START)
        end = text.find(_END, begin)
        turn = text[begin : end if end >= 0 else len(text)]
        role, _, content = turn.partition("\n")
        role = role.strip()
        if role not in _ROLES:
            raise TemplateError(
                f"the prompt has a ChatML turn of {role[:40]!r}; allowed: {', '.join(_ROLES)}"
            )
        if _START in content:
            raise TemplateError(f"the ChatML turn of {role!r} is not closed by {_END}")
        if end < 0:
            if role != "assistant":
                raise TemplateError(f"the last ChatML turn, of {role!r}, is not closed by {_END}")
            if content.strip():
                messages.append({"role": role, "content": content})
            break
        messages.append({"role": role, "content": content})
        position = end + len(_END)
    if not messages:
        raise TemplateError("the prompt holds no ChatML turn with content")
    return messages
