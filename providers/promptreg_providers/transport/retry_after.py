"""How long a server asks to wait, in its several ways of saying so."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping

__all__ = ["retry_after_s"]

_DURATION = re.compile(
    r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m(?!s))?(?:(\d{1,9}(?:\.\d{1,9})?)s)?(?:(\d{1,9}(?:\.\d{1,9})?)ms)?\Z"
)
_EPOCH = 1e9
"""A reset value above this is a point in time, not a duration (31 years)."""


def retry_after_s(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Return the seconds that a response asks to wait; None when it does not, or not sensibly.

    In this order: `retry-after-ms`; `Retry-After` as seconds or as a date; the rate-limit reset
    headers. Negative and non-finite values are ignored.

    Args:
        headers: of the response; looked up without regard to case.
        now: POSIX time in seconds; default: the clock's.
    """
    present = time.time() if now is None else now
    wait = _number(headers.get("retry-after-ms"))
    if wait is not None:
        return wait / 1000
    stated = headers.get("Retry-After")
    wait = _number(stated)
    if wait is None and stated is not None:
        wait = _date(stated, present)
    return wait if wait is not None else _reset(headers, present)


def _number(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _date(text: str, now: float) -> float | None:
    from email.utils import parsedate_to_datetime  # slow to import, and seldom needed

    try:
        then = parsedate_to_datetime(text[:64]).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, then - now)


def _reset(headers: Mapping[str, str], now: float) -> float | None:
    """Return the wait that rate-limit headers imply.

    A limit that is used up must reset before another call makes sense, so the longest of those;
    when none is said to be used up, the shortest reset is the safest guess.
    """
    used_up: list[float] = []
    others: list[float] = []
    for name, text in headers.items():
        lower = name.lower()
        if "ratelimit-reset" not in lower:
            continue
        wait = _duration(text, now)
        if wait is not None:
            remaining = headers.get(lower.replace("reset", "remaining"))
            (used_up if remaining == "0" else others).append(wait)
    if used_up:
        return max(used_up)
    return min(others, default=None)


def _duration(text: str, now: float) -> float | None:
    """Return seconds from `20`, `1.5`, `6m0s`, `120ms` or a POSIX time."""
    text = text.strip()[:40]
    value = _number(text)
    if value is not None:
        if value > 1000 * _EPOCH:
            value /= 1000
        return max(0.0, value - now) if value > _EPOCH else value
    match = _DURATION.match(text)
    if not text or match is None:
        return None
    days, hours, minutes, seconds, millis = (float(part or 0) for part in match.groups())
    return 86400 * days + 3600 * hours + 60 * minutes + seconds + millis / 1000
