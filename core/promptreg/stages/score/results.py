"""Checks what a scorer returned: a plug-in's output is not to be trusted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from promptreg.records import Scale, Score, Unscored, payload_code

__all__ = ["checked", "one_line"]

_LONGEST = 200
_MOST_PAYLOAD = 1_000_000


def one_line(text: str) -> str:
    """Return a text in one line of bounded length."""
    line = " ".join(text[: 4 * _LONGEST].split())
    return line if len(line) <= _LONGEST else line[:_LONGEST] + "..."


def checked(
    who: str, result: Any, own: Sequence[Scale], shown: Sequence[Scale]
) -> Sequence[Score | Unscored] | str:
    """Return one sound score or reason per scale, or what is wrong with all of it.

    Args:
        who: the scorer, for messages.
        result: what it returned.
        own: its scales.
        shown: the scales the scores are kept under, as many (other names for effective answers).
    """
    if type(result) is Score or type(result) is Unscored:
        result = (result,)
    if type(result) is not tuple and type(result) is not list:
        return f"{who} returned {_kind(result)}; allowed: Score, Unscored, or a list of them"
    if len(result) != len(own):
        return f"{who} returned {len(result)} results for {len(own)} scales"
    return [_one(who, item, own[i], shown[i]) for i, item in enumerate(result)]


def _one(who: str, item: Any, own: Scale, shown: Scale) -> Score | Unscored:
    if type(item) is Unscored:
        return Unscored(shown, one_line(str(item.reason)))
    if type(item) is not Score:
        return Unscored(shown, f"{who} returned {_kind(item)}; allowed: Score, Unscored")
    if item.scale is not own and item.scale != own:
        name = getattr(item.scale, "name", item.scale)
        return Unscored(shown, one_line(f"{who} scored {name!r} where {own.name!r} was due"))
    try:
        value = float(item.value)
    except (TypeError, ValueError, OverflowError):
        return Unscored(shown, f"{who} gave {_kind(item.value)} for a number")
    if not (math.isfinite(value) and own.low <= value <= own.high):
        allowed = f"{own.low:g} to {own.high:g}"
        return Unscored(shown, f"{who} scored {value:g}; allowed: {allowed}")
    if own.kind == "binary" and value not in (0.0, 1.0):
        return Unscored(shown, f"{who} scored {value:g}; allowed: 0 or 1")
    payload = item.payload
    if own.payload and not (
        type(payload) is str and len(payload) <= _MOST_PAYLOAD and value == payload_code(payload)
    ):
        return Unscored(
            shown,
            f"{who} gave no payload of at most {_MOST_PAYLOAD:,} characters that its value is the "
            "code of; Scale.coded makes one",
        )
    if item.scale is shown and type(item.value) is float:
        return item
    return Score(shown, value, str(item.note), _votes(item.votes), payload if own.payload else "")


def _votes(votes: Any) -> tuple[tuple[float, ...], ...]:
    """Return opinions as numbers; a plug-in's nonsense is none."""
    try:
        return tuple(tuple(float(vote) for vote in judge) for judge in votes)
    except (TypeError, ValueError, OverflowError):
        return ()


def _kind(value: Any) -> str:
    return f"a {type(value).__name__}"
