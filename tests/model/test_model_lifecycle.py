"""What happens to work when the server dies, comes back, or never was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from model_server import SERVE, ModelServer
from promptreg.cli.app import run
from suite_model import write_suite

pytestmark = pytest.mark.model

Start = Callable[[], ModelServer]


@pytest.fixture
def start(
    model_packages: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], ModelServer]]:
    """Start a server of the test's own, which the test may kill."""
    started: list[ModelServer] = []

    def begin() -> ModelServer:
        started.append(ModelServer(tmp_path_factory.mktemp("own_server")))
        return started[-1]

    yield begin
    for server in started:
        server.kill()


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A suite whose server is named, so that its address may change."""
    write_suite(tmp_path, "${PORCH_URL}\n  endpoint_id: porch")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def use(monkeypatch: pytest.MonkeyPatch, server: ModelServer) -> None:
    monkeypatch.setenv("PORCH_URL", server.url)


def trials(text: str) -> tuple[int, int]:
    found: dict[str, Any] = json.loads(text)
    return found["trials"]["cached"], found["trials"]["called"]


def test_a_dead_server_is_not_needed_for_what_is_stored(
    suite: Path,
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server = start()
    use(monkeypatch, server)
    assert run(["compare", "v1", "v2", "-n", "2", "--json"]) == 0
    assert trials(capsys.readouterr().out) == (0, 4)
    server.kill()

    assert run(["compare", "v1", "v2", "-n", "2"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "4 trials (4 cached, 0 called)" in shown
    assert "warning: the provider was not reachable" in shown
    assert "Connection refused" in shown
    assert "for the model it named last" in shown

    assert run(["compare", "v1", "v2", "-n", "3"]) == 5  # two trials more than are stored
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "4 of 6 trials are answered and kept" in printed.err
    assert "is the server running?" in printed.err

    assert run(["plan", "v1", "v2", "-n", "3", "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert (planned["cached"], planned["calls"]) == (4, 2)
    assert any("not reachable" in note for note in planned["notes"])

    assert run(["doctor"]) == 5
    assert "FAULT" in capsys.readouterr().out

    use(monkeypatch, start())  # the same server, at another address
    assert run(["compare", "v1", "v2", "-n", "3", "--json"]) == 0
    assert trials(capsys.readouterr().out) == (4, 2)


def test_a_server_that_dies_at_work_stops_the_run(
    suite: Path,
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server = start()
    use(monkeypatch, server)

    def kill_at_work() -> None:
        wait_for(lambda: answers(suite) > 0)
        server.kill()

    killer = threading.Thread(target=kill_at_work)
    killer.start()
    code = run(["compare", "v1", "v2", "--repeats", "20"])
    killer.join()
    printed = capsys.readouterr()
    assert (code, printed.out) == (5, "")
    assert "can no longer be reached (50 attempts in a row)" in printed.err
    assert "the same command goes on from there" in printed.err
    kept = int(printed.err.split("; ")[-2].split(" of 160 trials")[0])
    assert 0 < kept < 50
    run(["doctor", "--json"])
    checks = json.loads(capsys.readouterr().out)
    (store,) = [found for found in checks if found["check"] == "store"]
    assert f"{kept} completions" in store["detail"]  # what it says it kept is there


def test_ctrl_c_keeps_what_was_answered(
    suite: Path,
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    use(monkeypatch, start())
    command = [sys.executable, "-m", "promptreg", "compare", "v1", "v2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        wait_for(lambda: answers(suite) > 0 or process.poll() is not None)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=180)
    assert process.returncode == 130, said
    assert b"interrupted: " in said
    assert b"the same command goes on from there" in said
    assert b"Traceback" not in said
    answered = int(said.split(b"interrupted: ")[1].split(b" of 8 trials")[0])
    assert run(["compare", "v1", "v2", "--json"]) == 0
    assert trials(capsys.readouterr().out) == (answered, 8 - answered)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_server_ends_cleanly_when_told(start: Start, number: signal.Signals) -> None:
    server = start()
    server.process.send_signal(number)
    assert server.process.wait(120) == 0
    assert not server.log.with_name("server.url").exists()


def test_the_server_ends_with_the_process_that_started_it(
    model_packages: None, tmp_path: Path
) -> None:
    ready = tmp_path / "url"
    script = (
        "import subprocess, sys, time\n"
        f"p = subprocess.Popen([sys.executable, {str(SERVE)!r}, '--context', '256',"
        f" '--exit-with-parent', '--ready-file', {str(ready)!r}])\n"
        "print(p.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as parent:
        assert parent.stdout is not None
        server = int(parent.stdout.readline())
        wait_for(ready.exists)
        parent.kill()
    wait_for(lambda: not ready.exists())  # it takes its address back as the last thing
    wait_for(lambda: not running(server))


def test_the_server_says_why_it_does_not_start(model_packages: None, tmp_path: Path) -> None:
    no_model = tmp_path / "model.gguf"
    no_model.write_bytes(b"GGUF" + bytes(1000))
    for words, said in (
        (["--model", str(tmp_path / "none.gguf")], "there is no model file at"),
        (["--model", str(no_model)], "is no GGUF model that it can load"),
        (["--model", str(no_model), "--sha256", "00"], "has SHA-256"),
    ):
        ended = subprocess.run(
            [sys.executable, str(SERVE), *words], capture_output=True, text=True, timeout=180
        )
        assert ended.returncode == 1
        assert said in ended.stderr  # the server may have a last word of its own
        assert "Traceback" not in ended.stderr


def answers(suite: Path) -> int:
    """Return how many completions stand in the store's log."""
    log = suite / ".promptreg" / "calls.sqlite-wal"
    return log.read_bytes().count(b"risk_score") if log.exists() else 0


def running(process: int) -> bool:
    """Return whether a process that is no child of this one still runs."""
    try:
        os.kill(process, 0)
        state = Path(f"/proc/{process}/stat").read_text("utf-8").rsplit(")", 1)[1].split()[0]
    except (OSError, IndexError):
        return False
    return state != "Z"


def wait_for(holds: Callable[[], bool]) -> None:
    """Return when something holds."""
    deadline = time.monotonic() + 180
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
