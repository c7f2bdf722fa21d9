"""MLflow as users have it: beside the run store, dead, slow, of another version, killed."""

from __future__ import annotations

import json
import shutil
import signal
import time
from pathlib import Path

import pytest

from command_line import Promptreg, written_bytes
from fault_server import free_port
from history_files import with_mlflow
from mlflow_places import answering, hanging_server, rows
from promptreg.testing import HistoryContract
from promptreg_plugins.mlflow_history.address import find_address
from promptreg_plugins.mlflow_history.history import MlflowHistory
from promptreg_plugins.mlflow_history.names import metric_key, metric_parts, prompt_name
from recorded_suite import right, threats_missed, write_recorded
from suite_factory import TEMPLATE

ACTIVE = "lifecycle_stage = 'active'"


def database(folder: Path) -> Path:
    return folder / ".promptreg" / "history" / "mlflow.db"


def mlflow_suite(folder: Path, *, record: bool = True) -> Promptreg:
    history = {"use": "mlflow", "record": record}
    return with_mlflow(write_recorded(folder, threats_missed, n=24, history=history))


@pytest.mark.parametrize(
    ("metric", "part", "where"),
    [
        ("in_range", "", None),
        ("in_range", "low", None),
        ("odd:name", "high", ("a/b", "x=y'z ü")),
        ("overall", "", ("..", ".")),
        ("m", "n", ("slice", "")),
        ("m", "", ("猫", "\n\t\0")),
    ],
)
def test_names_of_metrics_fit_mlflow_and_come_back(
    metric: str, part: str, where: tuple[str, str] | None
) -> None:
    key = metric_key(metric, part, where)
    assert all(c.isascii() and (c.isalnum() or c in "_-./:") for c in key)
    assert not {"", ".", ".."} & set(key.split("/"))
    assert metric_parts(key) == (metric, part, where)


def test_names_that_are_too_long_stay_apart() -> None:
    one, other = (metric_key("m", "low", ("a", "x" * 300 + end)) for end in "12")
    assert one != other
    assert len(one) <= 250
    assert prompt_name("s", "a+b") != prompt_name("s", "a-b")


def test_addresses_show_no_password(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(ValueError, match="MLFLOW_TRACKING_PASSWORD") as refused:
        find_address("https://me:planted@host/x", None)
    assert "planted" not in str(refused.value)
    with pytest.raises(ValueError, match="allowed are"):
        find_address("file:///tmp/mlruns", None)
    assert find_address(None, str(tmp_path)).folder == tmp_path
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:planted@host:5000/x")
    assert find_address(None, str(tmp_path)).shown == "https://host:5000/x"
    assert find_address("http://other", None).shown == "http://other"


def test_a_server_that_is_dead_or_silent_is_told_in_seconds() -> None:
    dead = find_address(f"http://127.0.0.1:{free_port()}", None).probe()
    assert not dead.ready
    with hanging_server() as url:
        silent = find_address(url, None).probe()
    assert not silent.ready
    assert "Timeout" in silent.detail


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that MLflow has just made; making one takes seconds."""
    folder = tmp_path_factory.mktemp("empty")
    from promptreg.past import Wanted

    history = MlflowHistory(url=f"sqlite:///{folder / 'mlflow.db'}")
    with history._session.client():
        pass
    assert history.runs(Wanted("none")) == []
    return folder / "mlflow.db"


@pytest.mark.slow
@pytest.mark.xdist_group("mlflow")
class TestMlflowHistory(HistoryContract):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        self.folder = tmp_path / "history"
        self.folder.mkdir()
        shutil.copyfile(empty, self.folder / "mlflow.db")

    def make(self) -> MlflowHistory:
        return MlflowHistory(folder=str(self.folder))


@pytest.mark.slow
@pytest.mark.xdist_group("mlflow")
def test_embedded_end_to_end(tmp_path: Path) -> None:
    run = mlflow_suite(tmp_path / "s")
    (run.folder / "promptreg.registry.jsonl").unlink(missing_ok=True)
    assert run("templates", "promote", "basic@v1", "--initial").code == 0
    first = run("gate", "v1", "v2", within_s=120)
    assert first.code == 1
    assert first.err.strip().count("\n") == 0, first.err  # one line, and no warning of MLflow's
    assert "recorded 1 entry in MLflow" in first.err
    db = database(run.folder)
    kinds = "SELECT value, count(*) FROM tags t JOIN runs r USING (run_uuid) WHERE key = "
    kinds += f"'promptreg.kind' AND {ACTIVE} GROUP BY value"
    assert dict(rows(db, kinds)) == {"comparison": 1, "event": 1, "run": 2}
    parents = "SELECT count(*) FROM tags WHERE key = 'mlflow.parentRunId'"
    assert rows(db, parents) == [(2,)]
    assert rows(db, "SELECT count(*) FROM inputs")[0][0] >= 2
    linked = "SELECT count(*) FROM tags WHERE key = 'mlflow.linkedPrompts'"
    assert rows(db, linked) == [(3,)]  # both runs, and the promotion
    versions = "SELECT name, version FROM model_versions ORDER BY version"
    assert rows(db, versions) == [("faults.basic", 1), ("faults.basic", 2)]
    aliases = dict(rows(db, "SELECT alias, version FROM registered_model_aliases"))
    assert {aliases.pop("production"), aliases.pop("candidate")} == {1, 2}
    assert all(alias.startswith("sha-") for alias in aliases)
    (comparison,) = run("history", "list", "--json", within_s=120).json
    assert comparison["gate"]["verdict"] == "fail"
    report = tmp_path / "r.html"
    run("history", "show", comparison["id"], "-o", str(report), within_s=120)
    assert "<html" in report.read_text("utf-8")[:500]
    write_recorded(run.folder, right, n=24, history={"use": "mlflow", "record": False})
    again = run("compare", "v1", "v2", "--record", within_s=120)
    assert "recorded 1 entry" in again.err
    assert len(rows(db, versions)) == 2  # the same texts are the same versions
    charts = run("history", "trend", "in_range", "--json", within_s=120).json
    looks = {p["label"]: p["drift"] for p in charts[0]["points"] if p["drift"]}
    assert looks["v1"]["p_value"] == 1.0  # it answers as it did
    assert looks["v2"]["difference"] > 0


@pytest.mark.slow
@pytest.mark.xdist_group("mlflow")
def test_what_mlflow_s_pages_show_is_there(tmp_path: Path) -> None:
    """A data scientist who never heard of us: filters by parameters, reads notes, finds prompts."""
    guard = [{"metric": "in_range", "where": {"scenario_type": "threat"}}]
    history = {"use": "mlflow", "record": False}
    folder = write_recorded(
        tmp_path / "s", threats_missed, n=24, history=history, gate={"guard": guard}
    )
    run = with_mlflow(folder)
    assert run("gate", "v1", "v2").code == 1
    assert run("templates", "promote", "basic@v1", "--initial", "-q").code == 0
    assert run("templates", "promote", "basic@v2", "--override", "a reason", "-q").code == 0
    done = run("history", "sync", within_s=120)
    assert "2 moves of aliases recorded" in done.out
    db = database(run.folder)
    params = (
        "SELECT key, value FROM params p JOIN runs r USING (run_uuid) WHERE r.name = 'basic@v2'"
    )
    held = dict(rows(db, params))
    assert (held["template"], held["version"], held["scenarios"]) == ("basic", "v2", "24")
    notes = dict(
        rows(
            db,
            "SELECT r.name, value FROM tags t JOIN runs r USING (run_uuid) "
            "WHERE key = 'mlflow.note.content'",
        )
    )
    note = notes["v1 to v2: fail"]
    assert note.startswith("**GATE FAIL**")
    assert "scenario\\_type=threat" in note
    children = "SELECT run_uuid FROM runs WHERE name IN ('basic@v1', 'basic@v2')"
    for (place,) in rows(db, children):
        assert f"/runs/{place})" in note  # one parent is all that MLflow knows; links lead to both
    sliced = "basic/slice/scenario_type/threat/in_range/%"
    sliced = f"SELECT count(*) FROM latest_metrics WHERE key LIKE '{sliced}'"
    assert rows(db, sliced) == [(10,)]  # of the gate, and of the promotion
    inputs = (
        "SELECT count(*) FROM inputs i JOIN tags t ON t.run_uuid = i.destination_id "
        "WHERE t.key = 'promptreg.kind' AND t.value = 'comparison'"
    )
    assert rows(db, inputs)[0][0] >= 1
    (home,) = rows(db, "SELECT experiment_id FROM experiments WHERE name = 'faults'")[0]
    homes = "SELECT value FROM registered_model_tags WHERE key = '_mlflow_experiment_ids'"
    assert rows(db, homes) == [(f",{home},",)]  # the experiment's own page lists its prompts
    aliases = dict(rows(db, "SELECT alias, version FROM registered_model_aliases"))
    labels = dict(
        rows(db, "SELECT version, value FROM model_version_tags WHERE key = 'promptreg.label'")
    )
    assert labels[aliases["production"]] == labels[aliases["candidate"]] == "v2"
    moved = "SELECT count(*) FROM tags WHERE key = 'mlflow.linkedPrompts'"
    assert rows(db, moved)[0][0] >= 4  # runs and promotions alike
    pages = [f.name for f in (db.parent / "artifacts").rglob("report.*")]
    assert pages.count("report.html") == pages.count("report.json") == 2
    assert "recorded 0 entries" in run("history", "sync", within_s=120).out
    found = run("history", "list", "--events", "--json", within_s=120).json
    assert [e["facts"]["label"] for e in found] == ["v2", "v1"]


@pytest.mark.parametrize(
    ("version", "told"),
    [("2.22.0", "is MLflow 2.22.0; the Prompt Registry needs 3"), ("<html>", "not as MLflow does")],
)
def test_a_server_of_another_version_is_told_before_anything_is_written(
    version: str, told: str
) -> None:
    with answering(version) as url:
        probe = find_address(url, None).probe()
    assert not probe.ready
    assert told in probe.detail


@pytest.mark.slow
@pytest.mark.xdist_group("mlflow")
def test_a_dead_server_delays_little_and_loses_nothing(tmp_path: Path) -> None:
    run = mlflow_suite(tmp_path / "s")
    secret = "planted-secret-7f3a9c"
    dead = {"MLFLOW_TRACKING_URI": f"http://me:{secret}@127.0.0.1:{free_port()}"}
    done = run("gate", "v1", "v2", env=dead, within_s=150)
    assert done.code == 1
    assert "not recorded" in done.err
    assert "1 entry is kept" in done.err
    asked = run("history", "list", env=dead, within_s=150)
    assert asked.code == 5
    doctor = run("doctor", env=dead, within_s=150)
    assert doctor.code == 5
    assert secret not in done.out + done.err + asked.err + doctor.out
    with hanging_server() as url:
        slow_one = run("history", "sync", env={"MLFLOW_TRACKING_URI": url}, within_s=150)
    assert slow_one.code == 5
    later = run("history", "sync", within_s=120)
    assert "recorded 1 entry" in later.out
    held = written_bytes(run.folder).values()
    assert not any(secret.encode() in content for content in held)
    assert len(run("history", "list", "--json", within_s=120).json) == 1


@pytest.mark.slow
@pytest.mark.xdist_group("mlflow")
@pytest.mark.parametrize("moment", ["parent", "metrics"])
def test_killed_while_recording_and_called_again_everything_is_there_once(
    tmp_path: Path, empty: Path, moment: str
) -> None:
    run = mlflow_suite(tmp_path / "s", record=False)
    run("compare", "v1", "v2")
    db = database(run.folder)
    shutil.copyfile(empty, db)
    asked = {
        "parent": "SELECT count(*) >= 1 FROM runs",
        "metrics": "SELECT count(*) >= 1 FROM latest_metrics",
    }[moment]
    process = run.start("history", "sync")
    while process.poll() is None:
        if rows(db, asked)[0][0]:
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.001)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert "recorded 1 entry" in run("history", "sync", within_s=120).out
    ids = (
        f"SELECT value FROM tags JOIN runs USING (run_uuid) WHERE key = 'promptreg.id' AND {ACTIVE}"
    )
    found = [value for (value,) in rows(db, ids)]
    assert len(found) == len(set(found)) == 3
    whole = "SELECT count(*) FROM tags WHERE key = 'promptreg.complete'"
    assert rows(db, whole) == [(3,)]
    assert rows(db, "SELECT count(*) FROM model_versions") == [(2,)]
    doubled = (
        "SELECT count(*) FROM (SELECT 1 FROM metrics GROUP BY run_uuid, key HAVING count(*) > 1)"
    )
    assert rows(db, doubled) == [(0,)]
    assert rows(db, "SELECT count(*) FROM inputs")[0][0] == 3  # both runs, and the comparison
    assert "recorded 0 entries" in run("history", "sync").out


@pytest.mark.slow
@pytest.mark.xdist_group("mlflow")
def test_a_database_of_another_version_is_told_as_such(tmp_path: Path, empty: Path) -> None:
    import sqlite3

    run = mlflow_suite(tmp_path / "s", record=False)
    run("compare", "v1", "v2")
    db = database(run.folder)
    shutil.copyfile(empty, db)
    with sqlite3.connect(db) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'fedcba987654'")
    connection.close()
    done = run("history", "sync", within_s=120)
    assert done.code == 5
    assert "another version of MLflow" in done.out
    assert "1 entry is kept" in done.out


@pytest.mark.slow
@pytest.mark.xdist_group("mlflow")
def test_ten_thousand_trials_are_all_there(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    folder = write_recorded(tmp_path / "s", right, n=10_000, history={"use": "mlflow"})
    run = with_mlflow(folder)
    done = run("compare", "v1", "v2", "-q", within_s=300)
    assert done.code == 0
    assert "not recorded" not in done.err
    tables = sorted((database(folder).parent / "artifacts").rglob("trials.parquet"))
    assert [pq.read_metadata(t).num_rows for t in tables] == [10_000, 10_000]
    assert [pq.read_table(t, columns=["scenario_id"]).num_rows for t in tables] == [10_000] * 2


@pytest.mark.slow
@pytest.mark.xdist_group("mlflow")
def test_a_template_that_was_edited_is_another_version(tmp_path: Path) -> None:
    run = mlflow_suite(tmp_path / "s", record=False)
    run("compare", "v1", "v2")
    text = TEMPLATE.replace("LABEL", "v2") + " Be brief."
    (run.folder / "v2.txt").write_text(text, "utf-8")
    run("compare", "v1", "v2")
    run("history", "sync", within_s=120)
    db = database(run.folder)
    assert rows(db, "SELECT count(*) FROM model_versions") == [(3,)]
    tags = "SELECT value FROM model_version_tags WHERE key = 'promptreg.variables'"
    assert {json.loads(value)[0] for (value,) in rows(db, tags)} == {"detections"}
