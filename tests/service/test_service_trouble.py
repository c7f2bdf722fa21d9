"""What goes wrong within the service itself: no job seems to work for ever, no process is left."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, cast

import pytest
import sqlalchemy as sa

from promptreg.discovery import load_plugins
from promptreg.errors import StoreError
from promptreg_plugins.web.engine import refs
from promptreg_plugins.web.engine.refs import check_refs
from promptreg_plugins.web.engine.suites import Suites
from promptreg_plugins.web.jobs import runner as runner_module
from promptreg_plugins.web.jobs.following import Following
from promptreg_plugins.web.jobs.lock import JobLock
from promptreg_plugins.web.jobs.outcome import outcome_of
from promptreg_plugins.web.jobs.process import ChildProcess
from promptreg_plugins.web.jobs.runner import InterruptedJob, JobRunner
from promptreg_plugins.web.jobs.watch import Heart
from promptreg_plugins.web.model import Job, JobKind, JobRequest, JobState
from promptreg_plugins.web.problems import ConflictError, NotFoundError, UnavailableError
from promptreg_plugins.web.store.attempts import Attempt, SupersededError, read_artifact
from promptreg_plugins.web.store.database import Database
from promptreg_plugins.web.store.jobs import Jobs
from promptreg_plugins.web.store.workers import Workers
from recorded_suite import write_recorded
from service_engine import engine_settings, request

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


class Bench:
    """A runner with one job that waits, and no queue."""

    def __init__(self, folder: Path) -> None:
        self.suite = write_recorded(folder / "suite", n=4)
        self.settings = engine_settings(self.suite)
        self.database = Database("", self.settings.folder)
        self.jobs = Jobs(self.database, 10)
        self.suites = Suites(self.settings.suites, load_plugins())
        self.runner = JobRunner(
            self.settings, self.database, self.suites, threading.Event(), lambda _: None
        )
        self.id = self.jobs.add(request(), "anna").id
        self.folder = self.settings.folder.resolve() / "jobs" / self.id

    def attempt(self) -> Job:
        """Make an attempt and return the job."""
        self.runner.attempt(self.id, 1)
        return self.jobs.get(self.id)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def raising(error: BaseException) -> Callable[..., NoReturn]:
    def work(*_: object, **__: object) -> NoReturn:
        raise error

    return work


@pytest.mark.parametrize("name", ["check_refs", "outcome_of", "ChildProcess"])
def test_a_job_whose_attempt_breaks_has_failed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(
        runner_module, "ChildProcess", lambda _, *a, **k: ChildProcess(["true"], *a, **k)
    )
    monkeypatch.setattr(runner_module, name, raising(KeyError("secret detail")))
    job = bench.attempt()
    assert (job.state, job.exit_code) == (JobState.FAILED, 5)
    assert job.problem == "the service failed (KeyError); its log says more"
    assert "secret detail" in caplog.text  # with its traceback
    assert not bench.folder.exists()


def test_what_cannot_be_kept_fails_the_job(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    finish = Attempt.finish

    def picky(attempt: Attempt, state: JobState, facts: Any) -> None:
        if facts["problem"] == "a\0b":
            raise sa.exc.DataError("UPDATE", {}, ValueError("NUL"))
        finish(attempt, state, facts)

    monkeypatch.setattr(Attempt, "finish", picky)
    monkeypatch.setattr(runner_module, "check_refs", raising(ConflictError("a\0b")))
    job = bench.attempt()
    assert (job.state, job.problem) == (
        JobState.FAILED, "the service failed (DataError); its log says more",
    )  # fmt: skip


@pytest.mark.parametrize("error", [SupersededError("x"), InterruptedJob("x")])
def test_an_attempt_that_is_not_the_last_leaves_the_job(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    monkeypatch.setattr(JobRunner, "_run", raising(error))
    with pytest.raises(InterruptedJob):
        bench.runner.attempt(bench.id, 1)
    assert bench.jobs.get(bench.id).state is JobState.RUNNING


def test_the_folder_is_gone_before_the_job_has_ended(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, there = Attempt.finish, []

    def noted(attempt: Attempt, *rest: Any) -> None:
        there.append(bench.folder.exists())
        finish(attempt, *rest)

    def made(*_: object) -> NoReturn:
        assert bench.folder.exists()
        raise RuntimeError

    monkeypatch.setattr(Attempt, "finish", noted)
    monkeypatch.setattr(JobRunner, "_run", made)
    bench.attempt()
    assert there == [False]


def test_a_child_that_cannot_be_noted_is_not_left_behind(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    children = []

    def started(_: object, *rest: Any, **more: Any) -> ChildProcess:
        children.append(ChildProcess(SLEEP, *rest, **more))
        return children[0]

    monkeypatch.setattr(runner_module, "ChildProcess", started)
    monkeypatch.setattr(JobLock, "held_by", raising(OSError("no space left")))
    job = bench.attempt()
    assert (job.state, job.problem) == (JobState.FAILED, "cannot be started: no space left")
    assert children[0].ended() == -9


def test_a_child_without_pipes_leaves_none_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe, opened = os.pipe, cast(list[tuple[int, int]], [])

    def few() -> tuple[int, int]:
        if opened:
            raise OSError(24, "Too many open files")
        opened.append(pipe())
        return opened[0]

    monkeypatch.setattr(os, "pipe", few)
    with pytest.raises(OSError, match="Too many"):
        ChildProcess(["true"], tmp_path, lock=0, grace_s=1)
    for descriptor in opened[0]:
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(descriptor)


def test_a_job_that_waits_for_a_left_process_can_be_cancelled(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.folder.mkdir(parents=True)
    lock = JobLock(bench.folder / "lock")
    assert lock.take()
    left = subprocess.Popen(SLEEP, pass_fds=[lock.descriptor], start_new_session=True)
    lock.held_by(left.pid)
    lock.release()
    try:
        threading.Timer(0.3, lambda: bench.jobs.cancel(bench.id)).start()
        job = bench.attempt()
        assert (job.state, job.exit_code) == (JobState.CANCELLED, 130)
        assert bench.folder.exists()  # who resumes the job sees that it is still in use
        assert not JobLock(bench.folder / "lock").take()
    finally:
        left.kill()
        left.wait()


@pytest.mark.parametrize(
    ("code", "report", "state"),
    [
        (1, True, JobState.FINISHED),
        (1, False, JobState.CANCELLED),
        (143, True, JobState.CANCELLED),
        (-9, True, JobState.CANCELLED),
    ],
)
def test_a_verdict_outlives_a_late_cancel(
    tmp_path: Path, code: int, report: bool, state: JobState
) -> None:
    if report:
        sides: dict[str, Any] = {"baseline": {}, "candidate": {}}
        document = {"gate": {"verdict": "fail", "reasons": ["worse"]}, "trials": {}, **sides}
        (tmp_path / "report.json").write_text(json.dumps(document), "utf-8")
    job = Job("id", request("gate"), JobState.RUNNING, "anna", datetime.now(UTC))
    following = Following(cast(Any, None), str, io.StringIO(), lambda _: None)
    following.cancelled = True
    outcome = outcome_of(job, code, following, tmp_path)
    assert outcome.state is state
    assert outcome.facts.get("verdict") == ("fail" if state is JobState.FINISHED else None)


def test_a_broken_run_store_is_a_refusal(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refs, "list_runs", raising(StoreError("damaged")))
    with pytest.raises(ConflictError, match="damaged"):
        check_refs(bench.suites.all[0].project, JobKind.COMPARE, ("run:abc", "v2"))


def test_the_heart_goes_on_beating(tmp_path: Path) -> None:
    beats = []

    class Frail(Workers):
        def beat(self) -> bool:
            beats.append(1)
            if len(beats) == 1:
                raise KeyError("x")
            return super().beat()

    heart = Heart(Frail(Database("", tmp_path), "me", 0.04), 0.04)
    heart.start()
    end = time.monotonic() + 30
    while len(beats) < 3 and time.monotonic() < end:
        time.sleep(0.01)
    heart.close()
    assert len(beats) >= 3
    assert heart.well_since is not None


def test_who_leaves_is_known_to_be_gone(tmp_path: Path) -> None:
    workers = Workers(Database("", tmp_path), "me", 60)
    workers.join()
    workers.forget("me")  # others took it for gone, and it went on
    workers.leave()
    assert workers.left() == ["me"]
    workers.leave()
    assert workers.left() == ["me"]


@pytest.mark.parametrize("state", ["25006", "25P03"])
def test_states_of_the_server_that_pass(tmp_path: Path, state: str) -> None:
    class Refused(sqlite3.Error):
        sqlstate = state

    database = Database("", tmp_path)
    with pytest.raises(UnavailableError), database.write():
        raise sa.exc.InternalError("UPDATE", {}, Refused("not now"))
    with pytest.raises(sa.exc.InternalError), database.write():
        raise sa.exc.InternalError("UPDATE", {}, sqlite3.Error("broken"))


def test_values_are_not_in_errors(tmp_path: Path) -> None:
    database = Database("", tmp_path)
    row = sa.text("INSERT INTO promptreg_meta VALUES ('schema', :value)")
    with pytest.raises(sa.exc.IntegrityError) as refused, database.write() as c:
        c.execute(row, {"value": "planted-secret"})
    assert "planted-secret" not in str(refused.value)


def test_names_that_no_database_can_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database("", tmp_path)
    store = Jobs(database, 10)
    for ask in (store.get, store.cancel, store.resume):
        with pytest.raises(NotFoundError):
            ask("a\0b")
    with pytest.raises(NotFoundError):
        read_artifact(database, "a", "b\0")
    store.add(JobRequest(JobKind.COMPARE, "s", ("v1", "v2")), "ci")
    assert store.page(suite="s\0", state=None, offset=0, limit=9).total == 0
