"""The contract of providers."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from promptreg.contracts.apart import StuckError, run_apart
from promptreg.contracts.completion import call_error_problems, completion_problems
from promptreg.contracts.samples import sample_calls
from promptreg.contracts.values import json_problems, one_line, secret_problems, shown
from promptreg.errors import CallError, PromptregError
from promptreg.protocols import Call, Probe, Provider

__all__ = ["OFFLINE_STEPS", "STEPS", "check_provider"]

STEPS = ("identity", "probe", "complete", "cancel", "close")
"""The steps of the contract, in order."""
OFFLINE_STEPS = ("identity", "close")
"""The steps that open no connection."""
_METHODS = ("identity", "complete", "probe", "aclose")
_KNOBS = ("timeout", "timeouts", "concurrency", "retries", "budget", "requests_per_minute")
_BLOCKED_S = 1.0
_CANCEL_S = 5.0


def check_provider(
    provider: Provider,
    calls: Sequence[Call] | None = None,
    *,
    steps: Collection[str] = STEPS,
    limit_s: float = 60.0,
) -> list[str]:
    """Return what a provider does wrong, one line each; empty if it keeps the contract.

    The provider is closed afterwards. A call that fails with a proper `CallError` (no server is
    running) is no problem.

    Args:
        provider: the provider, ready to be used.
        calls: what it is asked, at least one; default: two short prompts. The first is also asked
            once more and cancelled.
        steps: which steps to take, of `STEPS`; `OFFLINE_STEPS` make no call.
        limit_s: seconds that one step may take.
    """
    problems = list(_shape(provider))
    if problems:
        return problems
    session = _Session(provider, tuple(calls or sample_calls()), limit_s)
    try:
        run_apart(lambda: session.run(steps), lambda: session.until)
    except StuckError:
        session.problems.append(
            f"{session.doing} does not end, and blocks the event loop or ignores cancellation"
        )
    return session.problems


def _shape(provider: Any) -> Iterator[str]:
    for name in _METHODS:
        if not callable(getattr(provider, name, None)):
            yield (
                f"has no method {name}(); "
                "subclass promptreg.Provider to get the defaults of probe and aclose"
            )
    for name in ("synthetic", "cacheable"):
        if not isinstance(getattr(provider, name, None), bool):
            yield (
                f"{name} is {shown(getattr(provider, name, None))}; allowed: True or False "
                "(subclass promptreg.Provider to get the default)"
            )


class _Session:
    """One provider on one event loop, from the first step to its closing."""

    def __init__(self, provider: Provider, calls: tuple[Call, ...], limit_s: float) -> None:
        self._provider = provider
        self._calls = calls
        self._limit_s = limit_s
        self.problems: list[str] = []
        self._begin("the first step")

    async def run(self, steps: Collection[str]) -> None:
        """Take the steps in order; the provider is closed in any case."""
        first: object = None
        if "identity" in steps:
            first = self._identity()
        if "probe" in steps:
            await self._probe()
        if "complete" in steps:
            for call in self._calls:
                await self._complete(call)
        if "cancel" in steps:
            await self._cancel(self._calls[0])
        if "identity" in steps and self._identity(quiet=True) != first:
            self._say(f"identity() changed from {shown(first)} to {shown(self._identity(True))}")
        await self._close(quiet="close" not in steps)

    def _begin(self, what: str) -> None:
        """Say what is being done, and when whoever waits for it may give up."""
        self.doing = what
        self.until = time.monotonic() + self._limit_s + 2 * _CANCEL_S

    def _say(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)

    def _identity(self, quiet: bool = False) -> object:
        self._begin("identity()")
        try:
            found: Any = self._provider.identity()
        except Exception as e:  # noqa: BLE001 - a stranger's code may raise anything
            self._say(f"identity() raised {one_line(e)}")
            return None
        if quiet:
            return found
        if not isinstance(found, Mapping) or not found:
            self._say(f"identity() returned {shown(found)}; allowed: a mapping that is not empty")
            return found
        for problem in (
            *json_problems(found, "identity()"),
            *secret_problems(found, "identity()"),
        ):
            self._say(problem)
        for knob in _KNOBS:
            if knob in found:
                self._say(
                    f"identity() holds {knob!r}, which shapes no completion; "
                    "it would make stored completions useless when it changes"
                )
        return found

    async def _probe(self) -> None:
        made = await self._timed("probe()", self._provider.probe)
        if isinstance(made, BaseException):
            self._say(f"probe() raised {one_line(made)}; it must return Probe(ready=False, detail)")
        elif isinstance(made, Probe):
            for problem in (
                *json_problems(made.fingerprint, "Probe.fingerprint"),
                *secret_problems([made.detail, made.model, made.fingerprint], "probe()"),
            ):
                self._say(problem)
            if not made.ready and not made.detail:
                self._say("probe() says it is not ready, and not why; set Probe.detail")
        elif made is not _LATE:
            self._say(f"probe() returned {shown(made)}; allowed: a promptreg.Probe")

    async def _complete(self, call: Call) -> None:
        beats = 0

        async def beat() -> None:
            nonlocal beats
            while True:
                await asyncio.sleep(0.02)
                beats += 1

        heart = asyncio.get_running_loop().create_task(beat())
        began = time.monotonic()
        made = await self._timed("complete()", lambda: self._provider.complete(call))
        took_s = time.monotonic() - began
        heart.cancel()
        if took_s > _BLOCKED_S and beats < 2:
            self._say(
                f"complete() held the event loop for {took_s:.1f} s, so that no other call went "
                "on; use an asynchronous client, or asyncio.to_thread"
            )
        self._judge(made)

    def _judge(self, made: object) -> None:
        if made is _LATE:
            return
        if isinstance(made, CallError):
            found: Iterator[str] = call_error_problems(made)
        elif isinstance(made, PromptregError):
            self._say(f"complete() cannot work with these settings: {one_line(made)}")
            found = secret_problems(str(made), "the error")
        elif isinstance(made, BaseException):
            self._say(
                f"complete() raised {one_line(made)}; allowed: promptreg.CallError with a Cause"
            )
            return
        else:
            found = completion_problems(made)
        for problem in found:
            self._say(problem)

    async def _cancel(self, call: Call) -> None:
        self._begin("complete() after it was cancelled")
        task = asyncio.ensure_future(_as_coroutine(lambda: self._provider.complete(call)))
        await asyncio.sleep(0)
        if not task.cancel():  # it was quicker than the cancellation: nothing to be seen
            if not task.cancelled():
                task.exception()  # looked at, or asyncio complains that nobody did
            return
        done, _ = await asyncio.wait((task,), timeout=_CANCEL_S)
        if not done:
            self._say(f"complete() does not end within {_CANCEL_S:g} s of being cancelled")
        elif not task.cancelled():
            error = task.exception()
            outcome = f"raised {one_line(error)}" if error else "returned a completion"
            self._say(
                f"complete() {outcome} when it was cancelled; "
                "asyncio.CancelledError must not be swallowed"
            )

    async def _close(self, *, quiet: bool) -> None:
        for which in ("", " when called a second time"):
            made = await self._timed("aclose()", self._provider.aclose)
            if isinstance(made, BaseException) and not quiet:
                self._say(f"aclose() raised {one_line(made)}{which}")

    async def _timed(self, name: str, work: Callable[[], Any]) -> object:
        """Return what the work returned or raised; `_LATE`, and a problem, if it takes too long."""
        self._begin(name)
        task = asyncio.ensure_future(_as_coroutine(work))
        done, _ = await asyncio.wait((task,), timeout=self._limit_s)
        if not done:
            task.cancel()
            await asyncio.wait((task,), timeout=_CANCEL_S)
            self._say(f"{name} did not end within {self._limit_s:g} s")
            return _LATE
        if task.cancelled():
            return asyncio.CancelledError(f"{name} cancelled itself")
        return task.exception() or task.result()


_LATE = object()


async def _as_coroutine(work: Callable[[], Any]) -> Any:
    value = work()
    if not inspect.isawaitable(value):
        raise TypeError(f"returned {shown(value)} at once; it must be declared 'async def'")
    return await value
