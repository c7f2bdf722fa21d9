"""Processes that are killed, stopped, or work on one store at the same time."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from promptreg.store.calls import CallStore
from promptreg.store.salvage import verify
from store_samples import completion, keys

WORKER = Path(__file__).with_name("store_worker.py")
Said = list[tuple[str, str]]


@contextmanager
def worker(
    root: Path, count: int, call_s: float = 0.002, lease_s: float = 30
) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(WORKER), str(root), str(count), str(call_s), str(lease_s)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def heard(lines: str) -> Said:
    return [(word, name) for word, name in (line.split() for line in lines.splitlines())]


def count_said(said: Said, wanted: str) -> Counter[str]:
    return Counter(name for word, name in said if word == wanted)


def finish(process: subprocess.Popen[str]) -> Said:
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return heard(out)


def listen(process: subprocess.Popen[str], lines: int) -> Said:
    assert process.stdout is not None
    return heard("".join(process.stdout.readline() for _ in range(lines)))


def contents(root: Path, count: int) -> dict[str, object]:
    with CallStore.open(root) as store:
        found = store.get_many(keys(count))
        return {name: (found[name], store.raw(name), store.request(name)) for name in found}


def test_a_killed_worker_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    count, rng = 320, random.Random(20)
    committed: set[str] = set()
    in_flight = 0
    for _ in range(20):
        with worker(tmp_path, count) as process:
            said = listen(process, rng.randrange(1, 34))
            time.sleep(rng.random() * 0.01)  # somewhere in a call, a group or a commit
            process.send_signal(signal.SIGKILL)
            out, _ = process.communicate(timeout=60)
        said += heard(out)
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
    with worker(tmp_path, count) as process:
        said = finish(process)
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
    with worker(tmp_path, 8, call_s=0.5, lease_s=0.6) as stopped:
        said = listen(stopped, 8)
        assert count_said(said, "call").keys() == set(keys(8))
        stopped.send_signal(signal.SIGSTOP)
        with worker(tmp_path, 8, lease_s=0.6) as other:
            taken = finish(other)
        assert count_said(taken, "kept").keys() == set(keys(8))
        stopped.send_signal(signal.SIGCONT)
        late = finish(stopped)
    assert count_said(late, "kept").keys() == set(keys(8))  # harmless
    assert set(contents(tmp_path, 8)) == set(keys(8))
    assert verify(tmp_path) == []


def eight_processes(root: Path, count: int) -> None:
    with (
        worker(root, count) as a,
        worker(root, count) as b,
        worker(root, count) as c,
        worker(root, count) as d,
        worker(root, count) as e,
        worker(root, count) as f,
        worker(root, count) as g,
        worker(root, count) as h,
    ):
        doomed = [(a, listen(a, 10)), (b, listen(b, 30))]
        for process, _ in doomed:
            process.send_signal(signal.SIGKILL)
        orphaned: Counter[str] = Counter()
        said: Said = []
        for process, first in doomed:
            whole = first + heard(process.communicate(timeout=60)[0])
            said += whole
            orphaned.update(count_said(whole, "call") - count_said(whole, "kept"))
        for process in (c, d, e, f, g, h):
            said += finish(process)
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
