"""The time as every record states it."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["to_minute", "utc_now"]


def utc_now() -> str:
    """Return the time now: ISO 8601, UTC, to the millisecond.

    Not to the second: two promotions of one script fall into the same second, and a history that
    sorts by time would no longer know which one came last.
    """
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def to_minute(time: str) -> str:
    """Return a recorded time as tables show it: `2026-11-22 07:42`."""
    return time[:16].replace("T", " ")
