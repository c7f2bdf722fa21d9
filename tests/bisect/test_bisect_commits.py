"""`bisect` along commits of a real repository: the first bad one, whatever history looks like."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fake_model import running
from prompted_model import PromptedModel, Repository
from promptreg.cli.app import run as promptreg

TEXT = "Rate from 0 to 100: {event}\n\nNote NOTE.\n"


@pytest.fixture
def model() -> Iterator[PromptedModel]:
    with running(PromptedModel(lambda p: "HARSH" in p)) as started:
        yield started


class Bisect:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, repository: Repository, *arguments: str) -> int:
        code = promptreg(["bisect", *arguments, "-c", str(repository.folder)])
        shown = self.capsys.readouterr()
        self.out, self.err = shown.out, shown.err
        assert "internal error" not in self.err, self.err
        return code

    def json(self, repository: Repository, *arguments: str) -> Any:
        code = self(repository, *arguments, "--json")
        assert self.out, self.err
        found = json.loads(self.out)
        assert found["exit_code"] == code
        return found


@pytest.fixture
def bisect(capsys: pytest.CaptureFixture[str]) -> Bisect:
    return Bisect(capsys)


@pytest.fixture
def repository(tmp_path: Path, model: PromptedModel) -> Repository:
    made = Repository(tmp_path / "repo", model.url, TEXT.replace("NOTE", "0"))
    made.git("tag", "good")
    return made


def note(word: object) -> str:
    return TEXT.replace("NOTE", str(word))


def culprit(found: Any) -> str:
    hash_: str = found["boundaries"][-1]["bad"]
    return hash_


def test_the_commit_is_found_by_halves_and_shown(
    repository: Repository, model: PromptedModel, bisect: Bisect
) -> None:
    for i in range(1, 6):
        repository.commit(f"note {i}", note(i))
        repository.commit(f"unrelated {i}", f"{i}", "other.txt")
    bad = repository.commit("\x1b[31mharsher\x1b[0m, <b>", note("5, be HARSH"))
    for i in range(6, 11):
        repository.commit(f"note {i}", note(f"{i}, be HARSH"))
    found = bisect.json(repository, "basic@git:good", "basic@git:HEAD")
    assert (found["searched"], found["found"], found["exit_code"]) == ("commits", "single", 0)
    assert culprit(found) == bad
    assert len(found["commits"]) == 12  # unrelated commits are none of the template's
    assert len(found["tests"]) <= 5
    assert len(model.calls) == 40 * (2 + len(found["tests"]))
    assert bisect(repository, "git:good", "git:HEAD") == 0
    assert f"CULPRIT — commit {bad[:10]}" in bisect.out
    assert "+Note 5, be HARSH." in bisect.out
    assert "\x1b" not in bisect.out
    model.forget()
    inside = bisect.json(repository, f"git:{bad}~1", f"git:{bad}", "--hunks")
    assert [inside["hunks"][n - 1]["diff"] for n in inside["culprits"][0]] == ["+HARSH."]


@pytest.mark.slow
def test_one_commit_is_looked_into(repository: Repository, bisect: Bisect) -> None:
    repository.commit("two things", note("1, be HARSH") + "\nThe end.\n")
    found = bisect.json(repository, "git:good", "git:HEAD")
    assert (found["searched"], found["culprits"]) == ("hunks", [[1]])
    assert any("one commit" in warning for warning in found["warnings"])
    found = bisect.json(repository, "git:good", "git:HEAD", "--commits")
    assert (found["searched"], found["found"]) == ("commits", "single")


def test_a_renamed_file_and_a_commit_that_cannot_be_tested(
    repository: Repository, bisect: Bisect
) -> None:
    repository.commit("note 1", note(1))
    repository.git("mv", "v1.txt", "prompt.txt")
    suite = (repository.folder / "promptreg.yaml").read_text("utf-8")
    repository.commit("renamed", suite.replace("v1.txt", "prompt.txt"), "promptreg.yaml")
    repository.commit("broken", note("{nobody}"), "prompt.txt")
    bad = repository.commit("harsh", note("be HARSH"), "prompt.txt")
    repository.commit("more", note("2, be HARSH"), "prompt.txt")
    found = bisect.json(repository, "git:good", "git:HEAD")
    outcomes = [t["outcome"] for t in found["tests"]]
    assert "broken" in outcomes
    # The first bad commit is the broken one or the next: it is not guessed which.
    assert (found["found"], found["exit_code"]) == ("unclear", 3)
    assert culprit(found) == bad
    assert found["boundaries"][-1]["exact"] is False
    assert bisect(repository, "git:good", "git:HEAD") == 3
    assert "one of 2 commits" in bisect.out


def test_a_regression_that_was_mended_and_came_back(repository: Repository, bisect: Bisect) -> None:
    first = repository.commit("harsh", note("1, be HARSH"))
    repository.commit("mended", note(0))
    repository.commit("note 2", note(2))
    second = repository.commit("harsh again", note("1, be HARSH"))
    repository.commit("more", note("3, be HARSH"))
    repository.commit("back", note("1, be HARSH"))
    found = bisect.json(repository, "git:good", "git:HEAD")
    assert (found["found"], found["exit_code"]) == ("several", 0)
    assert [b["bad"] for b in found["boundaries"]] == [first, second]
    assert bisect(repository, "git:good", "git:HEAD", "-q") == 0
    assert f"commit {second[:10]}" in bisect.out


@pytest.mark.slow
def test_a_merge_counts_as_one_commit(repository: Repository, bisect: Bisect) -> None:
    repository.git("checkout", "-q", "-b", "side")
    repository.commit("side 1", note("0\n\nSide"))
    inside = repository.commit("side harsh", note("0\n\nSide, be HARSH"))
    repository.git("checkout", "-q", "main")
    repository.commit("first line", note(0).replace("Rate", "Please rate"))
    repository.git("merge", "-q", "--no-ff", "-m", "merge side", "side")
    merge = repository.git("rev-parse", "HEAD")
    repository.commit("later", note("0\n\nSide, be HARSH").replace("Rate", "Please do rate"))
    found = bisect.json(repository, "git:good", "git:HEAD")
    assert culprit(found) == merge
    # From a commit on the side branch the line goes along that branch.
    found = bisect.json(repository, "git:side~1", "git:HEAD")
    assert culprit(found) == inside


@pytest.mark.slow
def test_without_a_line_of_history_the_edit_is_cut(repository: Repository, bisect: Bisect) -> None:
    repository.git("checkout", "-q", "-b", "side")
    repository.commit("side", note(7))
    repository.git("checkout", "-q", "main")
    repository.commit("note", note(1))
    repository.commit("harsh", note("be HARSH"))
    found = bisect.json(repository, "git:side", "git:main")
    assert found["searched"] == "hunks"
    assert any("is no ancestor" in warning for warning in found["warnings"])
    assert bisect(repository, "git:side", "git:main", "--commits") == 2
    assert "is no ancestor" in bisect.err
    assert bisect(repository, "git:good", "git:nowhere") == 2
    assert "no revision 'nowhere'" in bisect.err
    assert bisect(repository, "git:good", "v1", "--commits") == 2
    assert bisect.json(repository, "git:good", "v1")["searched"] == "hunks"
    assert bisect(repository, "git:good", "git:good") == 2
    assert "nothing to bisect" in bisect.err


@pytest.mark.slow
def test_constants_are_followed(repository: Repository, bisect: Bisect) -> None:
    suite = json.loads((repository.folder / "promptreg.yaml").read_text("utf-8"))
    suite["templates"]["basic"]["versions"] = {"v1": "prompts:TEXT"}
    (repository.folder / "promptreg.yaml").write_text(json.dumps(suite), "utf-8")

    def code(tone: str, comment: str = "") -> str:
        return f"{comment}\nTONE = {tone!r}\nTEXT = 'Rate: {{event}}. Be ' + TONE\n"

    repository.commit("constant", code("kind"), "prompts.py")
    repository.git("tag", "constant")
    repository.commit("comment", code("kind", "# A comment."), "prompts.py")
    repository.commit("nice", code("nice"), "prompts.py")
    bad = repository.commit("harsh", code("HARSH"), "prompts.py")
    found = bisect.json(repository, "git:constant", "git:HEAD")
    assert [c["subject"] for c in found["commits"]] == ["constant", "nice", "harsh"]
    assert culprit(found) == bad


def test_the_plan_lists_commits(
    repository: Repository, model: PromptedModel, bisect: Bisect
) -> None:
    for i in range(1, 4):
        repository.commit(f"note {i}", note(i))
    assert bisect(repository, "git:good", "git:HEAD", "--dry-run", "--json") == 0
    plan = json.loads(bisect.out)
    assert plan["tests_at_most"] == 2
    assert [c["subject"] for c in plan["commits"]] == ["start", "note 1", "note 2", "note 3"]
    assert bisect(repository, "git:good", "git:HEAD", "--dry-run") == 0
    assert "3 commits changed the template" in bisect.out
    assert model.calls == []
