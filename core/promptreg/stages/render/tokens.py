"""Role tokens: what tells a model who speaks, and what a value must not smuggle in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ["ROLE_TOKENS", "count_tokens", "first_token", "inside_token", "may_join", "texts_in"]

ROLE_TOKENS = (
    "<|im_start|>",
    "<|im_end|>",
    "<|im_sep|>",
    "<|endoftext|>",
    "<|endofprompt|>",
    "<|end|>",
    "<|start|>",
    "<|message|>",
    "<|channel|>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|python_tag|>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<extra_id_0>",
    "<extra_id_1>",
    "<s>",
    "</s>",
    "<bos>",
    "<eos>",
    "[INST]",
    "[/INST]",
    "<<SYS>>",
    "<</SYS>>",
    "[SYSTEM_PROMPT]",
    "[/SYSTEM_PROMPT]",
    "<|START_OF_TURN_TOKEN|>",
    "<|END_OF_TURN_TOKEN|>",
    "<\uff5cUser\uff5c>",
    "<\uff5cAssistant\uff5c>",
    "<\uff5cbegin\u2581of\u2581sentence\uff5c>",
    "<\uff5cend\u2581of\u2581sentence\uff5c>",
)
_ANGLE = tuple(t for t in ROLE_TOKENS if t[0] == "<")
_SQUARE = tuple(t for t in ROLE_TOKENS if t[0] == "[")


def first_token(text: str) -> str | None:
    """Return a role token the text holds, or None."""
    if "<" in text:
        for token in _ANGLE:
            if token in text:
                return token
    if "[" in text:
        for token in _SQUARE:
            if token in text:
                return token
    return None


def count_tokens(text: str) -> int:
    """Return how many role tokens the text holds."""
    return sum(text.count(t) for t in ROLE_TOKENS if t in text)


def may_join(before: str, after: str) -> bool:
    """Return whether a value between two pieces of text could complete a token with them."""
    return any(before.endswith(t[:n]) for t in ROLE_TOKENS for n in range(1, len(t))) or any(
        after.startswith(t[n:]) for t in ROLE_TOKENS for n in range(1, len(t))
    )


def inside_token(text: str) -> bool:
    """Return whether text between two values could be the middle of a token they make up."""
    return any(text in t for t in ROLE_TOKENS)


def texts_in(value: Any) -> Iterable[str]:
    """Yield every text in a value, keys of objects included."""
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            todo += item.keys()
            todo += item.values()
        elif isinstance(item, (list, tuple)):
            todo += item
