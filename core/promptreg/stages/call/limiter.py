"""A gate that lets a changing number through: additive increase, multiplicative decrease."""

from __future__ import annotations

import asyncio
from collections import deque

__all__ = ["Limiter"]


class Limiter:
    """Slots for calls in flight, fewer after the server says that it is too busy.

    Args:
        maximum: slots at the start and at most.
    """

    def __init__(self, maximum: int) -> None:
        if maximum < 1:
            raise ValueError(f"concurrency must be at least 1, found {maximum}")
        self.maximum = maximum
        self.limit = maximum
        self.active = 0
        self._waiting: deque[asyncio.Future[bool]] = deque()
        self._successes = 0
        self._halved_at = float("-inf")
        self._closed = False

    async def acquire(self, *, front: bool = False, timeout_s: float | None = None) -> bool:
        """Wait for a slot.

        Args:
            front: go before those who wait for their first attempt.
            timeout_s: seconds to wait at most.

        Returns:
            True with a slot (give it back by `release`); False when closed or out of time.
        """
        if self._closed:
            return False
        if self.active < self.limit and not self._waiting:
            self.active += 1
            return True
        loop = asyncio.get_running_loop()
        ticket: asyncio.Future[bool] = loop.create_future()
        if front:
            self._waiting.appendleft(ticket)
        else:
            self._waiting.append(ticket)
        timer = None
        if timeout_s is not None:
            timer = loop.call_later(timeout_s, _settle, ticket, False)
        try:
            return await ticket
        except asyncio.CancelledError:
            if ticket.done() and not ticket.cancelled() and ticket.result():
                self.release()  # granted in the same turn in which we were cancelled
            raise
        finally:
            if timer is not None:
                timer.cancel()

    def release(self) -> None:
        """Give a slot back."""
        self.active -= 1
        self._wake()

    def succeeded(self) -> None:
        """Note a success: after as many as there are slots, one slot more."""
        if self.limit >= self.maximum:
            return
        self._successes += 1
        if self._successes >= self.limit:
            self._successes = 0
            self.limit += 1
            self._wake()

    def throttled(self, started_at: float, now: float) -> None:
        """Note that the server is too busy: half the slots.

        Attempts that were under way at the last halving tell nothing about the new limit, so
        they do not halve it again.

        Args:
            started_at: when the attempt that was turned away began.
            now: the present, on the same clock.
        """
        self._successes = 0
        if started_at < self._halved_at:
            return
        self._halved_at = now
        self.limit = max(1, self.limit // 2)

    def close(self) -> None:
        """Send everybody who waits away, now and from now on."""
        self._closed = True
        while self._waiting:
            _settle(self._waiting.popleft(), False)

    def _wake(self) -> None:
        while self._waiting and self.active < self.limit:
            ticket = self._waiting.popleft()
            if not ticket.done():
                self.active += 1
                ticket.set_result(True)


def _settle(ticket: asyncio.Future[bool], value: bool) -> None:
    if not ticket.done():
        ticket.set_result(value)
