"""References, and a real repository behind `git:`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from promptreg.errors import PromptregError, TemplateError, UsageError
from promptreg.records import Template
from promptreg.stages.load import Resolved, RunRef, at_revision, load_template, resolve
from promptreg.suite import Suite, TemplateEntry

ENVIRONMENT = {
    **{k: v for k, v in os.environ.items() if not k.startswith("GIT_")},
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_AUTHOR_DATE": "2026-01-21T00:00:00Z",
    "GIT_COMMITTER_DATE": "2026-01-21T00:00:00Z",
}


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=n", "-c", "user.email=e@example.org", *arguments],
        cwd=folder, env=ENVIRONMENT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip()


def suite(**templates: dict[str, str]) -> Suite:
    entries = {n: {"versions": v} for n, v in templates.items()}
    return Suite.model_validate(
        {"suite": "s", "scenarios": "s.jsonl", "templates": entries, "provider": {"use": "x"}}
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A suite below the top of a repository, with two commits and a dirty work tree."""
    top = tmp_path / "repository"
    base = top / "prompts"
    (base / "templates").mkdir(parents=True)
    git(tmp_path, "init", "-q", "-b", "main", str(top))
    (base / "templates" / "basic.txt").write_bytes(b"old {x}\r\n")
    (base / "p.py").write_text("BASIC = 'old constant'\n")
    (base / "p.yaml").write_text("a: {b: old key}\n")
    (top / "top.txt").write_text("old top")
    (base / "link.txt").symlink_to("templates/basic.txt")
    git(top, "add", "-A")
    git(top, "commit", "-qm", "one")
    for path in ("prompts/templates/basic.txt", "prompts/p.py", "prompts/p.yaml", "top.txt"):
        (top / path).write_text((top / path).read_text().replace("old", "new"))
    git(top, "commit", "-qam", "two")
    git(top, "tag", "v9")
    (base / "templates" / "basic.txt").write_text("dirty {x}\n")
    return base


def one(got: Resolved | RunRef) -> Template:
    assert isinstance(got, Resolved)
    (template,) = got.templates.values()
    return template


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("git:HEAD:templates/basic.txt", "new {x}\n"),
        ("git:HEAD~1:templates/basic.txt", "old {x}\n"),
        ("git:v9:templates/basic.txt", "new {x}\n"),
        ("git:main~1:./templates/../templates/basic.txt", "old {x}\n"),
        ("git:HEAD~1:top.txt", "old top"),
        ("git:HEAD~1:../top.txt", "old top"),
        ("git:HEAD~1:prompts/templates/basic.txt", "old {x}\n"),
        ("git:HEAD~1:p.py:BASIC", "old constant"),
        ("git:HEAD~1:p:BASIC", "old constant"),
        ("git:HEAD~1:p.yaml#a.b", "old key"),
    ],
)
def test_revisions_are_read_from_git_alone(repository: Path, source: str, text: str) -> None:
    entry = TemplateEntry(versions={"v1": source})
    template = load_template("basic", "v1", entry, repository)
    assert template.text == text
    commit = git(repository, "rev-parse", source.split(":")[1])
    assert commit[:10] in template.source


def test_the_same_source_at_a_revision(repository: Path) -> None:
    entry = TemplateEntry(versions={"now": "templates/basic.txt", "before": "git:HEAD~1"})
    assert load_template("basic", "now", entry, repository).text == "dirty {x}\n"
    assert load_template("basic", "before", entry, repository).text == "old {x}\n"
    template = at_revision("basic", entry, "HEAD", repository)
    assert (template.text, template.label) == ("new {x}\n", "git:HEAD")
    two = TemplateEntry(versions={"v1": "templates/basic.txt", "v2": "p.yaml#a.b"})
    with pytest.raises(TemplateError, match=r"several versions \(v1, v2\).*git:REV:p.yaml#a.b"):
        at_revision("basic", two, "HEAD", repository)
    assert at_revision("basic", two, "HEAD~1", repository, label="v2").text == "old key"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("git:nope:top.txt", "git knows no revision 'nope'"),
        ("git:HEAD:gone.txt", "gone.txt: not in revision HEAD"),
        ("git:HEAD:templates", "is a tree; allowed: plain files"),
        ("git:HEAD:link.txt", "is a symbolic link"),
        ("git:HEAD:../../etc/passwd", "not in revision"),
        ("git:HEAD:/etc/passwd", "not in revision"),
        ("git:--output=x:top.txt", "is no git revision"),
        ("git:-h:top.txt", "is no git revision"),
        ("git:HEAD:git:HEAD~1:top.txt", "names two revisions"),
        ("git:HEAD:*.txt", "not in revision"),
        ("git:HEAD:p.py:GONE", "no module-level name 'GONE'"),
    ],
)
def test_what_git_has_not(repository: Path, source: str, message: str) -> None:
    entry = TemplateEntry(versions={"v1": source})
    with pytest.raises(TemplateError) as caught:
        load_template("basic", "v1", entry, repository)
    assert message in str(caught.value)
    assert not (repository / "x").exists()


def test_a_shallow_clone_is_named(repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{repository.parent}", "shallow")
    entry = TemplateEntry(versions={"v1": "git:HEAD~1:top.txt"})
    with pytest.raises(TemplateError, match=r"this clone is shallow.*fetch-depth: 0"):
        load_template("basic", "v1", entry, tmp_path / "shallow" / "prompts")


def test_no_repository_and_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = TemplateEntry(versions={"v1": "git:HEAD:top.txt"})
    with pytest.raises(TemplateError, match="git: not a git repository"):
        load_template("basic", "v1", entry, tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TemplateError, match="needs the program 'git', which is not installed"):
        load_template("basic", "v1", entry, tmp_path)


def test_the_environment_of_a_hook_does_not_mislead(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", "nowhere")
    entry = TemplateEntry(versions={"v1": "git:HEAD:top.txt"})
    assert load_template("basic", "v1", entry, repository).text == "new top"


def test_references(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository / "other.txt").write_text("other")
    both = suite(
        basic={"v1": "templates/basic.txt"},
        enriched={"v1": "p.py:BASIC", "v2": "p.yaml#a.b"},
    )
    got = resolve("v1", both, repository)
    assert isinstance(got, Resolved)
    assert list(got.templates) == ["basic", "enriched"]
    assert one(resolve("v2", both, repository)).name == "enriched"
    assert one(resolve("v1", both, repository, template="enriched")).text == "new constant"
    assert one(resolve("enriched@v2", both, repository)).text == "new key"
    assert one(resolve("basic@git:HEAD~1", both, repository)).text == "old {x}\n"
    assert one(resolve("enriched@git:HEAD~1:p.yaml#a.b", both, repository)).text == "old key"
    assert one(resolve("git:HEAD", both, repository, template="basic")).text == "new {x}\n"
    assert resolve("run:abc123", both, repository) == RunRef("abc123")
    listed = one(resolve("templates/basic.txt", both, repository))
    assert (listed.name, listed.label) == ("basic", "v1")
    with pytest.raises(UsageError, match=r"belongs to no template.*--template says whose"):
        resolve("other.txt", both, repository)
    assert one(resolve("other.txt", both, repository, template="basic")).label == "other"
    monkeypatch.chdir(repository.parent)
    single = suite(basic={"v1": "templates/basic.txt"})
    (repository.parent / "my new.v3.txt").write_text("third")
    third = one(resolve("my new.v3.txt", single, repository))
    assert (third.name, third.label, third.text) == ("basic", "my-new.v3", "third")


@pytest.mark.parametrize(
    ("ref", "template", "message"),
    [
        ("v3", None, "no version or file is called 'v3'.*basic: v1; enriched: v1, v2"),
        ("basic@v2", None, "the template 'basic' has no version, alias .* 'v2'.*there are: v1"),
        ("basic@production", None, "'promptreg templates promote' makes an alias"),
        ("prompts:/basic@production", None, "needs a prompt registry, and none is connected"),
        ("basic@sha256:xyz", None, "allowed is sha256: and 6 to 64 hex digits"),
        ("basik@v1", None, r"no template is called 'basik' \(did you mean 'basic'\?\)"),
        ("v1", "basik", "no template is called 'basik'"),
        ("basic@v1", "enriched", "is of the template 'basic', but --template says 'enriched'"),
        ("v2", "basic", "no version or file is called 'v2'"),
        ("run:", None, "is no run"),
        ("run:../x", None, "is no run"),
        ("", None, "no version or file is called ''"),
        ("basic@git:", None, "is missing"),
        ("enriched@git:HEAD", None, "has several versions"),
        ("a\0b", None, "no version or file"),
    ],
)
def test_unknown_references(repository: Path, ref: str, template: str | None, message: str) -> None:
    both = suite(
        basic={"v1": "templates/basic.txt"},
        enriched={"v1": "p.py:BASIC", "v2": "p.yaml#a.b"},
    )
    with pytest.raises(PromptregError, match=message):
        resolve(ref, both, repository, template=template)
