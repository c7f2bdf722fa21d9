"""Every job ends and says why, also where its start or its end cannot be written down."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, cast

import pytest
import sqlalchemy as sa

from promptreg.discovery import load_plugins
from promptreg_plugins.web.engine import Engine
from promptreg_plugins.web.engine.suites import Suites
from promptreg_plugins.web.jobs import runner as runner_module
from promptreg_plugins.web.jobs.outcome import Outcome
from promptreg_plugins.web.jobs.queue import JobQueue
from promptreg_plugins.web.jobs.runner import JobRunner
from promptreg_plugins.web.jobs.settling import Settling
from promptreg_plugins.web.model import JobState
from promptreg_plugins.web.problems import UnavailableError
from promptreg_plugins.web.store.attempts import Attempt
from promptreg_plugins.web.store.database import Database
from promptreg_plugins.web.store.jobs import Jobs, Waiting
from promptreg_plugins.web.store.orphans import fail_job
from recorded_suite import write_recorded
from service_engine import WHO, engine_settings, request, until

NO_EVENTS = """CREATE TRIGGER no_events BEFORE INSERT ON promptreg_events
WHEN NEW.kind = 'state' BEGIN SELECT RAISE(ABORT, 'no event today'); END"""


class Bench:
    """A runner with one job that waits, and no queue."""

    def __init__(self, folder: Path) -> None:
        self.suite = write_recorded(folder / "suite", n=4)
        self.settings = engine_settings(self.suite)
        self.database = Database("", self.settings.folder)
        self.jobs = Jobs(self.database, 10)
        suites = Suites(self.settings.suites, load_plugins())
        self.runner = JobRunner(
            self.settings, self.database, suites, threading.Event(), lambda _: None
        )
        self.id = self.jobs.add(request(), "anna").id

    def sql(self, text: str) -> None:
        with self.database.write() as c:
            c.exec_driver_sql(text)

    def attempt(self) -> tuple[str, int, str]:
        """Make an attempt; return the job's state, exit code and problem."""
        self.runner.attempt(self.id, 1)
        with self.database.read() as c:
            row = c.exec_driver_sql("SELECT state, exit_code, problem FROM promptreg_jobs").one()
        state, code, problem = row
        return state, code, problem


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(runner_module, "_WAIT_S", 0.01)
    return Bench(tmp_path)


def raising(error: BaseException) -> Callable[..., NoReturn]:
    def work(*_: object, **__: object) -> NoReturn:
        raise error

    return work


def test_a_job_that_cannot_be_read_has_failed(bench: Bench) -> None:
    bench.sql("UPDATE promptreg_jobs SET options = '{'")
    state, code, problem = bench.attempt()
    assert (state, code) == ("failed", 5)
    assert "JSONDecodeError" in problem
    assert "log says more" in problem


def test_a_start_that_cannot_be_told_has_failed(bench: Bench) -> None:
    bench.sql(NO_EVENTS)
    state, code, problem = bench.attempt()
    assert (state, code) == ("failed", 5)
    assert problem.startswith("what came of it could not be recorded (IntegrityError)")


def test_an_end_that_cannot_be_written_has_failed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = sa.exc.DataError("UPDATE", {}, ValueError("too long"))
    monkeypatch.setattr(Attempt, "finish", raising(broken))
    monkeypatch.setattr(JobRunner, "_run", lambda *_: Outcome(JobState.FAILED, {}))
    state, code, problem = bench.attempt()
    assert (state, code) == ("failed", 5)
    assert "DataError" in problem


def test_a_plug_in_that_ends_the_process_ends_the_job_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "check_refs", raising(SystemExit(3)))
    assert bench.attempt() == (
        "failed", 5, "the service failed (SystemExit); its log says more",
    )  # fmt: skip


@pytest.mark.parametrize("state", [JobState.FINISHED, JobState.CANCELLED])
def test_reports_that_the_database_refuses_are_left_out(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, state: JobState
) -> None:
    kept = []

    def keep(_: Attempt, files: Any) -> NoReturn:
        kept.append(files)
        raise UnavailableError("the database does not answer (canceling statement)")

    monkeypatch.setattr(Attempt, "keep", keep)
    facts = {"verdict": "pass", "done": 8, "problem": "why", "run_ids": []}
    outcome = Outcome(state, facts, [("report.json", b"{}")])
    monkeypatch.setattr(JobRunner, "_run", lambda *_: outcome)
    found, code, problem = bench.attempt()
    job = bench.jobs.get(bench.id)
    assert len(kept) == 5
    assert (job.done, job.artifacts) == (8, ())
    if state is JobState.FINISHED:
        assert (found, code, job.verdict) == ("failed", 5, None)
        assert problem.startswith("its reports could not be kept: ")
    else:
        assert (found, problem) == ("cancelled", "why")


def test_while_the_database_is_away_nothing_is_given_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep, tries = Attempt.keep, []

    def away(*_: object) -> NoReturn:
        raise UnavailableError("gone")

    def late(attempt: Attempt, files: Any) -> None:
        tries.append(1)
        if len(tries) < 6:
            away()
        keep(attempt, files)

    monkeypatch.setattr(Attempt, "log", lambda *_: away() if len(tries) < 6 else None)
    monkeypatch.setattr(Attempt, "keep", late)
    outcome = Outcome(JobState.FAILED, {"problem": "why"}, [("log.txt", b"said")])
    monkeypatch.setattr(JobRunner, "_run", lambda *_: outcome)
    assert bench.attempt()[0] == "failed"
    assert bench.jobs.get(bench.id).artifacts == ("log.txt",)
    assert len(tries) == 6


def test_a_job_that_was_asked_for_anew_is_left_alone(bench: Bench) -> None:
    bench.jobs.cancel(bench.id)
    assert not fail_job(bench.database, Waiting(bench.id, 1), "late")
    bench.jobs.resume(bench.id)
    assert not fail_job(bench.database, Waiting(bench.id, 1), "late")
    assert bench.jobs.get(bench.id).state is JobState.QUEUED


class PickyQueue:
    """Takes all jobs but one."""

    def __init__(self, refused: str) -> None:
        self.refused, self.taken = refused, set[str]()

    def put(self, waiting: Waiting) -> None:
        if waiting.id == self.refused:
            raise RuntimeError("another workflow is called so")
        self.taken.add(waiting.workflow)


def test_a_job_that_cannot_be_queued_stops_no_other(bench: Bench) -> None:
    second = bench.jobs.add(request(), "anna").id
    queue = PickyQueue(bench.id)
    settling = Settling(cast(JobQueue, queue), bench.database, bench.jobs)
    settling.put_all()
    assert queue.taken == {f"{second}-1"}
    for _ in range(4):
        assert bench.jobs.get(bench.id).state is JobState.QUEUED
        settling.put_all()
    job = bench.jobs.get(bench.id)
    assert (job.state, job.exit_code) == (JobState.FAILED, 5)
    assert "could not be queued (RuntimeError)" in (job.problem or "")
    assert bench.jobs.unqueued() == []


async def test_what_an_earlier_service_left_for_ever_ends_with_the_next(bench: Bench) -> None:
    bench.sql("UPDATE promptreg_jobs SET state = 'running', queued = 1, attempts = 1")
    bench.database.close()
    engine = Engine(bench.settings)
    await engine.start()
    try:
        job = await until(engine, bench.id)
        events = [e async for e in engine.events(bench.id)]
    finally:
        await engine.close()
    assert (job.state, job.exit_code) == (JobState.FAILED, 5)
    assert (job.problem or "").startswith("nobody works at the job any more")
    assert events[-1].data["problem"] == job.problem


async def test_an_attempt_that_leaves_the_queue_without_a_word_ends(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.database.close()
    monkeypatch.setattr(JobRunner, "attempt", raising(ValueError("lost")))
    engine = Engine(bench.settings)
    await engine.start()
    try:
        job = await until(engine, bench.id)
        monkeypatch.undo()
        resumed = await engine.resume(bench.id, WHO)
        assert (resumed.state, resumed.problem) == (JobState.QUEUED, None)
    finally:
        await engine.close()
    assert (job.state, job.exit_code) == (JobState.FAILED, 5)
