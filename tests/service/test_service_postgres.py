"""Several services on one PostgreSQL: each job is done once, whoever dies, whatever goes away."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from fake_model import ModelServer, running
from mlflow_places import postgres
from promptreg_plugins.web.model import JobState, Role
from promptreg_plugins.web.problems import UnavailableError
from service_engine import WHO, EngineProcess, request, until, watcher
from service_wire import wire
from suite_factory import write_suite

pytestmark = [pytest.mark.heavy, pytest.mark.slow, pytest.mark.xdist_group("postgres")]
N = 30
IN_FLIGHT = 4


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a PostgreSQL."""
    with postgres() as url:
        yield url


@pytest.fixture
def database(server: str, request: pytest.FixtureRequest) -> str:
    """The address of an empty database."""
    name = f"db_{abs(hash(request.node.name)) % 10**9}"
    engine = sa.create_engine(
        server.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return server.rpartition("/")[0].replace("postgresql:", "postgresql+psycopg:") + f"/{name}"


@pytest.fixture
def model() -> Iterator[ModelServer]:
    """A model slow enough to be interrupted."""
    with running(ModelServer(delay_s=0.1)) as started:
        yield started


async def test_two_services_share_the_work_and_take_over(
    tmp_path: Path, model: ModelServer, database: str
) -> None:
    folder = write_suite(tmp_path / "suite", model.url, n=N)
    engine = watcher(folder, database=database)
    with EngineProcess(folder, database=database) as a, EngineProcess(folder, database=database):
        asked = [await engine.submit(request("run", "v1", seed=i), WHO) for i in range(2)]
        asked.append(await engine.submit(request(), WHO))
        first = await until(engine, asked[0].id, lambda j: j.state is JobState.RUNNING)
        await until(engine, asked[1].id, lambda j: j.state is not JobState.QUEUED)
        a.end(signal.SIGKILL)
        jobs = [await until(engine, job.id) for job in asked]
    assert [job.state for job in jobs] == [JobState.FINISHED] * 3, jobs
    assert sorted(job.attempts for job in jobs) in ([1, 1, 2], [1, 1, 1])
    assert len(set(model.keys)) == 2 * N
    assert len(model.repeated) <= 2 * IN_FLIGHT
    assert first.by == "tester"
    await engine.close()


async def test_a_service_that_is_stopped_for_long_does_no_harm(
    tmp_path: Path, model: ModelServer, database: str
) -> None:
    model.delay_s = 0.3  # nobody misses the middle of the job
    folder = write_suite(tmp_path / "suite", model.url, n=N)
    engine = watcher(folder, database=database)
    with EngineProcess(folder, database=database, grace_s=1.0) as a:
        job = await engine.submit(request(), WHO)
        await until(engine, job.id, lambda j: j.done >= 3)
        a.send(signal.SIGSTOP)
        with EngineProcess(folder, database=database, grace_s=1.0):
            await until(engine, job.id, lambda j: j.attempts == 2)
            a.send(signal.SIGCONT)
            job = await until(engine, job.id)
            assert a.end() == 0
    assert (job.state, job.attempts) == (JobState.FINISHED, 2), job
    events = [event async for event in engine.events(job.id)]
    states = [event.data["state"] for event in events if event.kind == "state"]
    assert states == ["queued", "running", "running", "finished"]
    assert len(set(model.keys)) == 2 * N
    assert len(model.repeated) <= IN_FLIGHT
    await engine.close()


async def test_a_database_that_goes_away_and_comes_back(
    tmp_path: Path, model: ModelServer, database: str
) -> None:
    folder = write_suite(tmp_path / "suite", model.url, n=N)
    port = int(database.rpartition(":")[2].partition("/")[0])
    with wire(port) as line:
        through = database.replace(f":{port}/", f":{line.port}/")
        engine = watcher(folder, database=through)
        _, token = await engine.create_token("bob", Role.READ)
        with EngineProcess(folder, database=through):
            job = await engine.submit(request(), WHO)
            await until(engine, job.id, lambda j: j.done >= 3)
            line.cut()
            for ask in (
                engine.job(job.id),
                engine.authenticate(token),
                engine.submit(request(), WHO),
            ):
                with pytest.raises(UnavailableError, match="database"):
                    await ask
            assert (await engine.healthy())["database"] != "ok"
            await asyncio.sleep(5)  # longer than a lease, and than the job takes
            line.mend()
            job = await until(engine, job.id)
            again = await engine.submit(request("run", "v2"), WHO)
            since = time.monotonic()
            again = await until(engine, again.id, within_s=180)
            print(f"taken up {time.monotonic() - since:.1f} s after the database was back")
        assert (await engine.authenticate(token)).name == "bob"
        await engine.close()
    assert (job.state, again.state) == (JobState.FINISHED, JobState.FINISHED), (job, again)
    assert job.attempts == 1
    assert len(model.keys) == 2 * N
