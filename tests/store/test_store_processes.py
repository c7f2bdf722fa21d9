"""Processes that are killed, stopped, or work on one store at the same time."""

from __future__ import annotations

import os
import random
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from promptreg.store.calls import CallStore
from promptreg.store.salvage import verify
from store_samples import completion, keys

WORKER = Path(__file__).with_name("store_worker.py")
Said = list[tuple[str, str]]


class Worker:
    """A working process and the file it speaks to (a pipe would fill up and stop it)."""

    def __init__(self, root: Path, count: int, call_s: float, lease_s: float) -> None:
        root.mkdir(exist_ok=True)
        self.said = root / f"said-{secrets.token_hex(4)}"
        command = [sys.executable, str(WORKER), str(root), str(count), str(call_s), str(lease_s)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        with self.said.open("wb") as out:
            self.process = subprocess.Popen(
                command, stdout=out, stderr=subprocess.STDOUT, env=environment
            )

    def lines(self) -> list[str]:
        return self.said.read_text().splitlines()

    def listen(self, lines: int) -> None:
        """Return once it has said so many lines."""
        deadline = time.monotonic() + 180
        while len(self.lines()) < lines:
            assert self.process.poll() is None, self.lines()
            assert time.monotonic() < deadline
            time.sleep(0.002)

    def end(self) -> Said:
        """Wait until it has ended, and return what it said."""
        self.process.wait(timeout=300)
        words = [line.split() for line in self.lines()]
        assert all(len(line) == 2 for line in words), self.lines()
        return [(word, name) for word, name in words]

    def finish(self) -> Said:
        said = self.end()
        assert self.process.returncode == 0
        return said


@contextmanager
def worker(root: Path, count: int, call_s: float = 0.002, lease_s: float = 30) -> Iterator[Worker]:
    started = Worker(root, count, call_s, lease_s)
    with started.process:
        try:
            yield started
        finally:
            started.process.kill()


def count_said(said: Said, wanted: str) -> Counter[str]:
    return Counter(name for word, name in said if word == wanted)


def contents(root: Path, count: int) -> dict[str, object]:
    with CallStore.open(root) as store:
        found = store.get_many(keys(count))
        return {name: (found[name], store.raw(name), store.request(name)) for name in found}


def test_a_killed_worker_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    count, rng = 1200, random.Random(20)
    committed: set[str] = set()
    in_flight = 0
    for _ in range(20):
        with worker(tmp_path, count) as doomed:
            doomed.listen(rng.randrange(1, 34))
            time.sleep(rng.random() * 0.01)  # somewhere in a call, a group or a commit
            doomed.process.send_signal(signal.SIGKILL)
            said = doomed.end()
        called, kept = count_said(said, "call"), count_said(said, "kept")
        assert not called.keys() & committed, "a committed call was repeated"
        assert set(called.values()) <= {1}
        assert verify(tmp_path) == []
        now = set(contents(tmp_path, count))
        assert now >= committed | kept.keys(), "a committed call was lost"
        assert now <= committed | called.keys()
        in_flight += len(called.keys() - now)
        assert len(called.keys() - now) <= 8
        committed = now
    with worker(tmp_path, count) as last:
        said = last.finish()
    assert set(count_said(said, "call")) == set(keys(count)) - committed
    assert contents(tmp_path, count) == {
        name: (
            replace(completion(name), raw="", cached=True),
            f"raw {name}",
            f"request {name}",
        )
        for name in keys(count)
    }


def test_a_worker_stopped_past_its_lease_loses_its_claims(tmp_path: Path) -> None:
    with worker(tmp_path, 8, call_s=2.0, lease_s=0.6) as stopped:
        stopped.listen(8)
        stopped.process.send_signal(signal.SIGSTOP)
        with worker(tmp_path, 8, lease_s=0.6) as other:
            taken = other.finish()
        assert count_said(taken, "kept").keys() == set(keys(8))
        stopped.process.send_signal(signal.SIGCONT)
        late = stopped.finish()
    assert count_said(late, "kept").keys() == set(keys(8))  # harmless
    assert set(contents(tmp_path, 8)) == set(keys(8))
    assert verify(tmp_path) == []


def eight_processes(root: Path, count: int) -> None:
    with ExitStack() as stack:
        # Two with slow calls, so that they hold claims when they are killed at their work.
        workers = [stack.enter_context(worker(root, count, call_s=0.2)) for _ in range(2)]
        for doomed in workers:
            doomed.listen(8)
        workers += [stack.enter_context(worker(root, count)) for _ in range(6)]
        workers[2].listen(4)
        for doomed in workers[:2]:
            doomed.process.send_signal(signal.SIGKILL)
        said: Said = []
        orphaned: Counter[str] = Counter()
        for doomed in workers[:2]:
            last = doomed.end()
            orphaned.update(count_said(last, "call") - count_said(last, "kept"))
            said += last
        for survivor in workers[2:]:
            said += survivor.finish()
    repeated = {name for name, times in count_said(said, "call").items() if times > 1}
    assert repeated <= orphaned.keys(), "only the calls of the dead may be made again"
    assert len(orphaned) <= 16
    assert set(contents(root, count)) == set(keys(count))
    assert verify(root) == []


def test_eight_processes_share_the_work(tmp_path: Path) -> None:
    eight_processes(tmp_path, 400)


@pytest.mark.slow
def test_eight_processes_share_much_work(tmp_path: Path) -> None:
    eight_processes(tmp_path, 8_000)
