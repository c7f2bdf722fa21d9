"""The run loop: asks what is not yet known, several calls at a time, and hands on each trial.

It streams. Prompts are rendered in chunks, looked up in the store, and only what is missing
goes to the provider; a completion is durable in the store before its trial is finished. Nothing
is held but the calls in flight.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from promptreg.pipeline.keys import KeyMaker
from promptreg.pipeline.work import Item, Work
from promptreg.protocols import Call
from promptreg.records import Cause, Completion, Failure
from promptreg.stages.call import Caller
from promptreg.store.calls import CallStore

__all__ = ["Loop", "Tally"]

CHUNK = 256
"""Trials rendered and looked up together."""
POLL_S = 0.2
"""Seconds between looks at calls that another process is making."""

Finish = Callable[[Item, Completion | Failure], None]


@dataclass(slots=True)
class Tally:
    """What has been done so far."""

    planned: int = 0
    cached: int = 0
    called: int = 0
    finished: int = 0
    kept: int = 0
    """Trials that have a completion; those that failed are asked again by the next run."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None
    models: set[str] = field(default_factory=set)


class Loop:
    """Runs one `Work`.

    Args:
        work: what to ask.
        keys: makes the keys.
        caller: makes the calls.
        store: where completions are kept; None for providers that need none.
        read_store: whether completions already in the store are used.
        finish: told of each finished item, in the order of completion.
        width: calls in flight at most.
        warm_up: awaited once before the first call, if there is any call to make.
        tally: of the loops before this one, to go on with.
        room: awaited before more is asked; returns when finished trials find room.
    """

    def __init__(
        self,
        work: Work,
        keys: KeyMaker,
        caller: Caller,
        store: CallStore | None,
        finish: Finish,
        width: int,
        warm_up: Callable[[], Awaitable[None]] | None = None,
        tally: Tally | None = None,
        room: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.work = work
        self.keys = keys
        self.caller = caller
        self.store = store
        self.tally = tally or Tally(planned=work.planned)
        self._finish = finish
        self._room = room
        self._warm_up = warm_up
        self._width = width
        self._queue: asyncio.Queue[Item] = asyncio.Queue(maxsize=2 * width)
        self._same: dict[str, list[Item]] = {}
        self._foreign: list[Item] = []
        self._commits: set[asyncio.Future[Completion]] = set()
        self._workers: list[asyncio.Task[None]] = []
        self._warming = asyncio.Lock()
        self._producer: asyncio.Task[None] | None = None
        self._failed: Exception | None = None

    async def run(self) -> None:
        """Do all the work, or as much as the caller allows before it stops.

        Raises:
            StoreError: a completion could not be made durable.
        """
        self._workers = [asyncio.create_task(self._work()) for _ in range(self._width)]
        self._producer = asyncio.create_task(self._produce())
        try:
            await self._producer
            await self._drain()
            await self._await_others()
        except asyncio.CancelledError:
            if not self.caller.stopped:
                raise
        finally:
            for task in self._workers:
                task.cancel()
            ended = await asyncio.gather(*self._workers, return_exceptions=True)
            await self._settle()
        for error in (self._failed, *ended):
            if isinstance(error, Exception):
                raise error

    def unanswered(self) -> int:
        """Return how many calls the work would make; none where answers are local."""
        if self.store is None:
            return 0
        found = 0
        for chunk in _chunks(self._items(), CHUNK):
            keys = {item.key for item in chunk}
            found += len(keys) - len(self.store.get_many(sorted(keys)))
        return found

    def stop(self, reason: str) -> None:
        """Stop now: calls in flight are given up, what was completed is kept."""
        self.caller.stop(reason)
        for task in (self._producer, *self._workers):
            if task is not None:
                task.cancel()

    async def _produce(self) -> None:
        for chunk in _chunks(self._items(), CHUNK):
            if self.caller.stopped:
                return
            known: dict[str, Completion] = {}
            if self.store is not None:
                known = self.store.get_many([item.key for item in chunk])
            missing = [i for i in chunk if i.key not in known]
            mine = self._claim(missing)
            for item in chunk:
                if item.key in known:
                    if self._room is not None:
                        await self._room()
                    self.tally.cached += 1
                    self._done(item, known[item.key])
                elif item.key in self._same:
                    self._same[item.key].append(item)
                elif item.key in mine:
                    self._same[item.key] = []
                    await self._put(item)
                else:
                    self._foreign.append(item)
            await asyncio.sleep(0)  # let calls in flight proceed between chunks of cached trials

    def _items(self) -> Iterator[Item]:
        for version, scenario, repeat, prompt in self.work.order():
            v = self.work.versions[version]
            subject = "" if self.store is not None else f"{version}:{scenario.id}"
            key = self.keys.key(prompt, v.first_repeat + repeat, subject)
            yield Item(version, scenario, repeat, prompt, key)

    def _claim(self, items: list[Item]) -> set[str]:
        keys = [i.key for i in items if i.key not in self._same]
        if self.store is None or not keys:
            return set(keys)
        return self.store.claim(keys)

    async def _put(self, item: Item) -> None:
        while True:  # a worker that died of a full disk must not leave this waiting for ever
            try:
                self._queue.put_nowait(item)
            except asyncio.QueueFull:
                put = asyncio.ensure_future(self._queue.put(item))
                await asyncio.wait({put, *self._workers}, return_when=asyncio.FIRST_COMPLETED)
                if put.done():
                    return
                put.cancel()
                self._raise_dead()
            else:
                return

    def _raise_dead(self) -> None:
        for task in self._workers:
            if task.done() and not task.cancelled() and (error := task.exception()):
                raise error

    async def _drain(self) -> None:
        joined = asyncio.ensure_future(self._queue.join())
        await asyncio.wait({joined, *self._workers}, return_when=asyncio.FIRST_COMPLETED)
        if not joined.done():
            joined.cancel()
            self._raise_dead()
        await self._settle()

    async def _settle(self) -> None:
        while self._commits:
            await asyncio.wait(set(self._commits))

    async def _warm(self) -> None:
        """Warm the provider up once; the others wait for whoever is first."""
        async with self._warming:
            warm_up, self._warm_up = self._warm_up, None
            if warm_up is not None:
                await warm_up()

    async def _work(self) -> None:
        while True:
            item = await self._queue.get()
            try:
                await self._warm()
                if self._room is not None:
                    await self._room()
                await self._ask(item)
            finally:
                self._queue.task_done()

    async def _ask(self, item: Item) -> None:
        version = self.work.versions[item.version]
        outcome = await self.caller.call(
            Call(
                prompt=item.prompt,
                repeat=version.first_repeat + item.repeat,
                key=item.key,
                template=version.template.name,
                version=version.template.label,
                scenario_id=item.scenario.id,
                lane=version.lane,
            )
        )
        if isinstance(outcome, Failure):
            if outcome.cause is Cause.CANCELLED and self.caller.stopped:
                return  # not asked, or not to the end: the next run does
            if self.store is not None:
                await self.store.fail(item.key, outcome)
            self._done(item, outcome)
            self._release(item.key, outcome)
            return
        self._count(outcome)
        if self.store is None:
            self._done(item, outcome)
            self._release(item.key, outcome)
            return
        commit = self.store.put_nowait(item.key, item.prompt.text, outcome)
        self._commits.add(commit)
        commit.add_done_callback(lambda future: self._committed(item, future))
        # In flight until it is durable: a crash may make no more calls again than the width.
        await asyncio.wait((commit,))

    def _committed(self, item: Item, future: asyncio.Future[Completion]) -> None:
        self._commits.discard(future)
        if future.cancelled():
            return
        try:
            completion = future.result()
            self._done(item, completion)
            self._release(item.key, completion)
        except Exception as e:  # noqa: BLE001 - nobody awaits a callback: `run` raises it
            self._failed = self._failed or e
            self.stop(str(e))

    def _release(self, key: str, outcome: Completion | Failure) -> None:
        """Finish the items that asked exactly the same."""
        for twin in self._same.pop(key, ()):
            self.tally.cached += isinstance(outcome, Completion)
            self._done(twin, outcome)

    def _count(self, completion: Completion) -> None:
        t = self.tally
        if self.store is None:  # completions that are local already were not called
            t.cached += 1
            return
        t.called += 1
        t.prompt_tokens += completion.prompt_tokens or 0
        t.completion_tokens += completion.completion_tokens or 0
        if completion.cost is not None:
            t.cost = (t.cost or 0.0) + completion.cost

    def _done(self, item: Item, outcome: Completion | Failure) -> None:
        if isinstance(outcome, Completion):
            self.tally.kept += 1
            if outcome.model:
                self.tally.models.add(outcome.model)
        self.tally.finished += 1
        self._finish(item, outcome)

    async def _await_others(self) -> None:
        """Wait for calls that other processes are making; take over those of dead ones."""
        while self._foreign and self.store is not None and not self.caller.stopped:
            waiting, self._foreign = self._foreign, []
            for chunk in _chunks(iter(waiting), CHUNK):
                known = self.store.get_many([i.key for i in chunk])
                mine = self._claim([i for i in chunk if i.key not in known])
                for item in chunk:
                    if item.key in known:
                        self.tally.cached += 1
                        self._done(item, known[item.key])
                    elif item.key in mine:
                        self._same[item.key] = []
                        await self._put(item)
                    else:
                        self._foreign.append(item)
            await self._drain()
            if self._foreign:
                await asyncio.sleep(POLL_S)


def _chunks(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    while chunk := list(islice(items, size)):
        yield chunk
