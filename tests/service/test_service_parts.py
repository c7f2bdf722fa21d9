"""Tokens, what is passed on to the command line, secrets in what it prints, events of a child."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from promptreg.discovery import load_plugins
from promptreg.errors import UsageError
from promptreg_plugins.web import serving
from promptreg_plugins.web.engine import Engine
from promptreg_plugins.web.engine.images import read_image
from promptreg_plugins.web.jobs.command import command_of
from promptreg_plugins.web.jobs.lock import JobLock
from promptreg_plugins.web.jobs.options import OPTIONS, check_options
from promptreg_plugins.web.jobs.redact import child_environment, redactor
from promptreg_plugins.web.model import JobKind, JobRequest, Role
from promptreg_plugins.web.problems import (
    ConflictError,
    InvalidError,
    NotFoundError,
    UnauthorizedError,
)
from promptreg_plugins.web.settings import Settings
from promptreg_plugins.web.store import tables
from promptreg_plugins.web.store.database import Database
from promptreg_plugins.web.store.jobs import Jobs
from promptreg_plugins.web.store.pruning import prune
from promptreg_plugins.web.store.tokens import Tokens
from recorded_suite import write_recorded

SAMPLES: dict[str, object] = {
    "template": ["basic"],
    "where": {"scenario_type": ["threat", "-x"], "site": "a b"},
    "limit": 10,
    "repeats": 2,
    "seed": 0,
    "budget": "5usd",
    "no_cache": True,
    "record": False,
    "alpha": 0.1,
    "margin": {"in_range": 0.1},
    "sequential": True,
    "looks": 3,
    "anytime": True,
    "strict": True,
    "allow_mismatch": "model",
}


def test_tokens_are_kept_as_hashes_and_end_when_revoked(tmp_path: Path) -> None:
    database = Database("", tmp_path)
    tokens = Tokens(database)
    assert not tokens.any()
    info, token = tokens.create("ci", Role.RUN)
    assert stat.S_IMODE((tmp_path / "service.sqlite").stat().st_mode) == 0o600
    database.engine.dispose()  # all that was written is in the file now
    # The secret's own alphabet has "_" too: cut at the known prefix, not at the last one.
    secret = token.removeprefix(f"prt_{info.id}_")
    assert len(secret) == 43
    assert all(secret.encode() not in f.read_bytes() for f in tmp_path.iterdir())
    assert tokens.who(token).role is Role.RUN
    assert tokens.all()[0].last_used_at is not None
    for wrong in ("", token[:-1], token + "x", token[:-1] + "\n", "prt_x", "\ud800", token.upper()):
        with pytest.raises(UnauthorizedError):
            tokens.who(wrong)
    with pytest.raises(ConflictError):
        tokens.create("ci", Role.READ)
    with pytest.raises(InvalidError):
        tokens.create("a b", Role.READ)
    assert tokens.revoke("ci").id == info.id
    with pytest.raises(UnauthorizedError):
        tokens.who(token)
    tokens.create("ci", Role.READ)
    database.close()


def test_every_option_is_one_of_the_command_line() -> None:
    """What requests may say is accepted by the real command, word for word."""
    import typer

    from promptreg.cli.app import app

    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert SAMPLES.keys() == OPTIONS.keys()
    for kind in JobKind:
        options = {n: v for n, v in SAMPLES.items() if kind in OPTIONS[n].kinds}
        check_options(kind, options)
        request = JobRequest(kind, "s", ("v1", "v2"), options)
        words = command_of(request, Path("/suites/promptreg.yaml"))
        assert words[:4] == [sys.executable, "-m", "promptreg_plugins.web.jobs.child", str(kind)]
        assert words[-3:] == ["--", "v1", "v2"]
        context = commands[str(kind)].make_context("x", words[4:])
        given = context.params
        assert given["config"] == "/suites/promptreg.yaml"
        assert given["filter_"] == ["scenario_type=threat", "scenario_type=-x", "site=a b"]
        assert (given["limit"], given["record"], given["no_cache"]) == (10, False, True)


def test_secrets_are_taken_out_of_what_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEMOTRON_API_KEY", "sk-12345678")
    monkeypatch.setenv("PROMPTREG_SERVE_DATABASE", "postgresql://u:secretword@h/d")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=collector")
    redact = redactor(["planted-password"])
    assert redact("said api-key=collector") == "said ***"
    line = redact("key sk-12345678, planted-password, http://me:hunter2@host/x, fine")
    assert line == "key ***, ***, http://me:***@host/x, fine"
    kept = child_environment({"A": "b"})
    assert kept["NEMOTRON_API_KEY"] == "sk-12345678"
    assert kept.keys().isdisjoint({"PROMPTREG_SERVE_DATABASE", "OTEL_EXPORTER_OTLP_HEADERS"})


def test_a_lock_outlives_the_one_who_took_it(tmp_path: Path) -> None:
    lock, other = JobLock(tmp_path / "lock"), JobLock(tmp_path / "lock")
    assert lock.take()
    assert not other.take()
    child = subprocess.Popen(["sleep", "60"], pass_fds=[lock.descriptor], start_new_session=True)
    lock.held_by(child.pid)
    lock.release()
    assert not other.take()
    other.end_holder()
    assert child.wait(60) == -9
    assert other.take()
    other.release()


def test_only_processes_of_the_service_tell_their_progress() -> None:
    assert not load_plugins().listens("promptreg_trial_finished")
    read, write = os.pipe()
    code = (
        "from promptreg.discovery import load_plugins\n"
        "p = load_plugins()\n"
        "p.emit('promptreg_run_started', suite='s', planned=3)\n"
    )
    env = {**os.environ, "PROMPTREG_JOB_EVENTS": str(write)}
    subprocess.run([sys.executable, "-c", code], check=True, env=env, pass_fds=[write])
    os.close(write)
    with os.fdopen(read) as lines:
        told = [json.loads(line) for line in lines]
    assert told == [{"planned": 3, "done": 0, "cached": 0, "failed": 0}]


def test_a_key_is_one_job_for_all_processes_and_after_a_restart(tmp_path: Path) -> None:
    here, there = (Jobs(Database("", tmp_path), 100) for _ in range(2))
    wanted = JobRequest(JobKind.COMPARE, "s", ("v1", "v2"), {"limit": 5})
    first = here.add(wanted, "ci", "build-1")
    assert there.of_key(wanted, "ci", "build-1") == first
    assert there.add(wanted, "ci", "build-1").id == first.id
    assert there.add(wanted, "anna", "build-1").id != first.id  # her key, not theirs
    assert there.add(wanted, "ci", "build-2").id != first.id
    other = JobRequest(JobKind.GATE, "s", ("v1", "v2"), {"limit": 5})
    for ask in (there.add, there.of_key):
        with pytest.raises(ConflictError):
            ask(other, "ci", "build-1")
    only = JobKind.GATE
    assert there.page(suite=None, state=None, offset=0, limit=9, kind=only).total == 0


def test_the_same_key_from_many_at_once_is_one_job(tmp_path: Path) -> None:
    stores = [Jobs(Database("", tmp_path), 100) for _ in range(4)]
    wanted = JobRequest(JobKind.COMPARE, "s", ("v1", "v2"))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda jobs: jobs.add(wanted, "ci", "k").id, stores))
    assert len(set(found)) == 1
    assert stores[0].page(suite=None, state=None, offset=0, limit=9).total == 1


async def test_a_broken_suite_leaves_the_others_in_service(tmp_path: Path) -> None:
    good, bad = (write_recorded(tmp_path / name, n=4) for name in ("good", "bad"))
    text = (bad / "promptreg.yaml").read_text("utf-8")
    (bad / "promptreg.yaml").write_text(text.replace("faults", "other"), "utf-8")
    files = (good / "promptreg.yaml", bad / "promptreg.yaml")
    engine = Engine(Settings(files, tmp_path / "service"))
    try:
        assert (await engine.healthy())["suites"] == "ok"
        (bad / "promptreg.yaml").write_text("broken: [", "utf-8")
        parts = await engine.healthy()
        assert "no valid YAML" in parts["suites"]
        assert parts["store"] == "ok"
    finally:
        await engine.close()


def test_what_cannot_be_served_leaves_no_engine_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_recorded(tmp_path / "suite", n=4)
    closed = []
    close = Engine.close

    async def note(engine: Engine) -> None:
        closed.append(engine)
        await close(engine)

    monkeypatch.setattr(Engine, "close", note)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    settings = Settings((folder / "promptreg.yaml",), folder / ".promptreg", port=0, otel=True)
    with pytest.raises(UsageError, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
        asyncio.run(serving._serve(settings))
    assert len(closed) == 1


def test_only_pictures_in_the_suites_folder_are_read(tmp_path: Path) -> None:
    suite = tmp_path / "suite"
    suite.mkdir()
    png = b"\x89PNG\r\n\x1a\n..."
    (suite / "a.txt").write_bytes(png)  # what it holds counts, not what it is called
    assert read_image(suite, str(suite / "a.txt")) == (png, "image/png")
    (tmp_path / "out.png").write_bytes(png)
    (suite / "link.png").symlink_to(tmp_path / "out.png")
    (suite / "script.png").write_text("<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>")
    os.mkfifo(suite / "pipe.png")
    outside = [str(tmp_path / "out.png"), f"{suite}/../out.png", str(suite / "link.png")]
    for path in (*outside, *(str(suite / n) for n in ("script.png", "pipe.png", "none.png", "."))):
        with pytest.raises(NotFoundError) as refused:
            read_image(suite, path)
        assert str(tmp_path) not in refused.value.detail


def test_old_jobs_are_removed_with_all_that_is_theirs(tmp_path: Path) -> None:
    database = Database("", tmp_path)
    store = Jobs(database, 100)
    wanted = JobRequest(JobKind.COMPARE, "s", ("v1", "v2"))
    old, young, waiting = (store.add(wanted, "ci", key).id for key in ("a", "b", "c"))
    for job_id in (old, young):
        store.cancel(job_id)
    with database.write() as c:
        c.execute(tables.jobs.update().where(tables.jobs.c.id == old).values(ended_at="2026-01-01"))
        c.execute(tables.artifacts.insert().values(job_id=old, name="log.txt", size=1, body=b"x"))
        c.exec_driver_sql("CREATE TABLE workflow_status (workflow_uuid TEXT)")
        for name in (f"{old}-1", f"{young}-1"):
            c.exec_driver_sql("INSERT INTO workflow_status VALUES (?)", (name,))
    assert prune(database, datetime.now(UTC) - timedelta(days=1)) == 1
    left = store.page(suite=None, state=None, offset=0, limit=9)
    assert {job.id for job in left.items} == {young, waiting}
    with database.read() as c:
        rows = c.exec_driver_sql("SELECT workflow_uuid FROM workflow_status").scalars().all()
        kept = c.execute(sa.select(tables.events.c.job_id).distinct()).scalars().all()
    assert rows == [f"{young}-1"]
    assert set(kept) == {young, waiting}
    assert store.add(wanted, "ci", "a").id != old  # its key is free again
    database.close()
