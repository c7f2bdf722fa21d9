"""A pull request as it happens: origin, a branch, a job of GitHub Actions, one comment."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from command_line import Finished, Promptreg
from fake_model import ModelServer, running
from forge_server import ForgeServer, Refusal
from suite_factory import TEMPLATE, answer_text, good_score, write_suite

TOKEN = "ghs_n0b0dyMayReadThis"
GOOD = f"Rules.\n{TEMPLATE.replace('LABEL', 'good')}\n"
BAD = f"Rules.\n{TEMPLATE.replace('LABEL', 'bad')}\nBe bold.\n"


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "gc.auto=0")
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    env |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    done = subprocess.run(
        ["git", *who, *arguments], cwd=folder, env=env, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def answer(scenario: str, version: str) -> str:
    """Answer well, but to the template that calls itself `bad`."""
    score = good_score(scenario)
    return answer_text((score + 55) % 100 if version == "bad" else score)


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with running(ModelServer(answer)) as server:
        yield server


@pytest.fixture
def clone(tmp_path: Path, model: ModelServer) -> Path:
    """A clone of a bare repository, on a branch of a pull request; the suite is in `prompts/`."""
    origin = tmp_path / "origin.git"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(origin))
    folder = tmp_path / "checkout"
    git(tmp_path, "clone", "-q", str(origin), str(folder))
    git(folder, "checkout", "-q", "-b", "main")
    suite = write_suite(
        folder / "prompts",
        f"http://127.0.0.1:{model.port}",
        n=40,
        templates={"v1": GOOD},
        gate={"margins": {"overall": 0.2}, "draws": 999},
    )
    (suite / ".gitignore").write_text(".promptreg/\n", "utf-8")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "suite")
    git(folder, "push", "-q", "origin", "main")
    git(folder, "checkout", "-q", "-b", "change")
    return folder


class Gate:
    """Runs the job on the branch as it is."""

    def __init__(self, clone: Path, env: dict[str, str]) -> None:
        self.clone = clone
        self._run = Promptreg(clone, env)
        self._number = 500

    def __call__(self, *more: str) -> Finished:
        self._number += 1
        env = {"GITHUB_RUN_ID": str(self._number)}
        config = ("-c", "prompts/promptreg.yaml")
        done = self._run("gate", "--base-ref", "origin/main", *config, *more, env=env)
        assert TOKEN not in done.out + done.err
        return done

    def edit(self, text: str) -> None:
        (self.clone / "prompts" / "v1.txt").write_text(text, "utf-8")
        git(self.clone, "commit", "-q", "--allow-empty", "-a", "-m", "edit")


@pytest.fixture
def gate(clone: Path, github: Callable[..., dict[str, str]]) -> Gate:
    return Gate(clone, github(GITHUB_WORKSPACE=str(clone)))


@pytest.mark.slow
def test_the_life_of_a_pull_request(
    gate: Gate, clone: Path, forge: ForgeServer, tmp_path: Path
) -> None:
    (clone / "README").write_text("x", "utf-8")
    git(clone, "add", "-A")
    gate.edit(GOOD)
    untouched = gate()
    assert (untouched.code, forge.bodies) == (0, [])
    assert "there is no comment to update" in untouched.err

    gate.edit(BAD)
    worse = gate("-o", str(tmp_path / "report.junit.xml"))
    assert worse.code == 1
    (body,) = forge.bodies
    head = git(clone, "rev-parse", "HEAD")
    for said in (
        "GATE FAIL",
        "regressed",
        f"tested {head[:10]}",
        "promptreg gate --base-ref origin/main -c prompts/promptreg.yaml",
        f"git checkout {head}",
        "+Be bold.",
        "https://github.com/team/cameras/actions/runs/502",
    ):
        assert said in body, said
    assert "::error file=prompts/v1.txt,line=2,title=basic%3A overall::REGRESSED" in worse.err
    assert (tmp_path / "report.junit.xml").is_file()

    gate.edit(f"{GOOD}Be brief.\n")
    better = gate("--json")
    assert better.code == 0
    assert better.json["gate"]["verdict"] == "pass"  # stdout holds JSON and nothing else
    (body,) = forge.bodies
    assert "GATE PASS" in body

    gate.edit(GOOD)
    assert gate().code == 0
    assert "no template is touched" in forge.bodies[0]
    posts = [r for r in forge.requests if r.startswith("POST")]
    assert (len(forge.bodies), len(posts)) == (1, 1)
    summary = (tmp_path / "summary.md").read_text("utf-8")
    verdicts = [w.split()[3] for w in summary.splitlines() if w.startswith("## ")]
    assert verdicts == ["PASS", "FAIL", "PASS", "PASS"]


@pytest.mark.slow
def test_an_old_pass_does_not_outlive_a_run_without_decision(
    gate: Gate, forge: ForgeServer
) -> None:
    gate.edit(f"{GOOD}Be brief.\n")
    assert gate().code == 0
    assert "GATE PASS" in forge.bodies[0]

    gate.edit(f"{GOOD}Be quick.\n")
    stopped = gate("--budget", "3")
    assert stopped.code == 5
    (body,) = forge.bodies
    assert "NOT DECIDED — exit 5" in body
    assert "budget" in body

    suite = gate.clone / "prompts" / "promptreg.yaml"
    text = suite.read_text("utf-8")
    assert gate().code == 0
    assert "GATE PASS" in forge.bodies[0]
    suite.write_text("suite: [", "utf-8")  # its name cannot be read any more
    assert gate().code == 2
    assert "NOT DECIDED — exit 2" in forge.bodies[0]

    suite.write_text(text, "utf-8")
    assert gate().code == 0
    assert gate("-o", "/proc/nowhere/report.html").code == 5
    assert "NOT DECIDED" in forge.bodies[0]
    assert len(forge.bodies) == 1


def test_what_the_forge_says_changes_no_verdict(gate: Gate, forge: ForgeServer) -> None:
    gate.edit(BAD)
    forge.script.append(Refusal(403, "Resource not accessible by integration", only="POST"))
    done = gate("--json")
    assert done.code == 1 == done.json["gate"]["exit_code"]
    assert "pull-requests: write" in done.err
