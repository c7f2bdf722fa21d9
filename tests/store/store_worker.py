"""A process that makes calls against a store, to be killed or stopped by a test.

Arguments: root, keys, seconds per call, lease. It writes `call KEY` to standard output before a
call and `kept KEY` once the completion is durable.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

from promptreg.store.calls import CallStore
from store_samples import completion, keys

CONCURRENCY = 8


def say(word: str, name: str) -> None:
    os.write(1, f"{word} {name}\n".encode())  # one write: lines of several processes never mix


async def work(store: CallStore, wanted: list[str], call_s: float) -> None:
    random.Random(os.getpid()).shuffle(wanted)
    known = store.get_many(wanted)
    todo = [name for name in wanted if name not in known]
    while todo:
        ahead = todo[: 2 * CONCURRENCY]
        mine = store.claim(ahead)
        queue = iter([name for name in ahead if name in mine])

        async def lane(queue: Iterator[str] = queue) -> None:
            for name in queue:
                say("call", name)
                await asyncio.sleep(call_s)
                await store.put(name, f"request {name}", completion(name))
                say("kept", name)

        await asyncio.gather(*(lane() for _ in range(CONCURRENCY)))
        found = await store.wait([name for name in ahead if name not in mine], poll_s=0.02)
        todo = [name for name in todo if name not in mine and name not in found]


if __name__ == "__main__":
    root, count, call_s, lease_s = sys.argv[1:]
    with CallStore.open(Path(root), lease_s=float(lease_s)) as opened:
        asyncio.run(work(opened, keys(int(count)), float(call_s)))
