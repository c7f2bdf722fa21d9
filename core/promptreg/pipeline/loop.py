"""The run loop: asks what is not yet known, several calls at a time, and hands on each trial.

It streams. Prompts are rendered in chunks, looked up in the store, and only what is missing
goes to the provider; a completion is durable in the store before its trial is finished. Nothing
is held but the calls in flight.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import islice

from promptreg.pipeline.desk import Desk, first_stop
from promptreg.pipeline.tally import Tally
from promptreg.pipeline.work import Item, Work
from promptreg.protocols import Call
from promptreg.records import Cause, Completion, Failure
from promptreg.stages.call import Stop
from promptreg.store.calls import CallStore

__all__ = ["Loop"]

CHUNK = 256
"""Trials rendered and looked up together."""
POLL_S = 0.2
"""Seconds between looks at calls that another process is making."""

Finish = Callable[[Item, Completion | Failure], None]


class Loop:
    """Runs one `Work`.

    Args:
        work: what to ask.
        desks: who answers, for each version of the work.
        store: where completions are kept; None where all providers need none.
        finish: told of each finished item, in the order of completion.
        tally: of the loops before this one, to go on with.
        room: awaited before more is asked; returns when finished trials find room.
    """

    def __init__(
        self,
        work: Work,
        desks: Sequence[Desk],
        store: CallStore | None,
        finish: Finish,
        tally: Tally | None = None,
        room: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.work = work
        self.store = store
        self._desks = tuple(desks)
        self.tally = tally or Tally(planned=work.planned)
        self._finish = finish
        self._room = room
        self._apart = tuple(dict.fromkeys(desks))
        # A queue for each, so that the slower one holds back no worker of the faster; both are
        # short, so that both sides of a comparison are asked in the same minutes.
        self._queues: dict[Desk, asyncio.Queue[Item]] = {
            desk: asyncio.Queue(maxsize=2 * desk.width) for desk in self._apart
        }
        self._same: dict[str, list[Item]] = {}
        self._foreign: list[Item] = []
        self._commits: set[asyncio.Future[Completion]] = set()
        self._workers: list[asyncio.Task[None]] = []
        self._producer: asyncio.Task[None] | None = None
        self._failed: Exception | None = None

    async def run(self) -> None:
        """Do all the work, or as much as the caller allows before it stops.

        Raises:
            StoreError: a completion could not be made durable.
        """
        self._workers = [
            asyncio.create_task(self._work(desk)) for desk in self._apart for _ in range(desk.width)
        ]
        self._producer = asyncio.create_task(self._produce())
        try:
            await self._producer
            await self._drain()
            await self._await_others()
        except asyncio.CancelledError:
            if not self.stopped:
                raise
        finally:
            for task in self._workers:
                task.cancel()
            ended = await asyncio.gather(*self._workers, return_exceptions=True)
            await self._settle()
        for error in (self._failed, *ended):
            if isinstance(error, Exception):
                raise error

    @property
    def stopped(self) -> Stop | None:
        """Why no more calls are made; None while they are."""
        return first_stop(self._apart)

    def unanswered(self) -> int:
        """Return how many calls the work would make; none where answers are local."""
        if self.store is None:
            return 0
        found = 0
        for chunk in _chunks(self._items(), CHUNK):
            keys = {item.key for item in chunk if self._is_kept(item)}
            found += len(keys) - len(self.store.get_many(sorted(keys)))
        return found

    def stop(self, reason: str) -> None:
        """Stop now: calls in flight are given up, what was completed is kept."""
        self._stop_all(reason)
        for task in (self._producer, *self._workers):
            if task is not None:
                task.cancel()

    def _stop_all(self, reason: str) -> None:
        for desk in self._apart:
            desk.caller.stop(reason)

    def _is_kept(self, item: Item) -> bool:
        """Whether the store keeps what is answered; it does not where answers are local."""
        return self.store is not None and self._desks[item.version].cacheable

    async def _produce(self) -> None:
        for chunk in _chunks(self._items(), CHUNK):
            if self.stopped:
                return
            known: dict[str, Completion] = {}
            if self.store is not None:
                known = self.store.get_many([i.key for i in chunk if self._is_kept(i)])
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
                    await self._put_first(item, mine)
                else:
                    self._foreign.append(item)
            await asyncio.sleep(0)  # let calls in flight proceed between chunks of cached trials

    def _items(self) -> Iterator[Item]:
        for version, scenario, repeat, prompt in self.work.order():
            v = self.work.versions[version]
            desk = self._desks[version]
            subject = "" if desk.cacheable else f"{version}:{scenario.id}"
            key = desk.keys.key(prompt, v.first_repeat + repeat, subject)
            yield Item(version, scenario, repeat, prompt, key)

    def _claim(self, items: list[Item]) -> set[str]:
        new = [i for i in items if i.key not in self._same]
        local = {i.key for i in new if not self._is_kept(i)}
        keys = [i.key for i in new if i.key not in local]
        if self.store is None or not keys:
            return local
        return local | self.store.claim(keys)

    async def _put_first(self, item: Item, mine: set[str]) -> None:
        """Queue the first of the items that ask the same.

        While this waits it may be answered: its twins further on then find it in the store.
        """
        mine.discard(item.key)
        self._same[item.key] = []
        await self._put(item)

    async def _put(self, item: Item) -> None:
        queue = self._queues[self._desks[item.version]]
        while True:  # a worker that died of a full disk must not leave this waiting for ever
            try:
                queue.put_nowait(item)
            except asyncio.QueueFull:
                put = asyncio.ensure_future(queue.put(item))
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
        joined = asyncio.ensure_future(self._all_done())
        await asyncio.wait({joined, *self._workers}, return_when=asyncio.FIRST_COMPLETED)
        if not joined.done():
            joined.cancel()
            self._raise_dead()
        await self._settle()

    async def _all_done(self) -> None:
        for queue in self._queues.values():
            await queue.join()

    async def _settle(self) -> None:
        while self._commits:
            await asyncio.wait(set(self._commits))

    async def _work(self, desk: Desk) -> None:
        queue = self._queues[desk]
        while True:
            item = await queue.get()
            try:
                await desk.warm_up()
                if self._room is not None:
                    await self._room()
                await self._ask(item, desk)
            finally:
                queue.task_done()

    async def _ask(self, item: Item, desk: Desk) -> None:
        version = self.work.versions[item.version]
        outcome = await desk.caller.call(
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
        if len(self._apart) > 1 and (stop := self.stopped) is not None:
            self._stop_all(stop.reason)  # one side alone is no comparison
        if isinstance(outcome, Failure):
            if outcome.cause is Cause.CANCELLED and self.stopped:
                return  # not asked, or not to the end: the next run does
            if self.store is not None and desk.cacheable:
                await self.store.fail(item.key, outcome)
            self._done(item, outcome)
            self._release(item.key, outcome)
            return
        self._count(outcome, desk)
        if self.store is None or not desk.cacheable:
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

    def _count(self, completion: Completion, desk: Desk) -> None:
        if not desk.cacheable:  # completions that are local already were not called
            self.tally.cached += 1
            return
        desk.tally.count_call(completion)
        self.tally.count_call(completion)

    def _done(self, item: Item, outcome: Completion | Failure) -> None:
        if isinstance(outcome, Completion):
            self.tally.kept += 1
            if outcome.model:
                self._desks[item.version].models.add(outcome.model)
        self.tally.finished += 1
        self._finish(item, outcome)

    async def _await_others(self) -> None:
        """Wait for calls that other processes are making; take over those of dead ones."""
        while self._foreign and self.store is not None and not self.stopped:
            waiting, self._foreign = self._foreign, []
            for chunk in _chunks(iter(waiting), CHUNK):
                known = self.store.get_many([i.key for i in chunk])
                mine = self._claim([i for i in chunk if i.key not in known])
                for item in chunk:
                    if item.key in known:
                        self.tally.cached += 1
                        self._done(item, known[item.key])
                    elif item.key in mine:
                        await self._put_first(item, mine)
                    else:
                        self._foreign.append(item)
            await self._drain()
            if self._foreign:
                await asyncio.sleep(POLL_S)


def _chunks(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    while chunk := list(islice(items, size)):
        yield chunk
