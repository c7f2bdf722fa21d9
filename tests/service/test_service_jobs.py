"""Jobs from request to report: done, refused, cancelled, resumed, killed with their service."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fake_model import ModelServer, running
from promptreg_plugins.web.engine import Engine
from promptreg_plugins.web.model import JobState
from promptreg_plugins.web.problems import ConflictError, InvalidError, NotFoundError, TooManyError
from recorded_suite import write_recorded
from service_engine import WHO, EngineProcess, engine_settings, request, until, watcher
from suite_factory import write_suite

N = 40
IN_FLIGHT = 4
"""Calls at once; whoever is stopped may have to repeat those, and no other."""


@pytest.fixture
def model() -> Iterator[ModelServer]:
    """A model that is quick at first, and then so slow that nobody misses the middle of a job."""
    server = ModelServer()

    def tire(calls: int) -> None:
        server.delay_s = 1.0 if calls > 20 else 0.0

    server.on_call = tire
    with running(server):
        yield server


def rested(model: ModelServer) -> None:
    """Let the model be quick again: nothing more is to be interrupted."""
    model.on_call, model.delay_s = None, 0.0


async def followed(engine: Engine, job_id: str) -> list[Any]:
    """Return all events of a job, up to its end."""
    return [event async for event in engine.events(job_id)]


async def test_a_gate_is_done_told_and_kept(tmp_path: Path) -> None:
    folder = write_recorded(tmp_path / "suite", n=40)
    engine = Engine(engine_settings(folder))
    await engine.start()
    try:
        asked = await engine.submit(request("gate"), WHO)
        assert (asked.state, asked.by, asked.attempts) == (JobState.QUEUED, "tester", 0)
        events = await asyncio.wait_for(followed(engine, asked.id), 90)
        job = await engine.job(asked.id)
        assert set((await engine.healthy()).values()) == {"ok"}
    finally:
        await engine.close()
    assert (job.state, job.verdict, job.exit_code) == (JobState.FINISHED, "fail", 1), job
    assert job.headline is not None
    assert job.headline.startswith("Do not merge: v2 is worse than v1 on ")
    assert job.headline.endswith(".")  # whole, however long: not cut as a terminal's line is
    assert (job.done, job.planned, job.failed, job.attempts) == (80, 80, 0, 1)
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    states = [event.data["state"] for event in events if event.kind == "state"]
    assert states == ["queued", "running", "finished"]
    progress = [event.data for event in events if event.kind == "progress"]
    assert progress[-1]["done"] == 80
    assert job.artifacts == ("log.txt", "report.html", "report.json", "report.md")
    report = await engine.report(job.id)
    assert report["gate"]["verdict"] == "fail"
    assert {run.id for run in await engine.runs("faults")} == set(job.run_ids)
    assert b"GATE FAIL" in await engine.artifact(job.id, "log.txt")
    assert str(tmp_path).encode() not in await engine.artifact(job.id, "log.txt")
    trend = await engine.trend("faults", "in_range", "basic")
    assert [(t["label"], t["value"]) for t in trend] == [("v1", 1.0), ("v2", 0.75)]
    assert all(t["low"] <= t["value"] <= t["high"] for t in trend)
    assert not list((folder / ".promptreg" / "jobs").iterdir())
    with pytest.raises(ConflictError, match="finished"):
        await engine.resume(job.id, WHO)


async def test_what_may_not_be_asked_for_is_refused(tmp_path: Path) -> None:
    folder = write_recorded(tmp_path / "suite", n=8)
    engine = watcher(folder, max_queued=1)
    for refs, field in (
        (("v1", "promptreg.yaml"), "candidate"),
        (("v1", "git:HEAD"), "candidate"),
        (("basic@git:HEAD", "v1"), "baseline"),
        (("v1", "module:os"), "candidate"),
        (("--json", "v1"), "baseline"),
        (("v1.txt", "v1"), "baseline"),
        (("run:nothing", "v1"), "baseline"),
        (("other@v1", "v1"), "baseline"),
        (("v1",), "refs"),
    ):
        with pytest.raises(InvalidError) as refused:
            await engine.submit(request("compare", *refs), WHO)
        assert refused.value.field == field
    for options, field in (
        ({"output": "x"}, "options.output"),
        ({"alpha": 0.9}, "options.alpha"),
        ({"limit": True}, "options.limit"),
        ({"template": "-x"}, "options.template"),
        ({"where": {"a": "x\n"}}, "options.where"),
        ({"where": {"nothing_has": "it"}}, "options.where.nothing_has"),
        ({"budget": "1 --json"}, "options.budget"),
        ({"margin": {"in_range": float("nan")}}, "options.margin"),
    ):
        with pytest.raises(InvalidError) as refused:
            await engine.submit(request("compare", **options), WHO)
        assert refused.value.field == field
    with pytest.raises(InvalidError, match="takes no option 'alpha'"):
        await engine.submit(request("run", "v1", alpha=0.1), WHO)
    with pytest.raises(NotFoundError):
        await engine.job("00000000-0000-0000-0000-000000000000")
    await engine.submit(request(), WHO)
    with pytest.raises(TooManyError):
        await engine.submit(request(), WHO)
    await engine.close()


@pytest.mark.slow
async def test_a_job_is_cancelled_and_goes_on(tmp_path: Path, model: ModelServer) -> None:
    folder = write_suite(tmp_path / "suite", model.url, n=N)
    engine = watcher(folder)
    with EngineProcess(folder):
        job = await engine.submit(request(), WHO)
        waiting = await engine.submit(request("run", "v1"), WHO)
        assert (await engine.cancel(waiting.id, WHO)).state is JobState.CANCELLED
        await until(engine, job.id, lambda j: j.done >= 5)
        await engine.cancel(job.id, WHO)
        job = await until(engine, job.id)
        assert (job.state, job.exit_code) == (JobState.CANCELLED, 143), job
        assert job.artifacts == ("log.txt",)
        with pytest.raises(ConflictError):
            await engine.cancel(job.id, WHO)
        calls = len(model.calls)
        assert calls < 2 * N
        rested(model)
        await engine.resume(job.id, WHO)
        job = await until(engine, job.id, lambda j: j.state is JobState.FINISHED)
        assert (await engine.job(waiting.id)).attempts == 0
    assert job.attempts == 2
    assert job.cached > 0
    assert len(model.repeated) <= IN_FLIGHT
    assert len(set(model.keys)) == 2 * N
    await engine.close()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_a_service_that_ends_in_the_middle_loses_nothing(
    tmp_path: Path, model: ModelServer, number: signal.Signals
) -> None:
    folder = write_suite(tmp_path / "suite", model.url, n=N)
    engine = watcher(folder)
    first = EngineProcess(folder)
    with first:
        job = await engine.submit(request(), WHO)
        second = await engine.submit(request("run", "v1"), WHO)
        await until(engine, job.id, lambda j: j.done >= 5)
        assert first.end(number) == (0 if number == signal.SIGTERM else -9)
    stopped = await engine.job(job.id)
    assert stopped.state is (JobState.RUNNING if number == signal.SIGKILL else JobState.QUEUED)
    rested(model)
    with EngineProcess(folder):
        job = await until(engine, job.id)
        second = await until(engine, second.id)
    assert (job.state, job.attempts) == (JobState.FINISHED, 2), job
    assert second.state is JobState.FINISHED
    assert (await engine.report(job.id))["trials"]["planned"] == 2 * N
    assert len(set(model.keys)) == 2 * N
    assert len(model.repeated) <= IN_FLIGHT
    assert set(model.repeated.values()) <= {2}
    await engine.close()


@pytest.mark.slow
async def test_a_job_whose_process_is_killed_or_hangs_ends_alone(
    tmp_path: Path, model: ModelServer
) -> None:
    folder = write_suite(tmp_path / "suite", model.url, n=N)
    engine = watcher(folder)
    with EngineProcess(folder) as service:
        job = await engine.submit(request(), WHO)
        await until(engine, job.id, lambda j: j.done >= 2)
        lock = folder / ".promptreg" / "jobs" / job.id / "lock"
        pid = int(lock.read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        job = await until(engine, job.id)
        assert (job.state, job.exit_code) == (JobState.FAILED, 137)
        assert "SIGKILL" in (job.problem or "")
        assert service.process.poll() is None
        await engine.resume(job.id, WHO)
        await until(engine, job.id, lambda j: j.done >= 2 and j.state is JobState.RUNNING)
        os.kill(int(lock.read_text().split()[0]), signal.SIGSTOP)  # deaf to SIGTERM
        await engine.cancel(job.id, WHO)
        job = await until(engine, job.id)
        assert job.state is JobState.CANCELLED
    await engine.close()


@pytest.mark.slow
async def test_a_command_that_fails_says_why(tmp_path: Path) -> None:
    folder = write_suite(tmp_path / "suite", "http://127.0.0.1:9", n=4)
    engine = watcher(folder)
    with EngineProcess(folder):
        job = await until(engine, (await engine.submit(request("gate"), WHO)).id)
    assert (job.state, job.exit_code, job.verdict) == (JobState.FAILED, 5, None), job
    assert "not ready" in (job.problem or "")
    await engine.close()
