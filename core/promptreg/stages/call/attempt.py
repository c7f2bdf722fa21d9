"""One attempt at a call, with a deadline that no provider can outstay."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from promptreg.errors import CallError, PromptregError
from promptreg.protocols import Call, Provider
from promptreg.records import Cause, Completion
from promptreg.stages.call.stop import Stop, StopKind

__all__ = ["Attempts"]

_CAUSES = frozenset(Cause)
_FAREWELL_S = 0.25
"""A provider whose time is up gets this long to clean up; then it is left behind."""
_LONGEST_DETAIL = 400


class Attempts:
    """Makes attempts, and knows those in flight.

    Args:
        provider: may hang, swallow its cancellation, return nonsense or raise anything.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    async def make(self, call: Call, limit_s: float) -> Completion | CallError | Stop:
        """Return the completion, why the attempt failed, or why no other should be made.

        A task of its own, rather than a timeout around the provider's coroutine, so that a
        provider that swallows its cancellation cannot hold the call beyond its deadline.
        """
        try:
            task = asyncio.get_running_loop().create_task(self._answer(call))
        except Exception as e:  # noqa: BLE001 - a stranger's code may raise anything
            return self._unexpected(e)
        self._tasks.add(task)
        try:
            await asyncio.wait((task,), timeout=max(0.0, limit_s))
            if not task.done():
                task.cancel()
                await asyncio.wait((task,), timeout=_FAREWELL_S)
                if not task.done() or task.cancelled():
                    return CallError(
                        Cause.TIMEOUT, f"no answer within {limit_s:.3g} s", retryable=True
                    )
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait((task,), timeout=_FAREWELL_S)
            raise
        finally:
            self._tasks.discard(task)
            if not task.done():
                task.add_done_callback(_forget)
        return self._outcome(task)

    async def _answer(self, call: Call) -> Completion:
        try:
            return await self._provider.complete(call)
        except SystemExit as e:  # a task that raises it would end the whole program
            raise _EndedError(f"SystemExit: {e.code}") from e

    def break_off(self, after_s: float) -> None:
        """Cancel what is in flight `after_s` seconds from now."""
        loop = asyncio.get_running_loop()
        for task in self._tasks:
            loop.call_later(after_s, task.cancel)

    def _outcome(self, task: asyncio.Task[Any]) -> Completion | CallError | Stop:
        try:
            result = task.result()
        except asyncio.CancelledError:
            return CallError(Cause.CANCELLED, "broken off before it was answered")
        except CallError as e:
            return self._checked(e)
        except PromptregError as e:
            # No fault of this call: a setting, a file or a missing key spoils all of them.
            return Stop(StopKind.REFUSED, self._clean(str(e)))
        except Exception as e:  # noqa: BLE001 - a stranger's code may raise anything
            return self._unexpected(e)
        if isinstance(result, Completion):
            flaw = _flaw(result)
            if not flaw:
                return result
            return CallError(Cause.PLUGIN, f"{self._name} returned a Completion whose {flaw}")
        return CallError(
            Cause.PLUGIN,
            f"{self._name} returned {type(result).__name__} where a Completion is promised",
        )

    def _checked(self, error: CallError) -> CallError:
        detail = self._clean(error.detail)
        if error.cause not in _CAUSES:
            return CallError(
                Cause.PLUGIN, f"{self._name} names an unknown cause {error.cause!r}: {detail}"
            )
        if detail != error.detail:
            error.detail = detail
        return error

    def _unexpected(self, error: Exception) -> CallError:
        kind = "" if isinstance(error, _EndedError) else f"{type(error).__name__}: "
        text = self._clean(f"{self._name} raised {kind}{error}")
        return CallError(Cause.PLUGIN, text)

    @property
    def _name(self) -> str:
        return f"provider {type(self._provider).__name__}"

    def _clean(self, text: str) -> str:
        """Return one line of bounded length, without the provider's secrets."""
        redact = getattr(self._provider, "redact", None)
        if callable(redact):
            text = str(redact(text))
        if len(text) > _LONGEST_DETAIL:
            text = text[: _LONGEST_DETAIL - 3] + "..."
        return text if text.isprintable() else " ".join(text.split())


class _EndedError(Exception):
    """A provider asked for the end of the program."""


def _flaw(completion: Completion) -> str:
    """Return what of a completion is not as promised, for budgets and stores rely on it."""
    for name in ("text", "finish", "model", "raw"):
        if not isinstance(getattr(completion, name), str):
            return f"{name} is no text"
    for name in ("prompt_tokens", "completion_tokens"):
        count = getattr(completion, name)
        if count is not None and (type(count) is not int or not 0 <= count < 2**63):
            return f"{name} is no count"
    for name in ("latency_s", "cost"):
        number = getattr(completion, name)
        if number is not None and (not isinstance(number, (int, float)) or number is True):
            return f"{name} is no number"
    if completion.cost is not None and completion.cost < 0:
        return "cost is negative"
    for name in ("extra", "scores"):
        if not isinstance(getattr(completion, name), Mapping):
            return f"{name} is no mapping"
    return ""


def _forget(task: asyncio.Task[Any]) -> None:
    """Take note of what a task that was left behind raised, so that nobody warns about it."""
    if not task.cancelled():
        task.exception()
