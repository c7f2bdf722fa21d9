"""Killed at any moment, a comparison goes on where it stopped and ends as if nothing had been."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from command_line import Promptreg, essence, stored_keys
from fake_model import ModelServer, running
from suite_factory import answer_text, good_score, write_suite

WIDTH = 4
N = 40


def answers(scenario: str, version: str) -> str:
    """Answer so that the versions differ here and there."""
    odd = int(scenario[1:]) % 7 == 0
    return answer_text(99 - good_score(scenario) if odd and version == "v2" else 20)


@pytest.fixture
def slow_server() -> Iterator[ModelServer]:
    """A server that takes its time, so that calls are in flight when the process dies."""
    with running(ModelServer(answers, delay_s=0.015)) as started:
        yield started


def expected(tmp_path: Path, server: ModelServer) -> object:
    """Return the report of a comparison that nothing interrupts."""
    promptreg = Promptreg(write_suite(tmp_path / "whole", server.url, n=N))
    report = promptreg("compare", "v1", "v2", "--json").json
    assert report["trials"]["called"] == 2 * N
    server.forget()
    return essence(report)


def killed_at_call(promptreg: Promptreg, server: ModelServer, call: int) -> None:
    """Start a comparison and kill it as its n-th call reaches the server."""
    process: subprocess.Popen[str]
    server.on_call = lambda n: process.kill() if n == call else None
    process = promptreg.start("compare", "v1", "v2", "-o", "report.json", "-q")
    process.communicate(timeout=180)
    server.on_call = None
    assert process.returncode == -signal.SIGKILL


def check_chain(tmp_path: Path, server: ModelServer, kills: list[int]) -> None:
    """Kill one comparison again and again; check after each kill what was kept and repeated."""
    wanted = expected(tmp_path, server)
    folder = write_suite(tmp_path / "killed", server.url, n=N)
    promptreg = Promptreg(folder)
    every: list[str] = []
    committed: set[str] = set()
    for call in kills:
        killed_at_call(promptreg, server, call)
        keys = server.keys
        assert not committed & set(keys), "a committed call was made again"
        now = stored_keys(folder)
        assert committed <= now, "a committed call was lost"
        assert len(keys) == len(set(keys))
        assert len(set(keys) - now) <= WIDTH, "more calls in flight than the concurrency allows"
        assert now - committed <= set(keys)
        committed = now
        every += keys
        server.forget()
    finished = promptreg("compare", "v1", "v2", "--json", "-o", "report.json")
    assert finished.code == 0
    assert not committed & set(server.keys)
    every += server.keys
    assert len(set(every)) == 2 * N
    assert len(every) - len(set(every)) <= WIDTH * len(kills)
    assert essence(finished.json) == wanted
    assert essence(json.loads((folder / "report.json").read_text("utf-8"))) == wanted
    assert finished.json["trials"]["cached"] == len(committed)


def test_kills_while_calls_are_made(tmp_path: Path, slow_server: ModelServer) -> None:
    check_chain(tmp_path, slow_server, [9, 23])


@pytest.mark.slow
def test_twenty_kills_while_calls_are_made(tmp_path: Path, slow_server: ModelServer) -> None:
    draw = random.Random(20)
    kills = [1, *(draw.randint(1, 2 * WIDTH) for _ in range(15))]
    check_chain(tmp_path, slow_server, kills)


@pytest.fixture
def done(tmp_path: Path, server: ModelServer) -> Promptreg:
    """A suite of which every call is made; only reading, scoring and reporting is left."""
    folder = write_suite(tmp_path / "done", server.url, n=N)
    promptreg = Promptreg(folder)
    assert promptreg("compare", "v1", "v2", "-q").code == 0
    server.forget()
    return promptreg


@pytest.mark.slow
def test_killed_while_reports_are_written(done: Promptreg, server: ModelServer) -> None:
    # A pipe without a reader holds the second report up for as long as one likes.
    pipe = done.folder / "pipe.html"
    os.mkfifo(pipe)
    process = done.start("compare", "v1", "v2", "-o", "a.json", "-o", "pipe.html", "-o", "c.md")
    first = done.folder / "a.json"
    until(first.exists)
    process.kill()
    done.end(process)
    json.loads(first.read_text("utf-8"))
    assert not (done.folder / "c.md").exists()
    pipe.unlink()
    again = done("compare", "v1", "v2", "-o", "a.json", "-o", "pipe.html", "-o", "c.md", "-q")
    assert again.code == 0
    assert "</html>" in pipe.read_text("utf-8")
    assert (done.folder / "c.md").exists()
    assert server.keys == []
    left = {p.name for p in done.folder.iterdir()}
    assert left == {
        *(".promptreg", "promptreg.yaml", "scenarios.jsonl", "v1.txt", "v2.txt"),
        *("a.json", "pipe.html", "c.md"),
    }


@pytest.mark.slow
def test_killed_while_runs_are_finished(done: Promptreg, server: ModelServer) -> None:
    wanted = essence(done("compare", "v1", "v2", "--json").json)
    runs = done.folder / ".promptreg" / "runs"
    draw = random.Random(4)
    for _ in range(4):
        for folder in runs.iterdir():
            shutil.rmtree(folder)
        process = done.start("compare", "v1", "v2", "-o", "report.json", "-q")
        until(lambda: any(runs.iterdir()))
        time.sleep(draw.uniform(0.0, 0.15))
        process.kill()
        done.end(process)
        for run in runs.glob("basic-*"):  # a run that has its name is whole
            assert json.loads((run / "manifest.json").read_text("utf-8"))["trials"] == N
        finished = done("compare", "v1", "v2", "--json")
        assert essence(finished.json) == wanted
    assert server.keys == []


def until(condition: Callable[[], object], within_s: float = 120.0) -> None:
    """Return as soon as a condition holds."""
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.002)
