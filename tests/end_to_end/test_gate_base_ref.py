"""`gate --base-ref`: real repositories, and a server whose answers depend on the prompt."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from fault_server import Connection, FaultServer, Request, llama, status
from promptreg.cli.app import run as promptreg

SCENARIOS = 40
GOOD = "Rate from 0 to 100: {event}"
BETTER = "Please rate from 0 to 100: {event}"
BAD = "Rate BADLY: {event}"


async def answer(request: Request, connection: Connection) -> None:
    """Answer with a low risk, or a high one where the prompt says BADLY."""
    score = 90 if "BADLY" in request.json["prompt"] else 12
    text = {"risk_score": score, "risk_level": "low", "summary": "s", "reasoning": "r"}
    text["risk_level"] = "critical" if score == 90 else "low"
    await status(200, llama(json.dumps(text)))(request, connection)


class Model:
    """A server in a thread of its own, so that commands can run in the test's."""

    def __init__(self) -> None:
        self.server = FaultServer(pages={"/completion": answer})
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._do(self.server.__aenter__())

    def _do(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def asked(self) -> list[str]:
        """Return the prompts of trials so far, and forget them."""
        bodies = [r.json for r in self.server.requests if r.path == "/completion"]
        self.server.requests.clear()
        return [b["prompt"] for b in bodies if "event" in b["prompt"]]

    def stop(self) -> None:
        self._do(self.server.__aexit__())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    made = Model()
    yield made
    made.stop()


class Repository:
    """A git repository with a suite, on a branch `change` that left `main`."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.git("init", "-q", "-b", "main")
        self.suite: dict[str, Any] = {
            "suite": "home",
            "scenarios": "scenarios.jsonl",
            "templates": {"basic": {"versions": {"v1": "basic.txt"}}},
            "provider": {"use": "llama_cpp", "url": url, "concurrency": 8, "warm_up": False},
            "scorers": [{"use": "risk_range"}],
            "gate": {"margins": {"overall": 0.2}, "draws": 999},
        }
        self.write("basic.txt", GOOD)
        self.write(".gitignore", ".promptreg/\n")
        self.scenarios(SCENARIOS)
        self.commit()

    def git(self, *arguments: str) -> str:
        who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "gc.auto=0")
        clean = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        done = subprocess.run(
            ["git", *who, "-c", "protocol.file.allow=always", *arguments],
            cwd=self.folder,
            env=clean | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def scenarios(self, count: int, risk: tuple[int, int] = (0, 30)) -> None:
        rows = [
            {"id": f"s{i}", "event": f"event {i}", "risk_range": list(risk)} for i in range(count)
        ]
        self.write("scenarios.jsonl", "".join(json.dumps(row) + "\n" for row in rows))

    def save(self) -> None:
        self.write("promptreg.yaml", yaml.safe_dump(self.suite, sort_keys=False))

    def commit(self) -> None:
        self.save()
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "x")

    def branch(self) -> None:
        self.git("checkout", "-q", "-b", "change")


@pytest.fixture
def repository(tmp_path: Path, model: Model) -> Repository:
    made = Repository(tmp_path / "repo", model.server.url)
    made.branch()
    model.asked()
    return made


class Gate:
    """Runs the command and keeps what it said."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys
        self.err = ""

    def __call__(self, repository: Repository, *arguments: str, ref: str = "main") -> int:
        config = str(repository.folder / "promptreg.yaml")
        code = promptreg(["gate", "--base-ref", ref, *arguments, "-c", config])
        shown = self.capsys.readouterr()
        self.out, self.err = shown.out, shown.err
        return code

    def json(self, repository: Repository, *arguments: str, ref: str = "main") -> Any:
        code = self(repository, "--json", *arguments, ref=ref)
        assert self.out, self.err
        found = json.loads(self.out)
        assert found["gate"]["exit_code"] == code
        return found


@pytest.fixture
def gate(capsys: pytest.CaptureFixture[str]) -> Gate:
    return Gate(capsys)


def whole(found: Any) -> dict[str, Any]:
    """Return the composite's entry by template."""
    return {
        c["template"]: c
        for c in found["comparisons"]
        if c["metric"] == "overall" and c["slice"] is None
    }


def test_a_worse_edit_fails_and_the_report_is_written(
    repository: Repository, gate: Gate, model: Model, tmp_path: Path
) -> None:
    repository.write("basic.txt", BAD)
    repository.commit()
    reports = [tmp_path / f"report.{e}" for e in ("html", "md", "json", "junit.xml", "csv")]
    found = gate.json(repository, *(x for r in reports for x in ("-o", str(r))))
    assert found["gate"]["verdict"] == "fail"
    assert found["gate"]["exit_code"] == 1
    assert all(r.is_file() for r in reports)
    overall = whole(found)["basic"]
    assert (overall["n_scenarios"], overall["verdict"]) == (SCENARIOS, "regressed")
    assert found["baseline"]["label"] == "main"
    assert found["candidate"]["label"] == "work tree"
    assert found["baseline"]["template_hash"] != found["candidate"]["template_hash"]
    asked = model.asked()
    assert len(asked) == 2 * SCENARIOS == found["trials"]["called"]
    sides = ["BADLY" in prompt for prompt in asked]
    assert 0 < sum(sides[:SCENARIOS]) < SCENARIOS  # interleaved, not one side after the other
    assert gate.json(repository)["trials"]["called"] == 0  # the store holds both sides


def test_an_edit_that_is_no_worse_passes_uncommitted(
    repository: Repository, gate: Gate, model: Model
) -> None:
    repository.write("basic.txt", BETTER)
    found = gate.json(repository)
    assert (found["gate"]["verdict"], found["gate"]["exit_code"]) == ("pass", 0)
    assert "with 1 uncommitted file" in found["revisions"]
    assert not any("merge base" in w for w in found["warnings"])
    # The server answers all alike, as one does that hides an outage.
    same = [w for w in found["warnings"] if "gave 40 of 40 scenarios the same answer" in w]
    assert [w.partition(" ")[0].partition("@")[0] for w in same] == ["basic", "basic"]
    assert len(model.asked()) == 2 * SCENARIOS


def test_the_base_is_where_the_branch_left(
    repository: Repository, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.write("basic.txt", BETTER)
    repository.commit()
    repository.git("checkout", "-q", "main")
    repository.write("basic.txt", BAD)
    repository.commit()
    repository.git("checkout", "-q", "--detach", "change")
    monkeypatch.setenv("GIT_DIR", "/nowhere")  # as a hook of another repository would leave it
    # Against the tip of main the edit would be an improvement; it is judged by what it edits.
    assert whole(gate.json(repository))["basic"]["difference"] == 0


def test_nothing_touched_passes_without_a_call(
    repository: Repository, gate: Gate, model: Model, tmp_path: Path
) -> None:
    repository.write("README.md", "words")
    repository.commit()
    outputs = ["html", "md", "json", "junit.xml", "csv", "parquet"]
    reports = [tmp_path / f"report.{ending}" for ending in outputs]
    found = gate.json(repository, *(x for r in reports for x in ("-o", str(r))))
    assert found["gate"]["verdict"] == "pass"
    assert found["gate"]["exit_code"] == 0
    assert found["comparisons"] == []
    assert found["trials"]["planned"] == 0
    assert "no template is touched: 1 version is the same" in found["gate"]["reasons"][0]
    assert all(r.is_file() for r in reports)
    assert "no worse than" not in (tmp_path / "report.md").read_text("utf-8")
    assert model.asked() == []
    assert gate(repository) == 0
    assert "no template is touched" in " ".join(gate.out.split())


def test_identical_prompts_pass_without_a_call(
    repository: Repository, gate: Gate, model: Model
) -> None:
    # Another engine, the same prompts: the template is touched, what is sent is not.
    repository.suite["templates"]["basic"]["engine"] = "jinja"
    repository.write("basic.txt", GOOD.replace("{event}", "{{ event }}"))
    repository.commit()
    found = gate.json(repository)
    assert (found["gate"]["verdict"], found["comparisons"]) == ("pass", [])
    assert "every prompt is identical" in found["gate"]["reasons"][0]
    assert model.asked() == []


def test_a_new_template_meets_only_the_limits(tmp_path: Path, gate: Gate, model: Model) -> None:
    repository = Repository(tmp_path / "limits", model.server.url)
    repository.suite["gate"]["limits"] = {"in_range": {"at_least": 0.8}}
    repository.commit()
    repository.branch()
    repository.suite["templates"]["extra"] = {"versions": {"v1": "extra.txt"}}
    repository.write("extra.txt", BETTER)
    repository.save()
    model.asked()
    found = gate.json(repository)
    assert (found["gate"]["verdict"], found["comparisons"]) == ("pass", [])
    assert found["gate"]["reasons"] == ["extra is new: only absolute limits apply"]
    assert [(x["template"], x["status"]) for x in found["limits"]] == [("extra", "met")]
    assert len(model.asked()) == SCENARIOS == found["trials"]["planned"]
    repository.write("extra.txt", BAD)
    found = gate.json(repository)
    assert (found["gate"]["verdict"], found["gate"]["exit_code"]) == ("fail", 1)
    assert "extra: in_range is shown to miss its limit" in found["gate"]["reasons"][0]
    # Beside a template that passes by itself, the new one still fails the gate.
    repository.write("basic.txt", BETTER)
    found = gate.json(repository)
    assert found["gate"]["exit_code"] == 1
    assert whole(found).keys() == {"basic"}
    assert found["trials"]["planned"] == 3 * SCENARIOS


def test_a_deleted_template_is_reported(repository: Repository, gate: Gate, model: Model) -> None:
    repository.suite["templates"] = {"other": {"versions": {"v1": "other.txt"}}}
    repository.write("other.txt", "What is the colour of {event}?")
    repository.git("rm", "-q", "basic.txt")
    repository.commit()
    found = gate.json(repository)
    assert found["gate"]["exit_code"] == 0
    assert any("basic@v1 is deleted" in w for w in found["warnings"])
    assert "other is new" in found["gate"]["reasons"][0]


def test_a_renamed_file_is_compared_with_its_old_name(repository: Repository, gate: Gate) -> None:
    repository.git("mv", "basic.txt", "moved.txt")
    repository.suite["templates"]["basic"]["versions"]["v1"] = "moved.txt"
    repository.commit()
    assert "no template is touched" in gate.json(repository)["gate"]["reasons"][0]
    repository.write("moved.txt", BAD)
    assert gate.json(repository)["gate"]["verdict"] == "fail"


def test_constants_and_keys_are_read_at_the_base(tmp_path: Path, gate: Gate, model: Model) -> None:
    repository = Repository(tmp_path / "sources", model.server.url)
    repository.suite["templates"] = {
        "code": {"versions": {"v1": "prompts:TEXT"}},
        "data": {"versions": {"v1": "prompts.yaml#risk.text"}},
    }
    repository.write("prompts.py", f"TEXT = {GOOD!r}\n")
    repository.write("prompts.yaml", yaml.safe_dump({"risk": {"text": GOOD}}))
    repository.commit()
    repository.branch()
    repository.write("prompts.py", f"TEXT = {BAD!r}\n")
    repository.write("prompts.yaml", yaml.safe_dump({"risk": {"text": BETTER}}))
    found = gate.json(repository)
    verdicts = {name: entry["verdict"] for name, entry in whole(found).items()}
    assert verdicts["code"] == "regressed"
    assert verdicts["data"] != "regressed"
    assert gate.json(repository, "--template", "data")["gate"]["verdict"] == "pass"


def test_an_included_file_touches_the_template(tmp_path: Path, gate: Gate, model: Model) -> None:
    repository = Repository(tmp_path / "repo", model.server.url)
    repository.suite["templates"] = {
        "basic": {"engine": "jinja", "versions": {"v1": "prompts/basic.jinja"}}
    }
    repository.write("prompts/basic.jinja", "{% include 'rate.txt' %}: {{ event }}")
    repository.write("prompts/rate.txt", "Rate\n")
    repository.commit()
    repository.branch()
    model.asked()
    repository.write("prompts/rate.txt", "Rate  \n")
    assert whole(gate.json(repository)).keys() == {"basic"}
    assert model.asked()[0].startswith(("Rate: event", "Rate  : event"))
    repository.write("prompts/rate.txt", "Rate BADLY\n")
    repository.commit()
    assert gate.json(repository)["gate"]["exit_code"] == 1
    repository.git("rm", "-q", "prompts/rate.txt")
    assert gate(repository) == 2
    assert "no file 'rate.txt' to include; looked for prompts/rate.txt, rate.txt" in gate.err


def test_several_labels_are_one_comparison(tmp_path: Path, gate: Gate, model: Model) -> None:
    repository = Repository(tmp_path / "labels", model.server.url)
    repository.suite["templates"]["basic"]["versions"] = {"v1": "basic.txt", "v2": "two.txt"}
    repository.write("two.txt", GOOD + "!")
    repository.commit()
    repository.branch()
    repository.write("basic.txt", BETTER)
    repository.write("two.txt", BAD)
    found = gate.json(repository)
    assert whole(found).keys() == {"basic@v1", "basic@v2"}
    assert found["gate"]["exit_code"] == 1
    found = gate.json(repository, "v1")
    assert whole(found).keys() == {"basic"}
    assert found["gate"]["verdict"] == "pass"
    assert gate(repository, "v3") == 2
    assert "no label is called 'v3'" in gate.err


def test_a_policy_edit_is_not_followed(repository: Repository, gate: Gate) -> None:
    repository.write("basic.txt", BAD)
    repository.suite["gate"] |= {"margins": {"overall": 0.9}, "prove": []}
    repository.suite["scorers"] = []
    repository.suite["provider"]["sampling"] = {"temperature": 0.1}
    repository.suite["store"] = ".other"
    repository.commit()
    found = gate.json(repository)
    assert found["gate"]["verdict"] == "fail"
    edited = next(w for w in found["warnings"] if "edits the policy" in w)
    assert "gate.margins, gate.prove, scorers; not followed" in edited
    assert any("edits the provider: sampling" in w for w in found["warnings"])
    assert any("moves the run store from .promptreg to .other" in w for w in found["warnings"])


def test_a_policy_edit_may_be_allowed(repository: Repository, gate: Gate) -> None:
    repository.write("basic.txt", BETTER)
    repository.suite["gate"]["alpha"] = 0.2
    repository.commit()
    assert gate.json(repository)["alpha"] == 0.05
    found = gate.json(repository, "--allow-policy-change")
    assert found["alpha"] == 0.2
    assert any("allowed by --allow-policy-change" in w for w in found["warnings"])


def test_edited_scenarios_are_not_followed(
    repository: Repository, gate: Gate, model: Model
) -> None:
    repository.write("basic.txt", BAD)
    repository.scenarios(10, (80, 100))  # the bad answers would be the right ones
    repository.commit()
    found = gate.json(repository)
    assert whole(found)["basic"]["n_scenarios"] == SCENARIOS
    assert found["gate"]["verdict"] == "fail"
    assert any(f"scenarios ({SCENARIOS} before, 10 now)" in w for w in found["warnings"])
    allowed = whole(gate.json(repository, "--allow-policy-change"))["basic"]
    assert allowed["n_scenarios"] == 10
    assert allowed["difference"] > 0


def test_an_edited_route_is_not_followed(tmp_path: Path, gate: Gate, model: Model) -> None:
    repository = Repository(tmp_path / "select", model.server.url)
    text = (repository.folder / "scenarios.jsonl").read_text("utf-8").splitlines(keepends=True)
    rows = [r.replace('"id"', f'"tier": "{"ab"[i % 2]}", "id"') for i, r in enumerate(text)]
    repository.write("scenarios.jsonl", "".join(rows))
    repository.suite["select"] = {"basic": {"tier": "a"}}
    repository.commit()
    repository.branch()
    repository.suite["select"] = {"basic": {"tier": "b"}}
    repository.write("basic.txt", BAD)
    repository.commit()
    model.asked()
    found = gate.json(repository, "--limit", "15")
    assert any("edits the policy: select.basic; not" in w for w in found["warnings"])
    assert whole(found)["basic"]["n_scenarios"] == 15  # of those the template serves
    events = {int(p.rpartition(" ")[2]) % 2 for p in model.asked()}
    assert events == {0}


def test_scenarios_of_the_same_content_are_no_edit(repository: Repository, gate: Gate) -> None:
    rows = (repository.folder / "scenarios.jsonl").read_text("utf-8").splitlines()
    repository.write("moved/other.jsonl", "\n".join(reversed(rows)) + "\n")
    repository.suite["scenarios"] = "moved/other.jsonl"
    repository.git("rm", "-q", "scenarios.jsonl")
    repository.commit()
    warnings = gate.json(repository)["warnings"]
    assert not any("policy" in w for w in warnings)


def test_a_template_that_needs_edited_scenarios_says_so(
    repository: Repository, gate: Gate, model: Model
) -> None:
    repository.write("basic.txt", GOOD + " {place}")
    text = (repository.folder / "scenarios.jsonl").read_text("utf-8")
    repository.write("scenarios.jsonl", text.replace('"event"', '"place": "yard", "event"'))
    repository.commit()
    assert gate(repository) == 2
    assert "place" in gate.err
    assert "--allow-policy-change" in gate.err
    assert model.asked() == []
    assert gate(repository, "--allow-policy-change", "-q") in (0, 3)


def test_scenarios_outside_of_git_serve_both_sides(
    tmp_path: Path, gate: Gate, model: Model
) -> None:
    repository = Repository(tmp_path / "ignored", model.server.url)
    repository.git("rm", "-q", "--cached", "scenarios.jsonl")
    repository.write(".gitignore", ".promptreg/\nscenarios.jsonl\n")
    repository.commit()
    repository.branch()
    repository.write("basic.txt", BAD)
    repository.commit()
    found = gate.json(repository)
    assert found["gate"]["verdict"] == "fail"
    assert any("not in git at" in w for w in found["warnings"])
    repository.git("add", "-f", "scenarios.jsonl")  # now the change brings them
    assert gate(repository) == 2
    assert "git holds them only since this change" in gate.err


def test_scenarios_of_git_lfs_are_read_where_they_are(
    tmp_path: Path, gate: Gate, model: Model
) -> None:
    repository = Repository(tmp_path / "lfs", model.server.url)
    data = (repository.folder / "scenarios.jsonl").read_bytes()
    oid = hashlib.sha256(data).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(data)}\n"
    repository.write("scenarios.jsonl", pointer)
    repository.commit()
    repository.branch()
    repository.write("scenarios.jsonl", data.decode())
    assert gate(repository) == 2
    assert "git lfs fetch" in gate.err
    kept = repository.folder / ".git/lfs/objects" / oid[:2] / oid[2:4] / oid
    kept.parent.mkdir(parents=True)
    kept.write_bytes(data)
    assert not any("policy" in w for w in gate.json(repository)["warnings"])
    kept.write_bytes(data + b" ")
    assert gate(repository) == 2
    assert "damaged" in gate.err


def test_a_suite_in_pyproject(tmp_path: Path, gate: Gate, model: Model) -> None:
    repository = Repository(tmp_path / "toml", model.server.url)
    (repository.folder / "promptreg.yaml").unlink()
    repository.write("pyproject.toml", '[project]\nname = "x"\n')
    repository.git("add", "-A")
    repository.git("commit", "-q", "-m", "x")
    repository.branch()
    lines = ["[tool.promptreg]", 'suite = "home"', 'scenarios = "scenarios.jsonl"']
    lines += ['provider = {use = "scripted"}', "[tool.promptreg.templates.basic.versions]"]
    repository.write("pyproject.toml", "\n".join([*lines, 'v1 = "basic.txt"', ""]))
    config = repository.folder / "pyproject.toml"
    arguments = ["gate", "-c", str(config), "-q", "--base-ref"]
    assert promptreg([*arguments, "main"]) == 2
    assert "there is no suite in the top folder" in gate.capsys.readouterr().err
    repository.git("commit", "-q", "-a", "-m", "x")
    assert promptreg([*arguments, "HEAD"]) == 0


def test_a_scripted_provider_never_passes(tmp_path: Path, gate: Gate, model: Model) -> None:
    repository = Repository(tmp_path / "scripted", model.server.url)
    repository.suite["provider"] = {"use": "scripted"}
    repository.suite["scorers"] = []
    repository.commit()
    repository.branch()
    repository.suite["templates"]["extra"] = {"versions": {"v1": "extra.txt"}}
    repository.write("extra.txt", BETTER)
    repository.save()
    assert gate.json(repository)["gate"]["exit_code"] == 3
    repository.write("basic.txt", BETTER)
    assert gate.json(repository)["gate"]["exit_code"] == 3


def test_recorded_completions_cannot_serve_a_past_version(
    repository: Repository, gate: Gate
) -> None:
    repository.suite["provider"] = {"use": "recorded", "path": "recorded.jsonl"}
    row = {"scenario_id": "s0", "version": "v1", "text": "{}"}
    repository.write("recorded.jsonl", json.dumps(row) + "\n")
    repository.write("basic.txt", BETTER)
    repository.save()
    assert gate(repository) == 2
    assert "looks completions up by a version's label" in gate.err


@pytest.mark.parametrize("ref", ["nowhere", "--output=x", "-x", ":basic.txt", "main:basic.txt"])
def test_a_ref_that_is_no_commit_is_refused(repository: Repository, gate: Gate, ref: str) -> None:
    assert gate(repository, ref=ref) == 2
    assert ref in gate.err
    assert not (repository.folder / "x").exists()


def test_no_repository(tmp_path: Path, gate: Gate, repository: Repository) -> None:
    (repository.folder / ".git").rename(tmp_path / "elsewhere")
    assert gate(repository) == 2
    assert "not a git repository" in gate.err


def test_no_shared_history_is_not_comparable(repository: Repository, gate: Gate) -> None:
    repository.git("checkout", "-q", "--orphan", "island")
    repository.write("island", "another root")
    repository.commit()
    assert gate(repository) == 4
    assert "share no history" in gate.err


def test_a_shallow_clone_says_how_to_deepen(
    repository: Repository, gate: Gate, tmp_path: Path
) -> None:
    repository.write("basic.txt", BETTER)
    repository.commit()
    repository.commit()
    address = f"file://{repository.folder}"
    repository.git("clone", "-q", "--depth=1", "-b", "change", address, str(tmp_path / "shallow"))
    clone = Repository.__new__(Repository)
    clone.folder = tmp_path / "shallow"
    assert gate(clone, ref="origin/main") == 2
    assert "fetch-depth: 0" in gate.err
    clone.git("fetch", "-q", "--depth=1", "origin", "main:refs/remotes/origin/main")
    assert gate(clone, ref="origin/main") == 2
    assert "git fetch --deepen" in gate.err
    clone.git("fetch", "-q", "--unshallow", "origin")
    assert gate.json(clone, ref="origin/main")["gate"]["verdict"] == "pass"


def test_a_base_without_a_suite(repository: Repository, gate: Gate) -> None:
    sub = Repository.__new__(Repository)
    sub.folder = repository.folder / "sub"
    sub.folder.mkdir()
    for name in ("promptreg.yaml", "basic.txt", "scenarios.jsonl"):
        sub.write(name, (repository.folder / name).read_text("utf-8"))
    # The suite of the folder above is another suite: it is never taken for this one.
    assert gate(sub) == 2
    assert "there is no suite in sub/" in gate.err
    repository.git("add", "-A")
    repository.git("commit", "-q", "-m", "x")
    assert gate(sub, ref="change") == 0


def test_a_baseline_that_cannot_be_read_is_an_error(repository: Repository, gate: Gate) -> None:
    # Not "new": that would excuse a template that git ignores from every comparison.
    repository.git("rm", "-q", "--cached", "basic.txt")
    repository.git("commit", "-q", "-m", "x")
    assert gate(repository, ref="change") == 2
    assert "templates.basic.v1 at" in gate.err
    assert "not in revision merge base of change and HEAD" in gate.err


def test_a_template_in_a_submodule_is_named(
    tmp_path: Path, repository: Repository, gate: Gate
) -> None:
    repository.git("submodule", "-q", "add", f"file://{repository.folder}", "inner")
    repository.suite["templates"]["basic"]["versions"]["v1"] = "inner/basic.txt"
    repository.commit()
    assert gate(repository, ref="change") == 2
    assert "inner is a submodule" in gate.err


def test_the_ways_to_call_it_wrongly(gate: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    assert promptreg(["gate"]) == 2
    assert "BASELINE and a CANDIDATE (found none), or --base-ref" in capsys.readouterr().err
    assert promptreg(["gate", "v1", "v2", "v3"]) == 2
    assert promptreg(["gate", "v1", "v2", "--allow-policy-change"]) == 2
    assert "goes with --base-ref" in capsys.readouterr().err


def test_a_worse_edit_is_found_before_all_is_asked(
    repository: Repository, gate: Gate, model: Model
) -> None:
    repository.write("basic.txt", BAD)
    repository.suite["templates"]["fresh"] = {"versions": {"v1": "fresh.txt"}}
    repository.write("fresh.txt", GOOD)
    repository.commit()
    found = gate.json(repository, "--looks", "2")
    assert found["gate"]["verdict"] == "fail"
    assert found["stopping"]["reason"] == "regression"
    assert found["stopping"]["looks_made"] == 1
    # Half of both sides; the new version, which has no baseline, whole. It says what the baseline
    # says, and no prompt is asked twice.
    asked = model.asked()
    assert len(asked) == len(set(asked)) == SCENARIOS // 2 + SCENARIOS
    assert found["stopping"]["trials_planned"] == 2 * SCENARIOS


def test_a_part_can_accuse_and_never_pass(repository: Repository, gate: Gate) -> None:
    repository.write("basic.txt", BETTER)
    found = gate.json(repository, "--limit", "30")["gate"]
    assert (found["verdict"], found["exit_code"]) == ("inconclusive", 3)
    assert any("a part can accuse, and never pass" in r for r in found["reasons"])
    repository.write("basic.txt", BAD)
    assert gate.json(repository, "--limit", "30")["gate"]["verdict"] == "fail"
    # No prompt changes: that is known of every scenario, whatever is asked.
    repository.write("basic.txt", GOOD)
    assert gate.json(repository, "--limit", "30")["gate"]["exit_code"] == 0


def test_a_change_that_no_chosen_scenario_meets_does_not_pass(
    tmp_path: Path, gate: Gate, model: Model
) -> None:
    repository = Repository(tmp_path / "none", model.server.url)
    text = (repository.folder / "scenarios.jsonl").read_text("utf-8").splitlines(keepends=True)
    rows = [r.replace('"id"', f'"tier": "{"ab"[i % 2]}", "id"') for i, r in enumerate(text)]
    repository.write("scenarios.jsonl", "".join(rows))
    repository.suite["select"] = {"basic": {"tier": "a"}}
    repository.commit()
    repository.branch()
    repository.write("basic.txt", BAD)
    model.asked()
    found = gate.json(repository, "--filter", "tier=b")["gate"]
    assert (found["verdict"], found["exit_code"]) == ("inconclusive", 3)
    assert found["reasons"] == ["what the change touches serves none of the chosen scenarios"]
    assert model.asked() == []


def test_a_new_version_is_held_to_the_preset(tmp_path: Path, gate: Gate, model: Model) -> None:
    repository = Repository(tmp_path / "new", model.server.url)
    repository.suite["gate"] |= {"use": "home_security_criteria", "limits_must": "not_missed"}
    repository.suite["gate"] |= {"require_values": {"scenario_type": []}}
    repository.commit()
    repository.branch()
    repository.suite["templates"]["basic"]["versions"]["v2"] = "second.txt"
    repository.write("second.txt", BETTER)
    repository.save()
    found = gate.json(repository)
    assert (found["gate"]["verdict"], found["gate"]["exit_code"]) == ("inconclusive", 3)
    assert "not measured: no scorer gives iou" in " ".join(found["gate"]["reasons"])
    assert [limit["name"] for limit in found["limits"]] == ["deviation"]
    # Dropping a criterion is an edit to the policy, and not followed by itself.
    repository.suite["gate"]["drop"] = ["context_usage", "iou"]
    repository.save()
    found = gate.json(repository)
    assert found["gate"]["exit_code"] == 3
    assert any("edits the policy: gate.drop" in w for w in found["warnings"])
    found = gate.json(repository, "--allow-policy-change")
    assert found["gate"]["exit_code"] == 0, found["gate"]
    # A limit of the new version that must be shown, and is not.
    repository.suite["gate"]["limits"] = {"in_range": {"at_least": 0.999, "must": "shown"}}
    repository.save()
    found = gate.json(repository, "--allow-policy-change")
    assert found["gate"]["exit_code"] == 3
    assert "basic: in_range is not shown to meet" in found["gate"]["reasons"][0]
    # A part of the scenarios proves nothing of it either.
    del repository.suite["gate"]["limits"]
    repository.save()
    found = gate.json(repository, "--allow-policy-change", "--limit", "30")
    assert found["gate"]["exit_code"] == 3


def test_a_new_label_in_place_of_another_is_compared_with_it(
    repository: Repository, gate: Gate, model: Model
) -> None:
    versions = repository.suite["templates"]["basic"]["versions"]
    versions["v2"] = versions.pop("v1")
    repository.commit()
    found = gate.json(repository)
    assert "no template is touched" in found["gate"]["reasons"][0]
    assert any(
        "basic@v2 takes the place of basic@v1, with the same" in w for w in found["warnings"]
    )
    assert model.asked() == []
    repository.write("basic.txt", BAD)
    versions["v3"] = "three.txt"  # however many labels come for those that go
    repository.write("three.txt", BAD + "!")
    repository.commit()
    found = gate.json(repository)
    assert found["gate"]["exit_code"] == 1
    assert whole(found).keys() == {"basic@v2", "basic@v3"}
    assert not any("deleted" in w for w in found["warnings"])


def test_a_renamed_template_is_compared_with_what_it_was(
    tmp_path: Path, gate: Gate, model: Model
) -> None:
    repository = Repository(tmp_path / "repo", model.server.url)
    repository.suite["templates"]["other"] = {"versions": {"v1": "other.txt"}}
    repository.suite["select"] = {"basic": {"id": ["s0", "s1", "s2", "s3", "s4", "s5", "s6"]}}
    repository.suite["attributes"] = ["id"]
    repository.write("other.txt", "Name the colour of {event}, if you please.")
    repository.commit()
    repository.branch()
    model.asked()
    templates = repository.suite["templates"]
    templates["terse"] = templates.pop("basic")  # of the same file, and a narrower route
    repository.suite["select"] = {"terse": {"id": ["s0"]}}
    templates["colour"] = {"versions": {"v2": "colour.txt"}}  # elsewhere, and much the same
    templates.pop("other")
    templates["new"] = {"versions": {"v1": "new.txt"}}
    repository.write("basic.txt", BAD)
    repository.write("colour.txt", "Name the colour of {event}, if you please, BADLY.")
    repository.write("new.txt", "{event}")
    repository.commit()
    found = gate.json(repository)
    assert found["gate"]["exit_code"] == 1
    assert whole(found)["terse"]["n_scenarios"] == 7
    assert whole(found)["terse"]["verdict"] == "regressed"
    assert whole(found).keys() == {"terse", "colour"}
    told = " ".join(found["warnings"])
    assert "terse@v1 takes the place of basic@v1, and is compared with it" in told
    assert "colour@v2 takes the place of other@v1, and is compared with it" in told
    assert "select.terse" in told
    assert "deleted" not in told
    assert any("new is new" in reason for reason in found["gate"]["reasons"])


def test_a_change_cannot_bring_its_own_answers(repository: Repository, gate: Gate) -> None:
    repository.write("basic.txt", BAD)
    assert gate(repository) == 1
    repository.git("add", "-f", ".promptreg/calls.sqlite")
    repository.commit()
    assert gate(repository) == 2
    assert "the run store is in git (.promptreg/calls.sqlite)" in gate.err
    assert gate(repository, "--no-cache") == 1


def test_a_new_version_beside_an_early_stop_does_not_count_as_compared(
    repository: Repository, gate: Gate, model: Model
) -> None:
    repository.write("basic.txt", BAD)
    repository.suite["templates"]["extra"] = {"versions": {"v1": "extra.txt"}}
    repository.write("extra.txt", BETTER)
    repository.commit()
    found = gate.json(repository, "--sequential")
    assert found["stopping"]["looks_made"] < 4
    assert whole(found).keys() == {"basic"}
    compared = whole(found)["basic"]["n_scenarios"]
    assert compared < SCENARIOS
    assert any(
        f"only {compared} of {SCENARIOS} scenarios were compared" in w for w in found["warnings"]
    )
    assert (
        sum("Please rate" in prompt for prompt in model.asked()) == SCENARIOS
    )  # the new one, whole
    assert "extra is new: only absolute limits apply" in found["gate"]["reasons"][-1]
