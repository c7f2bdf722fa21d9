"""`doctor` reads the scenarios: without them nothing can run, whatever else is in order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from promptreg.cli.app import run
from recorded_suite import right, write_recorded


def checks(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, object]]:
    return {c["check"]: c for c in json.loads(capsys.readouterr().out)}


def test_scenarios_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_recorded(tmp_path / "s", right, n=8)
    assert run(["doctor", "--json", "-c", str(folder)]) == 0
    found = checks(capsys)["suite"]
    assert found["ok"] is True
    assert "8 scenarios" in str(found["detail"])


def test_a_missing_file_of_scenarios_is_a_fault_that_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_recorded(tmp_path / "s", right, n=8)
    (folder / "scenarios.jsonl").unlink()
    assert run(["doctor", "--json", "-c", str(folder)]) == 2
    found = checks(capsys)["suite"]
    assert found["ok"] is False
    assert "scenarios.jsonl" in str(found["detail"])
