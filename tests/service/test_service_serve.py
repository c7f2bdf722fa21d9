"""`promptreg serve` as users start it: over HTTP, stopped by signals, refused where it must be."""

from __future__ import annotations

import json
import signal
import time
import urllib.error
from pathlib import Path

import pytest

from command_line import Promptreg
from recorded_suite import write_recorded
from service_command import serving

pytestmark = pytest.mark.slow


def test_a_gate_by_http_and_an_orderly_end(tmp_path: Path) -> None:
    folder = write_recorded(tmp_path / "suite", n=40)
    with serving(folder, "--log-format", "json") as service:
        with pytest.raises(urllib.error.HTTPError) as refused:
            service.ask("/api/v1/suites")
        assert refused.value.code == 401
        refused.value.close()
        service.log_in()
        asked = {"suite": "faults", "baseline": "v1", "candidate": "v2"}
        job = service.ask("/api/v1/gates", asked)
        end = time.monotonic() + 180
        while job["state"] in ("queued", "running"):
            assert time.monotonic() < end, job
            time.sleep(0.2)
            job = service.ask(f"/api/v1/jobs/{job['id']}")
        assert (job["state"], job["verdict"], job["exit_code"]) == ("finished", "fail", 1)
        second = Promptreg(folder)("serve", "--port", "0")
        assert second.code == 2
        assert "another 'promptreg serve' uses this database" in second.err
        code, err = service.end(signal.SIGTERM)
    assert code == 143, err
    assert "Traceback" not in err
    for line in err.splitlines():
        assert line.startswith("promptreg: stopping") or json.loads(line)["level"], line


def test_interrupted_by_the_keyboard(tmp_path: Path) -> None:
    with serving(write_recorded(tmp_path / "suite", n=8)) as service:
        code, err = service.end(signal.SIGINT)
    assert code == 130, err


def test_what_is_refused_before_anything_is_served(tmp_path: Path) -> None:
    folder = write_recorded(tmp_path / "suite", n=8)
    promptreg = Promptreg(folder)
    open_door = promptreg("serve", "--host", "0.0.0.0", "--port", "0")
    assert open_door.code == 2
    assert "there is no token" in open_door.err
    other = write_recorded(tmp_path / "other", n=8)
    twins = promptreg("serve", "-c", str(folder), "-c", str(other), "--port", "0")
    assert twins.code == 2
    assert "both called 'faults'" in twins.err
    url = "postgresql://me:hunter2@127.0.0.1:9/none"
    away = promptreg("serve", "--port", "0", env={"PROMPTREG_SERVE_DATABASE": url})
    assert away.code == 5, away.err
    assert "does not answer" in away.err
    assert "hunter2" not in away.err
    odd = promptreg("serve", "--database", "mysql://me:hunter2@h/d", "--port", "0")
    assert odd.code == 2
    assert "hunter2" not in odd.err
    assert promptreg("serve", "token", "create", "a b").code == 2
    made = promptreg("serve", "token", "create", "ci", "--role", "run")
    assert made.out.startswith("prt_")
    assert made.out.strip() not in promptreg("serve", "token", "list", "--json").out
    assert promptreg("serve", "token", "revoke", "ci").code == 0
    assert promptreg("serve", "token", "revoke", "ci").code == 2
