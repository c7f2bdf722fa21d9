"""Signals and closed pipes: the run stops cleanly, says how to go on, and goes on."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import Promptreg, stored_keys
from fake_model import ModelServer, running
from fault_server import status
from suite_factory import write_suite

N = 30


@pytest.fixture
def slow_server() -> Iterator[ModelServer]:
    """A server that takes its time."""
    with running(ModelServer(delay_s=0.05)) as started:
        yield started


@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param(signal.SIGINT, 130, id="SIGINT"),
        pytest.param(signal.SIGTERM, 143, id="SIGTERM", marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, 143, id="SIGHUP", marks=pytest.mark.slow),
    ],
)
def test_one_signal_stops_cleanly(
    tmp_path: Path, slow_server: ModelServer, number: signal.Signals, code: int
) -> None:
    folder = write_suite(tmp_path, slow_server.url, n=N)
    promptreg = Promptreg(folder)
    # Sent by the server, before it answers: whoever waited for the call might come too late.
    process: subprocess.Popen[str]
    slow_server.on_call = lambda n: process.send_signal(number) if n == 10 else None
    process = promptreg.start("compare", "v1", "v2")
    stopped = promptreg.end(process)
    assert stopped.code == code
    assert stopped.out == ""
    kept = stored_keys(folder)
    assert f"{len(kept)} of 60 trials are answered and kept" in stopped.err
    assert "the same command goes on from there" in stopped.err
    assert 0 < len(kept) < 2 * N
    assert not list((folder / ".promptreg" / "runs").iterdir())
    slow_server.forget()
    slow_server.delay_s = 0
    finished = promptreg("compare", "v1", "v2", "--json")
    assert finished.code == 0
    assert finished.json["trials"]["cached"] == len(kept)
    assert not kept & set(slow_server.keys)


def test_the_second_signal_ends_at_once(tmp_path: Path, slow_server: ModelServer) -> None:
    slow_server.delay_s = 60
    promptreg = Promptreg(write_suite(tmp_path, slow_server.url, n=N))
    process = promptreg.start("compare", "v1", "v2")
    slow_server.wait_for(4)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    # Killed by the signal itself, which a shell shows as 130; or the first was quicker.
    assert promptreg.end(process, within_s=45).code in (-signal.SIGINT, 130)


def test_interrupted_while_it_starts(tmp_path: Path) -> None:
    """Ctrl-C while the command line is being imported shows no traceback."""
    code = (
        "import builtins, sys\n"
        "real = builtins.__import__\n"
        "def interrupted(name, *rest):\n"
        "    if name == 'typer': raise KeyboardInterrupt\n"
        "    return real(name, *rest)\n"
        "builtins.__import__ = interrupted\n"
        "sys.argv = ['promptreg', '--version']\n"
        "from promptreg.__main__ import main\n"
        "main()"
    )
    finished = Promptreg(tmp_path).python("-c", code)
    assert (finished.code, finished.out, finished.err) == (130, "", "")


@pytest.mark.slow
def test_interrupted_while_the_server_loads(tmp_path: Path) -> None:
    server = ModelServer()
    server.pages["/health"] = status(503)
    with running(server):
        folder = write_suite(tmp_path, server.url, n=N, provider={"ready_timeout": 60})
        promptreg = Promptreg(folder)
        process = promptreg.start("compare", "v1", "v2")
        server.wait_for_requests(2)
        process.send_signal(signal.SIGINT)
        stopped = promptreg.end(process)
    assert (stopped.code, stopped.out) == (130, "")
    assert stopped.err == "promptreg: interrupted; the next call resumes\n"


@pytest.mark.slow
def test_no_cache_makes_no_promise(tmp_path: Path, server: ModelServer) -> None:
    promptreg = Promptreg(write_suite(tmp_path, server.url, n=N))
    stopped = promptreg("compare", "v1", "v2", "--no-cache", "--budget", "7")
    assert stopped.code == 5
    assert "7 of 60 trials are answered; with --no-cache the next call asks all" in stopped.err
    finished = promptreg("compare", "v1", "v2", "--no-cache", "--json")
    assert finished.json["trials"]["called"] == 2 * N


@pytest.mark.parametrize(
    "extra", ["--json", pytest.param("-v", marks=pytest.mark.slow)], ids=["json", "view"]
)
def test_a_reader_that_leaves_changes_no_verdict(
    tmp_path: Path, server: ModelServer, extra: str
) -> None:
    promptreg = Promptreg(write_suite(tmp_path, server.url, n=N))
    process = promptreg.start("gate", "v1", "v2", extra)
    assert process.stdout is not None
    process.stdout.close()  # nobody reads
    finished = promptreg.end(process)
    assert finished.code == 3, finished.err
    assert finished.err == ""


@pytest.mark.slow
def test_a_full_disk_behind_stdout(tmp_path: Path, server: ModelServer) -> None:
    promptreg = Promptreg(write_suite(tmp_path, server.url, n=N))
    with Path("/dev/full").open("w") as full:
        finished = promptreg.end(promptreg.start("gate", "v1", "v2", "--json", stdout=full))
    assert finished.code == 5
    assert finished.err.count("promptreg:") == 1
    assert "No space left" in finished.err


@pytest.mark.slow
def test_head_takes_one_line(tmp_path: Path, server: ModelServer) -> None:
    promptreg = Promptreg(write_suite(tmp_path, server.url, n=N))
    process = promptreg.start("compare", "v1", "v2", "--json")
    assert process.stdout is not None
    head = subprocess.run(["head", "-1"], stdin=process.stdout, capture_output=True, check=True)
    process.stdout.close()
    assert head.stdout == b"{\n"
    finished = promptreg.end(process)
    assert (finished.code, finished.err) == (0, "")


@pytest.mark.slow
def test_errors_without_a_reader(tmp_path: Path) -> None:
    promptreg = Promptreg(write_suite(tmp_path, "http://127.0.0.1:9"))
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as pipe:
        process = promptreg.start("compare", "v1", "v9", stderr=pipe)
    assert promptreg.end(process).code == 2
