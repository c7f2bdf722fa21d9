"""Aliases, hashes and registered labels as references, in every command; and through git."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from promptreg.errors import UsageError
from promptreg.stages.load import Resolved, resolve
from promptreg.suite import load_suite
from registry_suite import Say

ENVIRONMENT = {
    **{k: v for k, v in os.environ.items() if not k.startswith("GIT_")},
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
}


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=n", "-c", "user.email=e@example.org", *arguments],
        cwd=folder, env=ENVIRONMENT, check=True, capture_output=True,
    )  # fmt: skip


@pytest.fixture
def promoted(suite: Path, say: Say) -> Path:
    assert say("templates", "promote", "basic@v1", "-q").code == 0
    return suite


def one(ref: str, folder: Path) -> tuple[str, str]:
    found = resolve(ref, load_suite(folder / "promptreg.yaml"), folder)
    assert isinstance(found, Resolved)
    (template,) = found.templates.values()
    return template.label, template.text


def test_an_alias_is_the_text_of_the_journal_not_of_the_work_tree(promoted: Path) -> None:
    text = (promoted / "v1.txt").read_text()
    (promoted / "v1.txt").write_text("edited {id}")
    assert one("basic@v1", promoted) == ("v1", "edited {id}")
    for ref in ("basic@production", "production"):
        assert one(ref, promoted) == ("v1", text)
    suite = load_suite(promoted / "promptreg.yaml")
    found = resolve("basic@production", suite, promoted)
    assert isinstance(found, Resolved)
    sha256 = found.templates["basic"].sha256
    for digits in (6, 12, 64):
        assert one(f"basic@sha256:{sha256[:digits]}", promoted) == ("v1", text)
    with pytest.raises(UsageError, match="no version, alias or registered label 'sha256:000000'"):
        one("basic@sha256:000000", promoted)


def test_a_label_outlives_its_place_in_the_suite(promoted: Path) -> None:
    data = json.loads((promoted / "promptreg.yaml").read_text())
    del data["templates"]["basic"]["versions"]["v1"]
    (promoted / "promptreg.yaml").write_text(json.dumps(data))
    (promoted / "v1.txt").unlink()
    assert one("v1", promoted)[0] == "v1"
    assert one("basic@v1", promoted)[0] == "v1"
    assert one("basic@production", promoted)[0] == "v1"
    with pytest.raises(UsageError, match=r"did you mean 'production'.*in the registry: production"):
        one("basic@produktion", promoted)


def test_a_word_with_two_meanings_is_refused(promoted: Path, say: Say) -> None:
    data = json.loads((promoted / "promptreg.yaml").read_text())
    data["templates"]["basic"]["versions"]["production"] = "v2.txt"
    (promoted / "promptreg.yaml").write_text(json.dumps(data))
    for ref in ("basic@production", "production"):
        done = say("compare", ref, "v2")
        assert done.code == 2
        assert "is a label of the suite (basic@production: v2.txt) and an alias in" in done.err
    checked = say("validate")
    assert "[label-is-alias]" in checked.out
    assert checked.code == 2
    other = say("templates", "promote", "basic@v2", "--alias", "production")
    assert other.code == 2


def test_every_command_takes_an_alias(promoted: Path, say: Say) -> None:
    found = say("compare", "basic@production", "basic@v3", "--json").json
    assert found["gate"]["verdict"] == "fail"
    assert found["baseline"]["label"] == "basic@production"
    assert say("gate", "production", "v2", "-q").code == 0
    planned = say("plan", "basic@production", "basic@v2")
    assert "basic@v1" in planned.out  # recorded completions are found by this label
    ran = say("run", "basic@production", "-q")
    assert ran.code == 0
    assert "all answered" in ran.out


def test_a_drifted_label_is_told_and_never_compared_with_itself(promoted: Path, say: Say) -> None:
    (promoted / "v1.txt").write_text("[{id} v1] Other words: {detections}.")
    checked = say("validate")
    assert "[drifted-label]" in checked.out
    assert checked.code == 0
    assert "DRIFTED" in say("templates", "list").out
    # Completions are looked up by label: both sides would get the same ones.
    done = say("compare", "basic@production", "basic@v1")
    assert done.code == 2
    assert "both sides have the label 'v1' and different texts" in done.err
    for command in (["register"], ["promote"]):
        done = say("templates", *command, "basic@v1")
        assert done.code == 2
        assert "is registered with another text" in done.err
    done = say("templates", "register", "basic@v1", "--label", "v1.1")
    assert done.code == 0


def test_a_damaged_journal_is_named_by_whoever_reads_it(promoted: Path, say: Say) -> None:
    path = promoted / "promptreg.registry.jsonl"
    path.write_text(path.read_text().replace("Seen", "SEEN"))
    for command in (["gate", "production", "v2"], ["templates", "list"], ["validate"]):
        done = say(*command)
        assert done.code == 2
        assert "line 1: the text of basic@v1 was changed" in done.err + done.out


def test_the_registry_may_lie_elsewhere_but_not_outside(suite: Path, say: Say) -> None:
    data = json.loads((suite / "promptreg.yaml").read_text())
    data["registry"] = "records/prompts.jsonl"
    (suite / "promptreg.yaml").write_text(json.dumps(data))
    assert say("templates", "register", "v1").code == 0
    assert (suite / "records" / "prompts.jsonl").is_file()
    data["registry"] = "../prompts.jsonl"
    (suite / "promptreg.yaml").write_text(json.dumps(data))
    done = say("templates", "register", "v1")
    assert done.code == 2
    assert "leads outside of the project" in done.err


def test_through_git(
    promoted: Path, say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (promoted / ".gitattributes").write_text("promptreg.registry.jsonl merge=union\n")
    (promoted / ".gitignore").write_text(".promptreg/\n")
    git(tmp_path, "init", "-q", "-b", "main", str(promoted))
    git(promoted, "add", "-A")
    git(promoted, "commit", "-qm", "one")
    git(tmp_path, "clone", "-q", str(promoted), "clone")
    clone = tmp_path / "clone"
    (clone / "v1.txt").write_text("gone {id}")  # the journal has it
    monkeypatch.chdir(clone)
    assert say("gate", "basic@production", "basic@v2", "-q").code == 0
    assert say("gate", "basic@production", "basic@v3", "-q").code == 1
    git(clone, "checkout", "-q", "v1.txt")
    # Two branches move the alias apart; the merge keeps both lines, and nobody may guess.
    for branch, version in (("left", "v2"), ("right", "v3")):
        git(clone, "checkout", "-q", "-b", branch, "origin/main")
        done = say("templates", "promote", f"basic@{version}", "-q", "--override", branch)
        assert done.code == 0
        git(clone, "commit", "-qam", branch)
    git(clone, "merge", "-q", "left", "-m", "both")
    for command in (
        ["gate", "production", "v2"],
        ["templates", "promote", "v2"],
        ["templates", "rollback", "basic"],
    ):
        done = say(*command)
        assert done.code == 2
        assert "branches that were merged moved it to v" in done.err
    assert "[disputed-alias]" in say("validate").out
    assert "is disputed" in say("templates", "list").out
    settled = say("templates", "rollback", "basic", "--to", "v2", "--reason", "settled")
    assert settled.code == 0
    assert one("production", clone)[0] == "v2"
    assert say("templates", "rollback", "basic").code == 0
    assert one("production", clone)[0] == "v1"
