"""Whether another attempt may be made, and how long to wait before it."""

from __future__ import annotations

import math
import random

from promptreg.errors import CallError

__all__ = ["LONGEST_WAIT_S", "longest_waits_s", "may_retry", "server_wait_s", "wait_s"]

FIRST_S = 0.5
CAP_S = 8.0
LONGEST_WAIT_S = 120.0
"""A server that asks to wait longer parks the run."""
_NEVER = frozenset({400, 401, 403, 404, 413, 422, 501})


def may_retry(error: CallError) -> bool:
    """Return whether another attempt may succeed, whatever a plug-in claims of these statuses."""
    return error.retryable and error.status not in _NEVER


def server_wait_s(error: CallError) -> float | None:
    """Return how long the server asked to wait; None when it did not, or made no sense."""
    asked = error.retry_after_s
    if asked is None or isinstance(asked, bool) or not isinstance(asked, (int, float)):
        return None
    return float(asked) if math.isfinite(asked) and asked >= 0 else None


def wait_s(attempt: int, asked_s: float | None, rng: random.Random) -> float:
    """Return seconds to wait after the failed attempt number `attempt` (from 1).

    What the server asked for, and a little more so that callers do not return in step; else
    anything between 0 and 0.5, 1, 2, 4, 8, 8 ... seconds ("full jitter").
    """
    if asked_s:
        return asked_s + rng.uniform(0.0, min(1.0, 0.1 * asked_s))
    return rng.uniform(0.0, min(CAP_S, FIRST_S * 2.0 ** (attempt - 1)))


def longest_waits_s(retries: int) -> float:
    """Return the sum of the longest waits between `retries` + 1 attempts."""
    return sum(min(CAP_S, FIRST_S * 2.0**k) for k in range(retries))
