"""Plans of the real service: what the command says, of itself alone, and never for long."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from command_line import Promptreg
from promptreg_plugins.web.engine import planning
from promptreg_plugins.web.engine.planning import Planner
from promptreg_plugins.web.plan import PlanOut
from promptreg_plugins.web.problems import (
    ConflictError,
    InvalidError,
    TooManyError,
    UnavailableError,
)
from recorded_suite import write_recorded
from service_engine import WHO, request, watcher


async def test_a_plan_is_what_the_command_says(tmp_path: Path) -> None:
    folder = write_recorded(tmp_path / "suite", n=12)
    engine = watcher(folder)
    asked = request("gate", limit=8, repeats=2, budget="5", record=True)
    found = await engine.plan(asked, WHO)
    said = Promptreg(folder)("plan", "v1", "v2", "--limit", "8", "--repeats", "2", "--json")
    assert found == said.json
    assert PlanOut.model_validate(found).trials == 32
    assert (await engine.jobs(suite=None, state=None, offset=0, limit=1)).total == 0
    with pytest.raises(InvalidError) as refused:
        await engine.plan(request("compare", "v1", "promptreg.yaml"), WHO)
    assert refused.value.field == "candidate"
    with pytest.raises(InvalidError, match="no scenario"):
        await engine.plan(request("compare", where={"nothing_has": "it"}), WHO)
    await engine.close()


async def test_a_plan_that_the_command_refuses_says_why(tmp_path: Path) -> None:
    folder = write_recorded(tmp_path / "suite", n=12)
    with pytest.raises(InvalidError) as refused:
        await Planner().plan(request("compare", "v1", "v7"), folder / "promptreg.yaml")
    assert "v7" in refused.value.detail
    assert str(tmp_path) not in refused.value.detail
    assert "Traceback" not in refused.value.detail


def instead(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr(planning, "command", lambda *_: [sys.executable, "-c", code])


async def test_no_plan_works_for_long_and_few_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead(monkeypatch, "import sys, time; print(1, file=sys.stderr, flush=True); time.sleep(60)")
    planner = Planner(within_s=1.0)
    asked = [asyncio.create_task(planner.plan(request(), tmp_path / "x")) for _ in range(11)]
    done = await asyncio.gather(*asked, return_exceptions=True)
    kinds = [type(one) for one in done]
    assert kinds == [UnavailableError] * 10 + [TooManyError]
    assert "took longer than 1 s" in str(done[0])


async def test_what_is_no_plan_is_refused_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planner = Planner("planted-password")
    for code, error, says in (
        ("print('not JSON')", ConflictError, "cannot be read"),
        ("import sys; sys.exit('promptreg: planted-password\\x1b[31m')", ConflictError, "*** "),
        ("import os; os.kill(os.getpid(), 9)", UnavailableError, "signal 9"),
    ):
        instead(monkeypatch, code)
        with pytest.raises(error) as refused:
            await planner.plan(request(), tmp_path / "x")
        detail = refused.value.detail.replace("\ufffd", " ")
        assert says in detail
        assert "planted" not in detail
        assert "\x1b" not in detail
