"""A suite that takes its time to be read keeps nobody from the others."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from promptreg.pipeline.project import Project, open_project
from promptreg_plugins.web.engine import Engine, looking, suites
from promptreg_plugins.web.model import JobKind, JobRequest
from promptreg_plugins.web.problems import NotFoundError
from promptreg_plugins.web.settings import Settings
from recorded_suite import write_recorded
from service_engine import WHO

MANY = 40
"""More requests than any pool of threads of this process has threads."""


def edit(folder: Path, name: str) -> None:
    """Change a suite's file, so that it is called so."""
    file = folder / "promptreg.yaml"
    found = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps({**found, "suite": name}) + "\n" * len(name), "utf-8")
    found_at = file.stat().st_mtime_ns + 1_000_000
    os.utime(file, ns=(found_at, found_at))  # some file systems' clocks are coarse


class Places:
    """Two suites, `slow` and `quick`, and a gate before the slow one's files."""

    def __init__(self, folder: Path) -> None:
        self.slow, self.quick = (write_recorded(folder / name, n=8) for name in ("slow", "quick"))
        for name in ("slow", "quick"):
            edit(folder / name, name)
        self.open, self.reached = threading.Event(), threading.Event()
        self.open.set()
        files = tuple(place / "promptreg.yaml" for place in (self.slow, self.quick))
        self.engine = Engine(Settings(files, folder / "service"))

    def wait(self, path: str) -> None:
        """Hold whoever reads the slow suite, while the gate is shut."""
        if not self.open.is_set() and str(self.slow) in path:
            self.reached.set()
            assert self.open.wait(60)


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Places]:
    monkeypatch.setattr(looking, "_PATIENCE_S", 0.05)
    made = Places(tmp_path)
    every = Project.every_scenario

    def opened(path: str, plugins: Any) -> Project:
        made.wait(path)
        return open_project(path, plugins)

    def read(project: Project) -> Any:
        made.wait(str(project.base))
        return every(project)

    monkeypatch.setattr(suites, "open_project", opened)
    monkeypatch.setattr(Project, "every_scenario", read)
    yield made
    made.open.set()


async def others_answer(engine: Engine) -> None:
    """Ask for everything that has nothing to do with the slow suite."""
    info = await engine.suite("quick")
    assert info.scenarios == 8
    page = await engine.scenarios("quick", where={}, query="", offset=0, limit=5)
    assert page.total == 8
    assert await engine.runs("quick") == []
    assert await engine.templates("quick")
    job = await engine.submit(JobRequest(JobKind.COMPARE, "quick", ("v1", "v2")), WHO)
    assert (await engine.job(job.id)).id == job.id
    listed = await engine.suites()
    assert [one.name for one in listed] == ["slow", "quick"]
    assert listed[1] == info
    health = await engine.healthy()
    assert health["suites"] == "ok"
    with pytest.raises(NotFoundError):
        await engine.suite("neither")


@pytest.mark.parametrize("what", ["suite", "scenarios"])
async def test_the_others_answer_meanwhile(places: Places, what: str) -> None:
    engine = places.engine
    before = [await engine.suite(name) for name in ("slow", "quick")]
    places.open.clear()
    if what == "suite":
        edit(places.slow, "slow")
    else:
        file = next(places.slow.glob("*.jsonl"))
        lines = file.read_text("utf-8").splitlines()
        file.write_text("\n".join(lines[:-1]) + "\n", "utf-8")
    waiting = [asyncio.create_task(engine.suite("slow")) for _ in range(MANY)]
    try:
        assert await asyncio.to_thread(places.reached.wait, 30)
        await asyncio.wait_for(others_answer(engine), 60)
        assert (await engine.suites())[0] == before[0]  # as it was read last
        assert not any(task.done() for task in waiting)
    finally:
        places.open.set()
    found = await asyncio.wait_for(asyncio.gather(*waiting), 60)
    assert {info.scenarios for info in found} == {8 if what == "suite" else 7}
    assert (await engine.suites())[0] == found[0]


async def test_a_list_does_not_wait_for_what_it_finds_changed(places: Places) -> None:
    engine = places.engine
    await engine.suite("quick")
    places.open.clear()
    edit(places.slow, "slow")
    try:
        first = await asyncio.wait_for(engine.suites(), 60)
        assert "is being read" in (first[0].problem or "")
        assert first[1].problem is None
        await asyncio.wait_for(engine.healthy(), 60)
    finally:
        places.open.set()
    assert (await engine.suite("slow")).problem is None


async def test_a_suite_that_was_given_another_name_is_found_by_it(places: Places) -> None:
    engine = places.engine
    edit(places.slow, "renamed")
    with pytest.raises(NotFoundError, match="renamed, quick"):
        await engine.suite("slow")
    edit(places.slow, "again")
    assert (await engine.suite("again")).scenarios == 8
