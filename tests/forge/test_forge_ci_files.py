"""The examples of CI files: they parse, what they run exists, and the action does as it says."""

from __future__ import annotations

import re
import shlex
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from promptreg.cli.app import app

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "ci"
ACTION = EXAMPLES / "github-action" / "action.yml"
HOOKS = ROOT / ".pre-commit-hooks.yaml"
FILES = sorted([*EXAMPLES.rglob("*.yml"), *EXAMPLES.rglob("*.yaml"), HOOKS])


def parsed(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def options_of(command: str) -> set[str]:
    """Return the options of a command of promptreg."""
    known = getattr(typer.main.get_command(app), "commands", {})[command]
    return {option for parameter in known.params for option in parameter.opts}


def texts(value: Any) -> Iterator[str]:
    """Yield every text in a parsed file."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str):
        yield value


def command_lines(text: str) -> list[str]:
    """Return the command lines of promptreg in a script, without the program."""
    joined = re.sub(r"\\\n\s*", " ", text)
    lines = re.findall(r"(?m)^[\s]*(?:\S*/)?promptreg\"? +((?:gate|validate|compare)\b.*)$", joined)
    return [line.split("||")[0] for line in lines]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_command_in_the_examples_exists(path: Path) -> None:
    found = [line for text in texts(parsed(path)) for line in command_lines(text)]
    assert found or path.name == "github-workflow.yml"  # that one uses the action
    for line in found:
        words = shlex.split(line)
        known = options_of(words[0])
        for word in words[1:]:
            assert not word.startswith("-") or word in known, line


def test_actions_are_pinned() -> None:
    for path in FILES:
        for used in re.findall(r"uses: (\S+)", path.read_text("utf-8")):
            assert re.fullmatch(r"actions/[\w-]+@(v\d+|[0-9a-f]{40})|\./[\w./-]+", used), used


def test_the_workflow_may_do_as_little_as_possible() -> None:
    workflow = parsed(EXAMPLES / "github-workflow.yml")
    assert workflow["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert workflow[True] == {"pull_request": None}  # YAML takes `on` for a truth
    assert workflow["concurrency"]["cancel-in-progress"] is True
    checkout, _, gate = workflow["jobs"]["gate"]["steps"]
    assert checkout["with"] == {"fetch-depth": 0, "persist-credentials": False}
    inputs = parsed(ACTION)["inputs"]
    assert {k for k, v in inputs.items() if v.get("required")} <= set(gate["with"]) <= set(inputs)


def _steps(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from item if key == "steps" else _steps(item)


def test_no_expression_stands_in_a_script() -> None:
    # `run: echo ${{ github.head_ref }}` would run whatever a branch is called.
    for path in FILES:
        for step in _steps(parsed(path)):
            assert "${{" not in step.get("run", ""), path


def test_the_gitlab_job_has_what_gitlab_needs() -> None:
    job = parsed(EXAMPLES / "gitlab-ci.yml")["promptreg"]
    assert job["variables"]["GIT_DEPTH"] == "0"
    assert job["artifacts"]["when"] == "always"
    assert job["artifacts"]["reports"]["junit"] in job["script"][-1]


def test_pre_commit_hooks_have_what_pre_commit_demands() -> None:
    hooks = parsed(HOOKS) + parsed(EXAMPLES / "pre-commit-config.yaml")["repos"][0]["hooks"]
    for hook in hooks:
        assert {"id", "name", "entry", "language", "pass_filenames"} <= set(hook)
        if "gate" in hook["id"]:
            assert hook["stages"] == ["pre-push", "manual"]  # it asks a model: never on commit
        else:
            assert re.search(hook["files"], "promptreg.yaml")


class Action:
    """Runs the composite action's own scripts as the runner does, with a `promptreg` that tells."""

    def __init__(self, folder: Path, exit_code: int) -> None:
        self.folder = folder
        self.steps = parsed(ACTION)["runs"]["steps"]
        self.inputs = {k: str(v.get("default", "")) for k, v in parsed(ACTION)["inputs"].items()}
        self.outputs: dict[str, str] = {}
        tool = folder / "temp" / "promptreg" / "bin" / "promptreg"
        tool.parent.mkdir(parents=True)
        tool.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >"{folder}/asked"\nexit {exit_code}\n')
        tool.chmod(tool.stat().st_mode | stat.S_IXUSR)

    def _value(self, text: str) -> str:
        for key, value in self.inputs.items():
            text = text.replace("${{ inputs." + key + " }}", value)
        for key, value in self.outputs.items():
            text = text.replace("${{ steps.gate.outputs." + key + " }}", value)
        assert "${{" not in text
        return text

    def run(self, name: str) -> int:
        """Run a step's script; return its exit status."""
        (step,) = (s for s in self.steps if s["name"] == name)
        script = self.folder / "script.sh"
        script.write_text(step["run"], "utf-8")
        said = self.folder / "output"
        said.write_text("")
        env = {k: self._value(v) for k, v in step.get("env", {}).items()}
        env |= {"RUNNER_TEMP": f"{self.folder}/temp", "GITHUB_OUTPUT": str(said)}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)],
            cwd=self.folder,
            env=env | {"PATH": "/usr/bin:/bin"},
            check=False,
        )
        self.outputs |= dict(line.split("=", 1) for line in said.read_text().splitlines())
        return done.returncode

    @property
    def asked(self) -> list[str]:
        """The words that promptreg was called with."""
        return (self.folder / "asked").read_text("utf-8").splitlines()


@pytest.mark.parametrize(
    ("code", "verdict"),
    [(0, "pass"), (1, "fail"), (2, "none"), (3, "inconclusive"), (4, "none"), (5, "none")],
)
def test_the_action_decides_last(tmp_path: Path, code: int, verdict: str) -> None:
    action = Action(tmp_path, code)
    action.inputs |= {"base-ref": "origin/main", "arguments": "--budget 5 --filter a=*"}
    (tmp_path / "promptreg-report").mkdir()
    (tmp_path / "promptreg-report" / "report.html").write_text("of an older run")
    assert action.run("Gate") == 0  # reports are to be uploaded whatever it says
    assert not (tmp_path / "promptreg-report" / "report.html").exists()
    told = {"verdict": verdict, "exit-code": str(code), "report": "promptreg-report"}
    assert action.outputs == told
    assert action.asked[:5] == ["gate", "--base-ref", "origin/main", "-c", "promptreg.yaml"]
    assert action.asked[-4:] == ["--budget", "5", "--filter", "a=*"]
    assert action.run("Verdict") == code
    action.inputs["inconclusive-passes"] = "true"
    assert action.run("Verdict") == (0 if code == 3 else code)


def test_the_action_takes_labels_and_runs_no_input(tmp_path: Path) -> None:
    action = Action(tmp_path, 0)
    action.inputs |= {"versions": "v1 v2", "config": "a b/$(touch owned).yaml"}
    assert action.run("Gate") == 0
    assert action.asked[:3] == ["gate", "v1", "v2"]
    assert "a b/$(touch owned).yaml" in action.asked
    assert not (tmp_path / "owned").exists()
    assert action.asked.count("-o") == 4
