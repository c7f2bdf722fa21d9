"""`init --ci`: the right files at the right place, and nothing replaced."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from promptreg.cli.app import run as promptreg
from suite_factory import write_suite

REPORTS = "-o report.html -o report.json -o report.junit.xml"
RECORDED = {"use": "recorded", "path": "c.jsonl"}


@pytest.fixture
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git repository, and the folder commands start in."""
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def parsed(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def scripts(path: Path) -> list[str]:
    return [s["run"] for s in parsed(path)["jobs"]["gate"]["steps"] if "run" in s]


def test_it_writes_what_it_always_wrote(top: Path) -> None:
    assert promptreg(["init", "demo"]) == 0
    workflow = top / "demo" / ".github" / "workflows" / "promptreg.yml"
    assert scripts(workflow)[1:] == ["promptreg validate", f"promptreg gate v1 v2 {REPORTS}"]
    assert (top / "demo" / ".pre-commit-config.yaml").is_file()
    assert promptreg(["init", "demo"]) == 2


def test_registries_of_two_branches_join(top: Path) -> None:
    assert promptreg(["init", "demo"]) == 0
    asked = ["git", "check-attr", "merge", "--", "demo/promptreg.registry.jsonl"]
    said = subprocess.run(asked, cwd=top, check=True, capture_output=True, text=True).stdout
    assert said.rstrip().endswith("merge: union")


def test_a_file_is_no_folder(top: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (top / "f").write_text("", "utf-8")
    for more in ([], ["--ci", "github"]):
        assert promptreg(["init", "f", *more]) == 2
        assert "f: is no folder" in capsys.readouterr().err


def test_the_hook_runs_where_anything_changes_that_validate_reads(top: Path) -> None:
    folder = write_suite(top / "s", "http://127.0.0.1:1")
    suite = json.loads((folder / "promptreg.yaml").read_text("utf-8"))
    (folder / "prompts.py").write_text("BASIC = 'x {id}'\n", "utf-8")
    (folder / "more.yaml").write_text("v: 'x {id}'\n", "utf-8")
    suite["templates"]["basic"]["versions"] |= {"v8": "prompts:BASIC", "v9": "more.yaml#v"}
    suite["templates"]["more"] = {"engine": "jinja", "versions": {"v1": "more.jinja"}}
    (folder / "more.jinja").write_text("{% include 'part.txt' %} {{ id }}", "utf-8")
    (folder / "part.txt").write_text("x", "utf-8")
    suite |= {"generate": {"use": "grid", "output": "made"}, "scenarios": "made/scenarios.parquet"}
    (folder / "promptreg.yaml").write_text(json.dumps(suite), "utf-8")
    assert promptreg(["init", "s", "--ci", "github"]) == 0
    hook = parsed(top / ".pre-commit-config.yaml")["repos"][0]["hooks"][0]
    read = ("made/ground_truth.json", "prompts.py", "more.yaml", "v1.txt", "part.txt")
    for name in (*read, "promptreg.yaml", "promptreg.registry.jsonl"):
        assert re.match(hook["files"], f"s/{name}"), name
    assert not re.match(hook["files"], "s/README.md")


def test_none_writes_none(top: Path) -> None:
    assert promptreg(["init", "bare", "--ci", "none"]) == 0
    assert (top / "bare" / "promptreg.yaml").is_file()
    assert not (top / "bare" / ".github").exists()
    assert not (top / "bare" / ".pre-commit-config.yaml").exists()


def test_a_new_suite_has_its_ci_at_the_top(top: Path) -> None:
    assert promptreg(["init", "a/b", "--ci", "github"]) == 0
    workflow = top / ".github" / "workflows" / "promptreg-a-b.yml"
    assert scripts(workflow)[2] == f"promptreg gate v1 v2 -c a/b/promptreg.yaml {REPORTS}"
    assert not (top / "a" / "b" / ".github").exists()


def test_a_live_suite_is_gated_against_the_base(
    top: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = write_suite(top / "apps" / "my prompts", "http://127.0.0.1:1")
    before = {p: p.read_bytes() for p in suite.iterdir()}
    assert promptreg(["init", str(suite), "--ci", "github"]) == 0
    workflow = top / ".github" / "workflows" / "promptreg-apps-my-prompts.yml"
    assert f"wrote {workflow}" in capsys.readouterr().out
    assert scripts(workflow)[2] == (
        "promptreg gate --base-ref \"origin/$BASE\" -c 'apps/my prompts/promptreg.yaml' " + REPORTS
    )
    hook = parsed(top / ".pre-commit-config.yaml")["repos"][0]["hooks"][0]
    assert re.match(hook["files"], "apps/my prompts/v1.txt")
    assert not re.match(hook["files"], "apps/other/v1.txt")
    assert {p: p.read_bytes() for p in suite.iterdir()} == before


def test_nothing_is_replaced_and_it_says_what_to_do(
    top: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_suite(top / "s", provider=RECORDED)
    for name in (".gitlab-ci.yml", ".pre-commit-config.yaml"):
        (top / name).write_text("mine: true\n", "utf-8")
    assert promptreg(["init", "s", "--ci", "gitlab"]) == 0
    said = capsys.readouterr().out
    assert "add to its 'include': - local: /.gitlab/promptreg-s.yml" in said
    assert "add to its 'repos':" in said
    assert (top / ".gitlab-ci.yml").read_text("utf-8") == "mine: true\n"
    job = parsed(top / ".gitlab" / "promptreg-s.yml")["promptreg-s"]
    assert job["script"][-1] == f"promptreg gate v1 v2 -c s/promptreg.yaml {REPORTS}"
    assert promptreg(["init", "s", "--ci", "gitlab"]) == 0
    assert "promptreg-s.yml stands already" in capsys.readouterr().out
    (top / ".pre-commit-config.yaml").write_text("  - id: promptreg-s-validate\n", "utf-8")
    assert promptreg(["init", "s", "--ci", "gitlab"]) == 0
    assert "has 'id: promptreg-s-validate' already" in capsys.readouterr().out


def test_a_suite_that_cannot_be_gated_is_told(
    top: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = write_suite(top / "one", provider=RECORDED, templates={"v1": "[{id}] {detections}"})
    assert promptreg(["init", "one", "--ci", "github"]) == 2
    assert "no template has two versions" in capsys.readouterr().err
    (suite / "promptreg.yaml").write_text("suite: [", "utf-8")
    assert promptreg(["init", "one", "--ci", "github"]) == 2
    assert promptreg(["init", "one", "--ci", "gitea"]) == 2
    assert "must be one of github, gitlab, none" in capsys.readouterr().err
    write_suite(top / "${{ secrets.X }}", "http://127.0.0.1:1")
    assert promptreg(["init", "${{ secrets.X }}", "--ci", "github"]) == 2
    assert "cannot stand in a workflow" in capsys.readouterr().err
    assert not (top / ".github").exists()
