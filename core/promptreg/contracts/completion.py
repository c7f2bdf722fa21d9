"""What a provider may hand back: a completion with sound fields, or a failure of a known cause."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from promptreg.contracts.values import json_problems, secret_problems, shown
from promptreg.errors import CallError
from promptreg.records import Cause, Completion

__all__ = ["call_error_problems", "completion_problems"]

_FINISHES = ("stop", "length", "content_filter", "refusal", "unknown")
_CAUSES = frozenset(str(cause) for cause in Cause)


def completion_problems(made: object) -> Iterator[str]:
    """Yield what is wrong with what `complete` returned."""
    if not isinstance(made, Completion):
        yield f"complete() returned {shown(made)}; allowed: a promptreg.Completion"
        return
    for name in ("text", "model", "raw"):
        if not isinstance(getattr(made, name), str):
            yield f"Completion.{name} is {shown(getattr(made, name))}; allowed: a text"
    if made.finish not in _FINISHES:
        yield f"Completion.finish is {shown(made.finish)}; allowed: {', '.join(_FINISHES)}"
    for name in ("prompt_tokens", "completion_tokens"):
        if not _absent_or_whole(getattr(made, name)):
            yield (
                f"Completion.{name} is {shown(getattr(made, name))}; "
                "allowed: a whole number of at least 0, or None where the server does not say"
            )
    for name in ("latency_s", "cost"):
        if not _absent_or_amount(getattr(made, name)):
            yield (
                f"Completion.{name} is {shown(getattr(made, name))}; "
                "allowed: a finite number of at least 0, or None where it is not known"
            )
    if not _absent_or_whole(made.attempts) or not made.attempts:
        yield f"Completion.attempts is {shown(made.attempts)}; allowed: a whole number from 1"
    if not isinstance(made.cached, bool):
        yield f"Completion.cached is {shown(made.cached)}; allowed: True or False"
    yield from _mappings(made)


def call_error_problems(error: CallError) -> Iterator[str]:
    """Yield what is wrong with a `CallError` that `complete` raised."""
    if str(error.cause) not in _CAUSES:
        yield (
            f"CallError.cause is {shown(error.cause)}; "
            f"allowed: {', '.join(sorted(_CAUSES))} (see promptreg.Cause)"
        )
    detail: Any = error.detail
    if not isinstance(detail, str) or not detail.strip():
        yield f"CallError.detail is {shown(detail)}; allowed: one line that says what failed"
    elif "\n" in detail or "\r" in detail:
        yield f"CallError.detail has several lines: {shown(detail)}; allowed: one line"
    if not isinstance(error.retryable, bool):
        yield f"CallError.retryable is {shown(error.retryable)}; allowed: True or False"
    if not _absent_or_amount(error.retry_after_s):
        yield (
            f"CallError.retry_after_s is {shown(error.retry_after_s)}; "
            "allowed: a finite number of seconds of at least 0, or None"
        )
    if not _absent_or_whole(error.status):
        yield f"CallError.status is {shown(error.status)}; allowed: an HTTP status, or None"
    yield from secret_problems(error.detail, "CallError.detail")


def _mappings(made: Completion) -> Iterator[str]:
    if isinstance(made.extra, Mapping):
        yield from json_problems(made.extra, "Completion.extra")
        yield from secret_problems(made.extra, "Completion.extra")
    else:
        yield f"Completion.extra is {shown(made.extra)}; allowed: a mapping of JSON values"
    if not isinstance(made.scores, Mapping):
        yield f"Completion.scores is {shown(made.scores)}; allowed: a mapping of name to number"
        return
    for name, value in made.scores.items():
        if value is not None and not _finite(value):
            yield (
                f"Completion.scores[{name!r}] is {shown(value)}; allowed: a finite number, or None"
            )


def _finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _absent_or_amount(value: Any) -> bool:
    return value is None or (_finite(value) and value >= 0)


def _absent_or_whole(value: Any) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0)
