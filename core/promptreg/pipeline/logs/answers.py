"""One version's answer to an event as a recorded completion; what was not logged is a gap."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from promptreg.errors import DataError
from promptreg.pipeline.logs.mapping import Mapped
from promptreg.pipeline.transfer import CSV_EMPTY
from promptreg.records import Cause

__all__ = ["NOT_LOGGED", "first_word", "recorded_row"]

NOT_LOGGED = f"{Cause.CANCELLED}: the log holds neither an answer nor an error"
"""Nobody knows what the version would have said: a gap, bounded from both sides."""


def recorded_row(
    row: Mapping[str, Any],
    mapped: Mapped,
    prefix: str,
    where: str,
    *,
    causes: Mapping[str, str],
    csv: bool,
) -> dict[str, Any]:
    """Return the columns of a recorded completion that say what one version did.

    Args:
        row: of the log.
        mapped: which column is which.
        prefix: of our names: `primary.`, `shadow.` or none.
        where: file and row, for messages.
        causes: an error's first word to the cause it stands for.
        csv: whether the file cannot tell nothing from an empty text.

    Raises:
        DataError: a value is not what its column holds.
    """

    def take(name: str) -> Any:
        return mapped.take(row, prefix + name)

    text, error = _text(take("text"), f"{where}: {prefix}text"), _error(take("error"), causes)
    if not error and text is None:
        error = NOT_LOGGED
    elif not error and csv and text == "":
        error = CSV_EMPTY
    found: dict[str, Any] = {"error": error} if error else {"text": text}
    latency = _number(take("latency_s"), f"{where}: {prefix}latency_s")
    if latency is None:
        latency = _number(take("latency_ms"), f"{where}: {prefix}latency_ms")
        latency = None if latency is None else latency / 1000.0
    found["latency_s"] = latency
    for name in ("prompt_tokens", "completion_tokens"):
        count = _number(take(name), f"{where}: {prefix}{name}")
        found[name] = None if count is None else int(count)
    for name in ("finish", "model"):
        value = take(name)
        found[name] = str(value) if value not in (None, "") else None
    for ours in mapped.mapping.columns:
        if ours.startswith(f"{prefix}score."):
            name = ours.removeprefix(prefix)
            found[name] = _number(mapped.take(row, ours), f"{where}: {ours}", -math.inf)
    return found


def _text(value: Any, where: str) -> str | None:
    """Return the completion's text; an answer that was logged as an object is spelled as JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and math.isnan(value):
        return None
    raise DataError(f"{where}: found a {type(value).__name__}; allowed: a text or an object")


def first_word(error: Any) -> str:
    """Return the word of a logged error that `causes` goes by; empty where there is no error."""
    if error is None or error is False or (isinstance(error, float) and math.isnan(error)):
        return ""
    return " ".join(str(error).split()).replace(":", " ", 1).partition(" ")[0]


def _error(value: Any, causes: Mapping[str, str]) -> str:
    first = first_word(value)
    if not first:
        return ""
    said = " ".join(str(value).split())[:400]
    return f"{causes[first]}: {said}" if first in causes else said


def _number(value: Any, where: str, least: float = 0.0) -> float | None:
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number) or number < least:
        allowed = "a finite number" if least < 0 else "a finite number of 0 or more"
        raise DataError(f"{where}: found {str(value)[:40]!r}; allowed: {allowed}")
    return number
