"""Several processes on one suite at once: each call is made once, all come to the same report."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import Promptreg, essence
from fake_model import ModelServer, running
from suite_factory import write_suite

N = 40


@pytest.fixture
def slow_server() -> Iterator[ModelServer]:
    """A server that takes its time, so that the processes meet."""
    with running(ModelServer(delay_s=0.03)) as started:
        yield started


def test_two_comparisons_at_once(tmp_path: Path, slow_server: ModelServer) -> None:
    promptreg = Promptreg(write_suite(tmp_path, slow_server.url, n=N))
    both = [
        promptreg.start("compare", "v1", "v2", "--json", "-o", f"report{i}.json") for i in range(2)
    ]
    reports = []
    for process in both:
        finished = promptreg.end(process)
        assert finished.code == 0, finished.err
        reports.append(finished.json)
    assert slow_server.repeated == {}
    assert len(slow_server.keys) == 2 * N
    assert essence(reports[0]) == essence(reports[1])
    # Latencies, too: both tell of the same completions.
    sides = [[r[side]["run_id"] for side in ("baseline", "candidate")] for r in reports]
    assert sides[0] == sides[1]
    assert sum(r["trials"]["called"] for r in reports) == 2 * N


@pytest.mark.slow
def test_a_dead_process_leaves_its_calls_to_the_living(
    tmp_path: Path, slow_server: ModelServer
) -> None:
    promptreg = Promptreg(write_suite(tmp_path, slow_server.url, n=N))
    first = promptreg.start("compare", "v1", "v2", "-q")
    slow_server.wait_for(8)
    second = promptreg.start("compare", "v1", "v2", "--json")
    slow_server.wait_for(24)
    first.send_signal(signal.SIGKILL)
    promptreg.end(first)
    finished = promptreg.end(second, within_s=30)
    assert finished.code == 0, finished.err
    assert len(set(slow_server.keys)) == 2 * N
    assert len(slow_server.repeated) <= 4
