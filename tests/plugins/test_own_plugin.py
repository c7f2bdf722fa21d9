"""The example of a stranger's package: installed into a fresh place, found, and passing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import promptreg

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_plugin"

USE = """
import json
from promptreg.contracts import check_registered, sample_comparison, sample_trials
from promptreg.discovery import load_plugins

plugins = load_plugins()
scorer = plugins.scorers.create("shout", {"field": "summary"})
plugins.emit("promptreg_comparison_finished", comparison=sample_comparison(), purpose="decision")
print(json.dumps({
    "owner": plugins.scorers.get("shout").owner,
    "score": scorer.score(sample_trials()[2]).value,
    "problems": check_registered(plugins, ["shout"])[0].problems,
    "complaints": plugins.complaints,
}))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed the example."""
    target = tmp_path_factory.mktemp("own") / "target"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation",
         "--no-index", "--disable-pip-version-check", "--target", str(target), str(EXAMPLE)],
        check=True, capture_output=True,
    )  # fmt: skip
    return target


def _python(target: Path, *arguments: str, **variables: str) -> str:
    core = Path(promptreg.__file__).parents[1]
    inherited = [str(Path(p).resolve()) for p in os.environ.get("PYTHONPATH", "").split(":") if p]
    path = os.pathsep.join([str(target), str(core), *inherited])
    made = subprocess.run(
        [sys.executable, *arguments],
        env={
            **os.environ,
            "PYTHONPATH": path,
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # an author's own environment is bare
            **variables,
        },
        cwd=target, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    return made.stdout


def test_it_is_found_scores_and_hears(installed: Path, tmp_path: Path) -> None:
    log = tmp_path / "comparisons.jsonl"
    found: Any = json.loads(_python(installed, "-c", USE, PROMPTREG_COMPARISON_LOG=str(log)))
    assert found == {
        "owner": "promptreg-shout 1.0",
        "score": pytest.approx(0.05),
        "problems": [],
        "complaints": [],
    }
    assert json.loads(log.read_text("utf-8"))["verdict"] == "fail"


def test_the_command_lists_it(installed: Path) -> None:
    code = "from promptreg.cli.plugins import app; app(['list', '--json'], standalone_mode=False)"
    facts: Any = json.loads(_python(installed, "-c", code))
    shout = next(p for p in facts["plugins"] if p["name"] == "shout")
    assert shout["owner"] == "promptreg-shout 1.0"
    assert [s["name"] for s in shout["settings"]] == ["field"]
    assert {
        "plugin": "comparison_log",
        "owner": "promptreg-shout 1.0",
        "events": ["promptreg_comparison_finished"],
    } in facts["listeners"]


def test_its_own_tests_pass(installed: Path) -> None:
    shutil.copytree(EXAMPLE / "tests", installed / "tests")
    out = _python(installed, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "tests")
    assert "10 passed" in out


def test_three_lines_of_toml_are_enough() -> None:
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["entry-points"]["promptreg"]["shout"] == "promptreg_shout"
    assert len((EXAMPLE / "promptreg_shout.py").read_text("utf-8").splitlines()) < 50
