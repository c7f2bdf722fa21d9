"""The example's logs are the recorded completions, and the commands in its suites work."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from promptreg.cli.app import run
from promptreg.pipeline.compare import compare
from promptreg.pipeline.project import Options, open_project

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / "examples" / "home_security"


def test_the_logs_are_the_recorded_completions() -> None:
    script = HOME / "logs" / "build_logs.py"
    assert subprocess.run([sys.executable, str(script), "--check"], check=False).returncode == 0


@pytest.mark.parametrize(("name", "kind"), [("shadow", None), ("ab", "unpaired")])
def test_the_commands_above_a_suite_work(
    tmp_path: Path, name: str, kind: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "examples" / "home_security"
    ignored = shutil.ignore_patterns(".promptreg", "images", "generated", "written", "*.meta.json")
    shutil.copytree(HOME, copy, ignore=ignored)
    monkeypatch.chdir(tmp_path)
    text = (copy / f"{name}.yaml").read_text("utf-8")
    comment = "".join(line[1:] + "\n" for line in text.splitlines() if line.startswith("#"))
    imported, _ = re.findall(r"promptreg ((?:[^\n\\]|\\\n)+)", comment)
    assert run(shlex.split(imported.replace("\\\n", " "))) == 0
    c = compare(open_project(str(copy / f"{name}.yaml")), "v1", "v2", Options())
    assert (c.design and c.design.kind) == kind
    assert "risk_level regressed" in c.gate.reasons
