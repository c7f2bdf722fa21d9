"""The caller: one call in, a completion or a failure out."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from promptreg.errors import CallError
from promptreg.protocols import Call, Provider
from promptreg.records import Cause, Completion, Failure
from promptreg.stages.call import backoff
from promptreg.stages.call.attempt import Attempts
from promptreg.stages.call.budget import Budget, Spent
from promptreg.stages.call.limiter import Limiter
from promptreg.stages.call.stop import Breaker, Stop, StopKind

__all__ = ["Caller"]

_BUSY = frozenset({429, 503})


class Caller:
    """Makes calls of one provider: retries, deadlines, concurrency, pacing, budget.

    A provider may have a method `limits(*, connect_s, read_s, connections)`, called here once, to
    learn the run's timeouts; and a number `default_requests_per_minute`.

    Args:
        provider: answers prompts; may hang or raise anything.
        concurrency: attempts in flight at most; fewer while the server answers 429 or 503.
        retries: further attempts after a failed one.
        connect_s: seconds to get a connection.
        read_s: seconds between bytes. An attempt gets `connect_s` + `read_s` in all.
        total_s: seconds for one call, from its first attempt, waits included; default: what all
            attempts and the waits between them may take.
        requests_per_minute: attempts per minute at most, evenly spaced; default: the provider's.
        budget: the most that may be spent.
        prices: cost of one million tokens, `prompt` and `completion` (a missing one is free).
        spent: what counts against the budget so far; shared by callers of one budget.
        rng: for the jitter of waits.
        sleep: waits some seconds.
        clock: monotonic seconds.
        now: POSIX seconds.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        concurrency: int = 2,
        retries: int = 3,
        connect_s: float = 10.0,
        read_s: float = 120.0,
        total_s: float | None = None,
        requests_per_minute: float | None = None,
        budget: Budget | None = None,
        prices: Mapping[str, float] | None = None,
        spent: Spent | None = None,
        rng: random.Random | None = None,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._retries = retries
        self._attempt_s = connect_s + read_s
        self._total_s = total_s or (
            (retries + 1) * self._attempt_s + backoff.longest_waits_s(retries)
        )
        rate = requests_per_minute or getattr(provider, "default_requests_per_minute", None)
        self._interval_s = 60.0 / rate if rate else 0.0
        self._budget = budget
        self._prices = dict(prices or {})
        self._rng = rng or random.Random()  # noqa: S311 - jitter of waits is no secret
        self._sleep, self._clock, self._now = sleep, clock, now
        self._limiter = Limiter(concurrency)
        self._breaker = Breaker(max(5, 3 * concurrency))
        self._attempts = Attempts(provider)
        self._next_send = 0.0
        self._not_before = 0.0
        self._stop: Stop | None = None
        self._refusal = ""
        self._stopping = asyncio.Event()
        self.spent = Spent() if spent is None else spent
        limits = getattr(provider, "limits", None)
        if callable(limits):
            limits(connect_s=connect_s, read_s=read_s, connections=concurrency)

    @property
    def stopped(self) -> Stop | None:
        """Why no more calls are made; None while they are."""
        return self._stop

    @property
    def concurrency(self) -> int:
        """Attempts allowed in flight now."""
        return self._limiter.limit

    @property
    def in_flight(self) -> int:
        """Attempts in flight now."""
        return len(self._attempts)

    def stop(self, reason: str, *, grace_s: float | None = None) -> None:
        """Make no more calls; those that wait end now as cancelled.

        Args:
            reason: one line for people.
            grace_s: seconds after which attempts in flight are broken off; None lets them finish.
        """
        self._halt(Stop(StopKind.ASKED, reason))
        if grace_s is not None:
            self._attempts.break_off(grace_s)

    def refuse(self, reason: str) -> None:
        """Make no call at all: the first one asked for stops the run with `reason`."""
        self._refusal = reason

    async def call(self, call: Call) -> Completion | Failure:
        """Return the completion, or why there is none; raises nothing but cancellation."""
        attempts = 0
        last: CallError | None = None
        started: float | None = None
        deadline = math.inf
        if self._refusal:
            self._halt(Stop(StopKind.UNREACHABLE, self._refusal))
        while True:
            if not await self._admit(deadline):
                return self._ended(last, attempts, started)
            begun = self._clock()
            try:
                if started is None:
                    if not self._affordable():
                        return self._ended(last, attempts, started)
                    started, deadline = begun, begun + self._total_s
                    self.spent.calls += 1
                attempts += 1
                self.spent.attempts += 1
                room = min(self._attempt_s, deadline - begun)
                outcome = await self._attempts.make(call, room)
            finally:
                self._limiter.release()
            if isinstance(outcome, Completion):
                return self._accept(outcome, attempts)
            if isinstance(outcome, Stop):
                self._halt(outcome)
                return self._ended(None, attempts, started)
            last = outcome
            wait = self._after(last, attempts, begun, started)
            if wait is None or self._clock() + wait >= deadline:
                return self._ended(last, attempts, started)
            await self._pause(wait)

    async def _admit(self, deadline: float) -> bool:
        """Wait for a slot and for the pace; False (no slot held) when stopped or out of time."""
        retry = deadline != math.inf
        room = deadline - self._clock() if retry else None
        if not await self._limiter.acquire(front=retry, timeout_s=room):
            return False
        try:
            while self._stop is None:
                now = self._clock()
                wait = max(self._next_send, self._not_before) - now
                if wait <= 0:
                    if now >= deadline:
                        break
                    if self._interval_s:
                        self._next_send = now + self._interval_s
                    return True
                if now + wait >= deadline:
                    break
                await self._pause(wait)
        except BaseException:
            self._limiter.release()
            raise
        self._limiter.release()
        return False

    async def _pause(self, seconds: float) -> None:
        """Wait, or return at once when stopped."""
        if self._stop is not None:
            return
        waits = {
            asyncio.ensure_future(self._sleep(seconds)),
            asyncio.ensure_future(self._stopping.wait()),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _affordable(self) -> bool:
        why = self._budget.exceeded(self.spent) if self._budget else ""
        if why:
            self._halt(Stop(StopKind.BUDGET, why))
        return not why

    def _after(self, error: CallError, attempts: int, begun: float, started: float) -> float | None:
        """Learn from a failed attempt; return seconds until the next, None for no other."""
        asked = backoff.server_wait_s(error)
        retry = backoff.may_retry(error)
        if error.status in _BUSY and retry:
            now = self._clock()
            self._limiter.throttled(begun, now)
            if asked is not None and asked <= backoff.LONGEST_WAIT_S:
                self._not_before = max(self._not_before, now + asked)
        if retry and asked is not None and asked > backoff.LONGEST_WAIT_S:
            self._park(error, asked)
            return None
        stop = self._breaker.failure(error)
        if stop is not None:
            self._halt(stop)
            return None
        if not retry:
            return None
        if attempts > self._retries:
            # A timeout measures the model; what the plumbing loses says nothing of the prompts.
            if Failure(Cause(error.cause), error.detail, error.status).infrastructure:
                lost = self._breaker.given_up(error, started, self._clock())
                if lost is not None:
                    self._halt(lost)
            return None
        return backoff.wait_s(attempts, asked, self._rng)

    def _park(self, error: CallError, asked_s: float) -> None:
        resume_at = self._now() + asked_s
        try:
            when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(resume_at))
        except (OverflowError, ValueError, OSError):  # a server may name the year 10^9
            when = "a time beyond the calendar"
        self._halt(
            Stop(
                StopKind.PARKED,
                f"the provider asks to wait {asked_s:,.0f} s, until {when}: {error.detail}",
                resume_at,
            )
        )

    def _halt(self, stop: Stop) -> None:
        if self._stop is None:  # the first reason is the true one
            self._stop = stop
            self._stopping.set()
            self._limiter.close()

    def _accept(self, completion: Completion, attempts: int) -> Completion:
        self._breaker.success()
        self._limiter.succeeded()
        prompt, answer = completion.prompt_tokens, completion.completion_tokens
        cost = completion.cost
        if cost is None and self._prices and prompt is not None and answer is not None:
            prices = self._prices
            cost = (
                prompt * prices.get("prompt", 0.0) + answer * prices.get("completion", 0.0)
            ) / 1e6
        spent = self.spent
        spent.prompt_tokens += prompt or 0
        spent.completion_tokens += answer or 0
        spent.cost += cost or 0.0
        if self._budget is not None:
            counted = None if prompt is None or answer is None else prompt + answer
            why = self._budget.unknowable(counted, cost)
            if why:
                self._halt(Stop(StopKind.BUDGET, why))
        if attempts != completion.attempts or cost is not completion.cost:
            return replace(completion, attempts=attempts, cost=cost)
        return completion

    def _ended(self, last: CallError | None, attempts: int, started: float | None) -> Failure:
        """Return why the call has no completion."""
        duration = None if started is None else self._clock() - started
        if started is not None:
            self.spent.failed += 1
        stop = self._stop
        final = last is not None and (attempts > self._retries or not backoff.may_retry(last))
        if stop is not None and not final:
            detail = f"not answered before the run was stopped: {stop.reason}"
            if last is not None and last.detail not in detail:
                detail += f" (last attempt: {last.detail})"
            status = last.status if last is not None else None
            return Failure(Cause.CANCELLED, detail, status, attempts, duration)
        if last is None:  # unreachable: without an error only a stop ends a call
            return Failure(Cause.CANCELLED, "not answered", None, attempts, duration)
        return Failure(Cause(last.cause), last.detail, last.status, attempts, duration)
