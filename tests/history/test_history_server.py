"""A real MLflow server on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from history_files import with_mlflow
from mlflow_places import MlflowServer, postgres
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
    assert "ok" in run("doctor", within_s=60).out
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
    import time

    time.sleep(3)
    server.stop()
    done = run.end(process, 120)
    assert done.code in (0, 5)
    if done.code == 5:
        assert "1 entry is kept" in done.out
