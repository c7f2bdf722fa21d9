"""Who logged in stays so over a restart of the service, and no longer than is right."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from promptreg_plugins.web.api import create_app
from promptreg_plugins.web.engine import Engine
from promptreg_plugins.web.model import Role, Who
from promptreg_plugins.web.problems import UnauthorizedError
from promptreg_plugins.web.store import sessions as module
from promptreg_plugins.web.store.database import Database
from promptreg_plugins.web.store.sessions import StoredSessions
from promptreg_plugins.web.store.tokens import Tokens, new_secret
from recorded_suite import write_recorded
from service_api_app import FakeSettings, client
from service_engine import engine_settings

PAGE = {"Accept": "text/html"}


class Kept:
    """Sessions in a database of their own, with one token."""

    def __init__(self, folder: Path) -> None:
        self.database = Database("", folder)
        self.tokens = Tokens(self.database)
        self.sessions = StoredSessions(self.database)
        self.id = self.tokens.create("anna", Role.RUN)[0].id

    def set_back(self, **columns: timedelta) -> None:
        """Make all sessions older than they are."""
        for name, by in columns.items():
            at = (datetime.now(UTC) - by).isoformat(timespec="microseconds")
            with self.database.write() as c:
                c.exec_driver_sql(f"UPDATE promptreg_sessions SET {name} = '{at}'")

    def count(self) -> int:
        with self.database.read() as c:
            return int(c.exec_driver_sql("SELECT count(*) FROM promptreg_sessions").scalar_one())


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


def test_a_session_is_found_by_its_name_alone(kept: Kept, tmp_path: Path) -> None:
    name = kept.sessions.begin(kept.id)
    assert kept.sessions.find(name) == Who("anna", Role.RUN)
    for other in ("", name[:-1], name + "x", kept.id, "\udcff\0"):
        assert kept.sessions.find(other) is None
    for file in tmp_path.iterdir():
        assert name.encode() not in file.read_bytes()
    kept.sessions.end(name)
    assert kept.sessions.find(name) is None


@pytest.mark.parametrize(
    ("began", "used", "there"),
    [
        (timedelta(hours=23), timedelta(hours=7), True),
        (timedelta(hours=25), timedelta(), False),
        (timedelta(hours=9), timedelta(hours=9), False),
        (timedelta(days=-1), timedelta(days=-1), False),  # the clock was set back
    ],
)
def test_sessions_end(kept: Kept, began: timedelta, used: timedelta, there: bool) -> None:
    name = kept.sessions.begin(kept.id)
    kept.set_back(began_at=began, used_at=used)
    assert (kept.sessions.find(name) is not None) is there
    if there:  # the use was noted: it may be idle as long again
        kept.set_back(began_at=timedelta(hours=9))
        assert kept.sessions.find(name) is not None


def test_sessions_stay_few(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 3)
    names = [kept.sessions.begin(kept.id) for _ in range(5)]
    assert [kept.sessions.find(name) is not None for name in names] == [False] * 2 + [True] * 3
    kept.set_back(used_at=timedelta(hours=9))
    kept.sessions.begin(kept.id)
    assert kept.count() == 1


@asynccontextmanager
async def served(engine: Engine, cookies: httpx.Cookies) -> AsyncIterator[httpx.AsyncClient]:
    """Give a browser at a service that has just started."""
    app = create_app(engine, FakeSettings(), engine, sessions=engine)
    async with client(app, None, headers=PAGE, cookies=cookies) as browser:
        yield browser
    cookies.update(browser.cookies)


async def test_a_restart_logs_nobody_out(tmp_path: Path) -> None:
    folder = write_recorded(tmp_path / "suite", n=12)
    engine, jar = Engine(engine_settings(folder)), httpx.Cookies()
    _, token = await engine.create_token("anna", Role.RUN)
    async with served(engine, jar) as browser:
        assert (await browser.post("/login", data={"token": token})).status_code == 303
    await engine.close()
    engine = Engine(engine_settings(folder))
    async with served(engine, jar) as browser:
        page = await browser.get("/suites/faults")
        assert page.status_code == 200
        found = re.search(r'name="csrf" value="([^"]+)"', page.text)
        assert found is not None
        wanted = {"baseline": "v1", "candidate": "v2"}
        forged = await browser.post("/suites/faults/jobs", data=wanted)
        assert forged.status_code == 403
        asked = await browser.post("/suites/faults/jobs", data={**wanted, "csrf": found[1]})
        assert asked.status_code == 303
        assert asked.headers["location"].startswith("/jobs/")
        other = httpx.Cookies(jar)
        assert (await browser.post("/logout", data={"csrf": found[1]})).status_code == 303
    async with served(engine, other) as browser:  # the cookie that somebody kept is of no use
        assert (await browser.get("/jobs")).headers["location"].startswith("/login")
        assert (await browser.post("/login", data={"token": token})).status_code == 303
        assert (await browser.get("/jobs")).status_code == 200
        await engine.revoke_token("anna")
        assert (await browser.get("/jobs")).headers["location"].startswith("/login")
    await engine.close()


async def test_the_token_of_one_start_begins_no_session_that_outlives_it(tmp_path: Path) -> None:
    folder = write_recorded(tmp_path / "suite", n=4)
    engine, jar, local = Engine(engine_settings(folder)), httpx.Cookies(), new_secret()[1]
    engine.settings = replace(engine.settings, local_admin=local)
    async with served(engine, jar) as browser:
        await browser.post("/login", data={"token": local})
        assert (await browser.get("/jobs")).status_code == 200
    async with served(engine, jar) as browser:
        assert (await browser.get("/jobs")).status_code == 303
    with pytest.raises(UnauthorizedError):
        await engine.begin_session(new_secret()[1])
    await engine.close()
