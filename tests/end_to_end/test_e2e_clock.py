"""A clock that is a day wrong, and letters that Turkish writes otherwise."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from command_line import Promptreg, essence
from fake_model import ModelServer
from suite_factory import write_suite

SHIFTED = """
import datetime, os, time

_off = float(os.environ["TEST_CLOCK_OFF"])
_time, _time_ns = time.time, time.time_ns
time.time = lambda: _time() + _off
time.time_ns = lambda: _time_ns() + int(_off * 1e9)
_real = datetime.datetime

class datetime_(_real):
    @classmethod
    def now(cls, tz=None):
        return _real.now(tz) + datetime.timedelta(seconds=_off)

datetime_.__name__ = datetime_.__qualname__ = "datetime"
datetime.datetime = datetime_
"""
DAY = 86_400


@pytest.fixture
def suite(tmp_path: Path, server: ModelServer) -> Path:
    return write_suite(tmp_path / "suite", server.url, n=12)


def at(folder: Path, days: int) -> Promptreg:
    """Return the command as it runs where the clock is off by some days."""
    place = folder.parent / "clock"
    place.mkdir(exist_ok=True)
    (place / "sitecustomize.py").write_text(SHIFTED, "utf-8")
    sources = Promptreg(folder)._environment({})["PYTHONPATH"]
    path = os.pathsep.join((str(place), sources))
    return Promptreg(folder, {"PYTHONPATH": path, "TEST_CLOCK_OFF": str(days * DAY)})


@pytest.mark.slow
@pytest.mark.parametrize("order", [(1, -1), (-1, 1)])
def test_a_clock_that_jumps_repeats_no_call_and_changes_no_verdict(
    suite: Path, server: ModelServer, order: tuple[int, int]
) -> None:
    first = at(suite, order[0])("compare", "v1", "v2", "--json")
    assert first.code == 0
    assert server.calls
    server.forget()
    again = at(suite, order[1])("compare", "v1", "v2", "--json")
    assert server.calls == []
    assert essence(first.json) == essence(again.json)
    dates = [report["created_at"][:10] for report in (first.json, again.json)]
    assert sorted(dates, reverse=order[0] > 0) == dates
    assert len(set(dates)) == 2  # the clock was indeed another
    assert at(suite, order[1])("doctor").code == 0
    listed = at(suite, 0)("cache", "list", "--json").json
    assert listed["calls"]["completions"] == 24


@pytest.mark.slow
def test_what_comes_from_the_future_is_not_old(suite: Path, server: ModelServer) -> None:
    at(suite, 1)("compare", "v1", "v2", "-q")
    kept = at(suite, 0)("cache", "prune", "--older-than", "1h")
    assert "removed 0 completions" in kept.out
    gone = at(suite, 3)("cache", "prune", "--older-than", "1h")
    assert "removed 24 completions" in gone.out


def test_letters_do_not_depend_on_the_locale(suite: Path, server: ModelServer) -> None:
    """Python's `lower` and `upper` know no locale; what formats numbers must not either."""
    plain = Promptreg(suite)("compare", "v1", "v2", "--json")
    turkish = {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8", "LANGUAGE": "tr"}
    other = Promptreg(suite, turkish)("compare", "v1", "v2", "--json")
    assert essence(plain.json) == essence(other.json)
