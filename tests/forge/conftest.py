"""A forge on this machine, and the environment of a job there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from forge_server import ForgeServer

TOKEN = "ghs_n0b0dyMayReadThis"
Env = dict[str, str]


@pytest.fixture
def forge() -> Iterator[ForgeServer]:
    """GitHub's API, with one pull request."""
    with ForgeServer() as server:
        yield server


def pull_event(number: int = 12, head: str = "team/cameras") -> dict[str, Any]:
    """Return what GitHub tells of a pull request."""
    return {
        "action": "synchronize",
        "number": number,
        "pull_request": {
            "number": number,
            "head": {"sha": "a" * 40, "ref": "x", "repo": {"full_name": head}},
            "base": {"sha": "b" * 40, "ref": "main", "repo": {"full_name": "team/cameras"}},
        },
    }


@pytest.fixture
def github(forge: ForgeServer, tmp_path: Path) -> Callable[..., Env]:
    """Return a function that makes a job's environment for an event."""

    def made(event: Any = None, name: str = "pull_request", **more: str) -> Env:
        path = tmp_path / "event.json"
        path.write_text(json.dumps(pull_event() if event is None else event), "utf-8")
        env = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": forge.url,
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_REPOSITORY": "team/cameras",
            "GITHUB_EVENT_NAME": name,
            "GITHUB_EVENT_PATH": str(path),
            "GITHUB_RUN_ID": "500",
            "GITHUB_SHA": "c" * 40,
            "GITHUB_WORKSPACE": str(tmp_path),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
            "PROMPTREG_GITHUB_TOKEN": TOKEN,
        }
        return {k: v for k, v in (env | more).items() if v}

    return made


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the waits that were asked for; none is made."""
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    return waits


@pytest.fixture
def no_secret(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[None]:
    """The token is nowhere but in the request's header."""
    yield
    shown = capfd.readouterr()
    assert TOKEN not in shown.out + shown.err
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes()
