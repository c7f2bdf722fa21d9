"""Trials that wait for scorers which take several at once: few in memory, then scored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from promptreg.pipeline.services.suite_services import SuiteServices
from promptreg.records import Trial
from promptreg.stages.score import Given, Scoring, ask_batch, batch_size

__all__ = ["Batches"]

T = TypeVar("T")
_IN_FLIGHT = 2
"""Batches being scored; while the last verdicts of one come in, the next is begun."""


class Batches(Generic[T]):
    """Collects trials, scores them, and hands them on in no particular order.

    Args:
        scoring: with at least one batched scorer.
        services: what they may use.
        record: takes a trial, the tag it came with, and what the scorers said of it.
        halt: told at once of what ends the run; `check` raises it later.
    """

    def __init__(
        self,
        scoring: Scoring,
        services: SuiteServices,
        record: Callable[[T, Trial, Mapping[int, Given]], None],
        halt: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self._scoring, self._services = scoring, services
        self._record, self._halt = record, halt
        self._size = max(batch_size(scoring.plan(at)) for at in scoring.batched)
        self._waiting: list[tuple[T, Trial]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._error: Exception | None = None
        self._over = False

    def add(self, tag: T, trial: Trial) -> None:
        """Take a trial; its batch is scored when it is full, or by `drain`."""
        self._waiting.append((tag, trial))
        if len(self._waiting) >= self._size:
            self._begin()

    async def room(self) -> None:
        """Return once few enough trials wait for another one.

        Raises:
            PromptregError: scoring has come to an end.
        """
        while len(self._tasks) >= _IN_FLIGHT:
            await asyncio.wait(set(self._tasks), return_when=asyncio.FIRST_COMPLETED)
        self.check()

    async def drain(self) -> None:
        """Return once every trial was handed on, or scoring was cancelled.

        Raises:
            PromptregError: scoring has come to an end.
        """
        self._begin()
        while self._tasks:
            await asyncio.wait(set(self._tasks))
        self.check()

    def check(self) -> None:
        """Raise what ended the scoring, if anything did."""
        if self._error is not None:
            raise self._error

    async def cancel(self) -> None:
        """Give up what is being scored; what was answered is in the store."""
        self.give_up()
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def give_up(self) -> None:
        """Begin to give up, without waiting."""
        self._over = True
        self._waiting.clear()
        for task in self._tasks:
            task.cancel()

    def _begin(self) -> None:
        batch, self._waiting = self._waiting, []
        if not batch or self._over or self._error is not None:
            return
        task = asyncio.get_running_loop().create_task(self._score(batch))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, Exception) and self._error is None:
            self._error = error
            self._halt(str(error))

    async def _score(self, batch: list[tuple[T, Trial]]) -> None:
        given: list[dict[int, Given]] = [{} for _ in batch]
        jobs = [self._ask(at, batch, given) for at in self._scoring.batched]
        for failed in await asyncio.gather(*jobs, return_exceptions=True):
            if failed is not None:
                raise failed
        stopped = self._services.stopped
        if stopped is not None:
            raise stopped
        for (tag, trial), said in zip(batch, given, strict=True):
            self._record(tag, trial, said)

    async def _ask(
        self, at: int, batch: list[tuple[T, Trial]], given: list[dict[int, Given]]
    ) -> None:
        plan = self._scoring.plan(at)
        views = [(i, self._scoring.view(trial, at)) for i, (_, trial) in enumerate(batch)]
        asked = [(i, view) for i, view in views if view is not None]
        size = batch_size(plan)
        for start in range(0, len(asked), size):
            part = asked[start : start + size]
            said = await ask_batch(plan, [view for _, view in part], self._services)
            for (i, _), result in zip(part, said, strict=True):
                given[i][at] = result
