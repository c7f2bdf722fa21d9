"""A real MLflow server on a real PostgreSQL."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from history_files import with_mlflow
from mlflow_places import MlflowServer, Postgres, postgres
from promptreg.testing import HistoryContract
from promptreg_plugins.mlflow_history.history import MlflowHistory
from recorded_suite import right, threats_missed, write_recorded

pytestmark = [pytest.mark.heavy, pytest.mark.xdist_group("mlflow_server")]


@pytest.fixture(scope="module")
def backend() -> Iterator[str]:
    with postgres() as address:
        yield address


@pytest.fixture(scope="module")
def server(backend: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    made = MlflowServer(tmp_path_factory.mktemp("server"), backend)
    yield made
    made.stop()


def test_end_to_end_on_a_server(server: MlflowServer, tmp_path: Path) -> None:
    history = {"use": "mlflow", "url": server.url, "wait": 300}
    folder = write_recorded(tmp_path / "s", threats_missed, n=40, history=history)
    run = with_mlflow(folder, MLFLOW_HTTP_REQUEST_TIMEOUT="60")  # a busy machine is no dead one
    first = run("gate", "v1", "v2", within_s=300)
    assert first.code == 1
    assert f"recorded 1 entry in MLflow, {server.url}" in first.err
    write_recorded(run.folder, right, n=40, history=history)
    assert "recorded 1 entry" in run("compare", "v1", "v2", within_s=300).err
    every = run("history", "list", "--json", within_s=300).json
    assert [c["gate"]["verdict"] for c in every].count("fail") == 1
    assert len(every) == 2
    assert "ok" in run("doctor", within_s=300).out
    table = tmp_path / "t.parquet"
    asked = run(
        "history", "show", every[0]["candidate"]["runs"]["basic"], "-o", str(table), within_s=300
    )
    assert asked.code == 0
    assert table.stat().st_size > 1000
    gone = run("history", "gc", every[1]["id"], "--yes", "--json", within_s=300).json
    assert gone["removed"] == 1
    assert len(run("history", "list", "--json", within_s=300).json) == 1


class TestServerHistory(HistoryContract):
    """Each test records something of its own; the samples of one do not disturb the others."""

    @pytest.fixture(autouse=True)
    def _server(self, server: MlflowServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
        self.url = server.url

    def make(self) -> MlflowHistory:
        return MlflowHistory(url=self.url)


def test_a_server_that_dies_in_the_middle_keeps_the_entry(backend: str, tmp_path: Path) -> None:
    server = MlflowServer(tmp_path, backend)
    folder = write_recorded(
        tmp_path / "s", right, n=40, history={"use": "mlflow", "url": server.url, "record": False}
    )
    run = with_mlflow(folder)
    run("compare", "v1", "v2", within_s=300)
    process = run.start("history", "sync")
    time.sleep(3)
    server.stop()
    done = run.end(process, 120)
    assert done.code in (0, 5)
    if done.code == 5:
        assert "1 entry is kept" in done.out


def test_a_database_that_goes_away_in_the_middle_loses_nothing(tmp_path: Path) -> None:
    """The server answers on, with errors; the entry waits, and is recorded whole and once."""
    database = Postgres()
    database.start()
    server = MlflowServer(tmp_path, database.address)
    try:
        history = {"use": "mlflow", "url": server.url, "record": False}
        run = with_mlflow(
            write_recorded(tmp_path / "s", right, n=40, history=history),
            MLFLOW_HTTP_REQUEST_TIMEOUT="60",
        )
        run("compare", "v1", "v2", within_s=300)
        process = run.start("history", "sync")
        _wait_for_a_run(server)
        database.stop()
        done = run.end(process, 300)
        assert done.code == 5, done.out
        assert "1 entry is kept" in done.out
        database.start()
        assert "recorded 1 entry" in run("history", "sync", within_s=300).out
        (comparison,) = run("history", "list", "--json", within_s=300).json
        runs = run("history", "list", "--runs", "--json", within_s=300).json
        assert len(runs) == 2
        for found in runs:
            table = tmp_path / f"{found['id']}.parquet"
            run("history", "show", found["id"], "-o", str(table), within_s=300)
            assert table.stat().st_size > 1000
        assert comparison["gate"]["verdict"] == "pass"
    finally:
        server.stop()
        database.stop()
        database.remove()


def _wait_for_a_run(server: MlflowServer) -> None:
    """Return as soon as something of the recording is there: half of it is not."""
    asked = json.dumps({"max_results": 100}).encode()
    until = time.monotonic() + 120
    while time.monotonic() < until:
        found = json.loads(_post(server, "experiments/search", asked))
        ids = [e["experiment_id"] for e in found.get("experiments", []) if e["name"] == "faults"]
        if ids and b'"run_id"' in _post(
            server, "runs/search", json.dumps({"experiment_ids": ids}).encode()
        ):
            return
        time.sleep(0.05)
    raise AssertionError("nothing was recorded")


def _post(server: MlflowServer, path: str, content: bytes) -> bytes:
    url = f"{server.url}/api/2.0/mlflow/{path}"
    request = urllib.request.Request(url, content, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return bytes(answer.read())
