"""Promotions: the alias moves on a passing decision, and on nothing else."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from promptreg.journal import Journal
from promptreg.pipeline.templates.decide import decide
from registry_suite import Done, Say, recorded

ROOT = Path(__file__).parents[2]
SuiteEdit = Callable[[dict[str, Any]], None]


def events(folder: Path) -> list[dict[str, Any]]:
    path = folder / "promptreg.registry.jsonl"
    return [json.loads(x) for x in path.read_text().splitlines()] if path.exists() else []


def edit(folder: Path, change: SuiteEdit) -> None:
    path = folder / "promptreg.yaml"
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def test_pass_moves_fail_does_not_and_rollback_goes_back(suite: Path, say: Say) -> None:
    first = say("templates", "promote", "basic@v1")
    assert first.code == 0, first.out
    assert "basic@production moved from nowhere to v1" in first.out
    assert "basic is new: only absolute limits apply" in first.out
    done = say("templates", "promote", "basic@v2", "-o", "report.json")
    assert done.code == 0, done.out
    assert "GATE PASS" in done.out
    assert "basic@production moved from v1" in done.out
    kinds = [e["event"] for e in events(suite)]
    assert kinds == ["registered", "promoted", "registered", "promoted"]
    last = events(suite)[-1]
    assert last["by"] == "Ann"
    assert last["label"] == "v2"
    assert last["override"] == ""
    decision = last["decision"]
    assert (decision["verdict"], decision["exit_code"]) == ("pass", 0)
    assert decision["baseline_run"].startswith("basic-v1-")
    assert decision["candidate_run"].startswith("basic-v2-")
    report = (suite / "report.json").read_bytes()
    assert decision["report_sha256"] == hashlib.sha256(report).hexdigest()
    assert decision["policy_sha256"] == json.loads(report)["policy_sha256"]

    worse = say("templates", "promote", "basic@v3")
    assert worse.code == 1
    assert "basic@production stays at v2" in worse.out
    assert len(events(suite)) == 4

    back = say("templates", "rollback", "basic", "--reason", "complaints")
    assert back.code == 0
    assert "basic@production points to v1" in back.out
    last = events(suite)[-1]
    assert (last["event"], last["reason"], last["by"]) == ("rolled_back", "complaints", "Ann")
    again = say("templates", "rollback", "basic")
    assert again.code == 2
    assert "nothing to roll back to" in again.err
    forward = say("templates", "rollback", "basic", "--to", "v2")
    assert forward.code == 0
    never = say("templates", "rollback", "basic", "--to", "v3")
    assert never.code == 2
    assert "names none of the versions" in never.err
    assert say("templates", "rollback", "basic", "--to", "v2").code == 2
    nowhere = say("templates", "rollback", "basic", "--alias", "staging")
    assert "basic@staging points nowhere" in nowhere.err


def test_an_override_moves_it_and_is_recorded_loudly(suite: Path, say: Say) -> None:
    say("templates", "promote", "basic@v1", "-q")
    for empty in ("", "  "):
        refused = say("templates", "promote", "basic@v3", "--override", empty)
        assert refused.code == 2
        assert "--override: is empty" in refused.err
    done = say("templates", "promote", "basic@v3", "--override", "a customer waits")
    assert done.code == 0
    assert "OVERRIDDEN: the gate says FAIL" in done.out
    assert "OVERRIDDEN: the reason given: a customer waits" in done.out
    last = events(suite)[-1]
    assert last["override"] == "a customer waits"
    assert last["decision"]["verdict"] == "fail"
    assert any("in_range" in reason for reason in last["decision"]["reasons"])
    shown = say("templates", "show", "basic@production")
    assert "OVERRIDDEN: a customer waits" in shown.out
    # Where the gate passes, there is nothing to override, and nothing of it is recorded.
    say("templates", "rollback", "basic")
    fine = say("templates", "promote", "basic@v2", "--override", "just in case")
    assert fine.code == 0
    assert "--override was not needed" in fine.out
    assert events(suite)[-1]["override"] == ""


def test_looks_and_second_askings_are_the_gate_s(suite: Path, say: Say) -> None:
    """A suite that gates in steps promotes on every scenario, and says that it does."""

    def in_steps(data: dict[str, Any]) -> None:
        more = {"inconclusive": "more", "more": {"repeats": 2}}
        data["gate"] |= {"sequential": {"looks": 4}, **more}

    edit(suite, in_steps)
    say("templates", "promote", "basic@v1")
    done = say("templates", "promote", "basic@v2")
    assert done.code == 0, done.out
    assert "gate.sequential and gate.more do not apply" in done.out
    assert "stopped at" not in done.out


def test_dry_run_decides_and_writes_nothing(suite: Path, say: Say) -> None:
    done = say("templates", "promote", "basic@v1", "--dry-run")
    assert done.code == 0
    assert "basic@production would move from nowhere to v1" in done.out
    assert "dry run: nothing was written" in done.out
    assert say("templates", "promote", "basic@v3", "--dry-run").code == 1
    assert events(suite) == []


def test_json_is_one_document(suite: Path, say: Say) -> None:
    say("templates", "promote", "basic@v1", "-q")
    found = say("templates", "promote", "basic@v3", "--json").json
    assert found["gate"]["verdict"] == "fail"
    promotion = found["promotion"]
    assert (promotion["moved"], promotion["exit_code"]) == (False, 1)
    assert promotion["templates"][0]["from"]["label"] == "v1"
    assert promotion["templates"][0]["to"]["label"] == "v3"


def test_identical_text_has_nothing_to_move(suite: Path, say: Say) -> None:
    say("templates", "promote", "basic@v1", "-q")
    done = say("templates", "promote", "basic@v1")
    assert done.code == 0
    assert "points to this text already" in done.out
    assert len(events(suite)) == 2


@pytest.mark.parametrize("option", [("--limit", "20"), ("--filter", "scenario_type=threat")])
def test_a_part_of_the_scenarios_never_promotes(suite: Path, say: Say, option: list[str]) -> None:
    for more in ([], ["--override", "please"], ["--dry-run"]):
        done = say("templates", "promote", "basic@v1", *option, *more)
        assert done.code == 2
        assert "a part of the scenarios can never promote" in done.err
    assert events(suite) == []


def test_a_scripted_provider_never_promotes(suite: Path, say: Say) -> None:
    edit(suite, lambda s: s.update(provider={"use": "scripted"}))
    done = say("templates", "promote", "basic@v1")
    assert done.code in (1, 3), done.out
    assert "still points nowhere" in done.out
    done = say("templates", "promote", "basic@v1", "--override", "please")
    assert done.code == 2
    assert "they can never promote" in done.err
    edit(suite, lambda s: s["gate"].clear())
    done = say("templates", "promote", "basic@v1", "--initial")
    assert done.code == 2
    assert "they can never promote" in done.err
    assert events(suite) == []


def test_a_first_version_without_limits_needs_a_word(suite: Path, say: Say) -> None:
    refused = say("templates", "promote", "basic@v1", "--initial")
    assert refused.code == 2
    assert "declares gate.limits, and they decide" in refused.err
    edit(suite, lambda s: s["gate"].clear())
    refused = say("templates", "promote", "basic@v1")
    assert refused.code == 2
    assert "--initial to take this version as the starting point" in refused.err
    done = say("templates", "promote", "basic@v1", "--initial", "-o", "report.json")
    assert done.code == 0
    assert "no report was written: nothing was compared" in done.err
    assert not (suite / ".promptreg").exists()  # nothing was asked
    last = events(suite)[-1]
    assert (last["event"], last["decision"], last["override"]) == ("initial", None, "")
    refused = say("templates", "promote", "basic@v2", "--initial")
    assert "points somewhere already" in refused.err
    assert say("templates", "promote", "basic@v2").code == 0
    other = say("templates", "promote", "v2", "--alias", "staging", "--override", "as agreed")
    assert "OVERRIDDEN: nothing could decide" in other.out
    assert events(suite)[-1]["override"] == "as agreed"


def test_a_first_version_must_be_shown_to_meet_its_limits(suite: Path, say: Say) -> None:
    missed = say("templates", "promote", "basic@v3")
    assert missed.code == 1
    edit(suite, lambda s: s["gate"]["limits"]["in_range"].update(at_least=0.99))
    open_ = say("templates", "promote", "basic@v1")
    assert open_.code == 3
    assert "is not shown to meet its limit" in open_.out
    edit(suite, lambda s: s["gate"].update(inconclusive="allow"))
    assert say("templates", "promote", "basic@v1").code == 3
    assert events(suite) == []


def test_an_inconclusive_gate_moves_nothing_even_where_it_is_allowed(
    tmp_path: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = recorded(tmp_path / "s", ["v1", "v2"], n=12, gate={"inconclusive": "allow"})
    monkeypatch.chdir(folder)
    say("templates", "promote", "basic@v1", "--initial")
    assert say("gate", "v1", "v2").code == 0
    done = say("templates", "promote", "basic@v2")
    assert done.code == 3
    assert "stays at v1" in done.out


def test_what_cannot_be_compared_stays_and_may_be_overridden(suite: Path, say: Say) -> None:
    say("templates", "promote", "basic@v1", "-q")
    lines = (suite / "completions.jsonl").read_text().splitlines()
    kept = [x for i, x in enumerate(lines) if '"v2"' not in x or i % 2]
    (suite / "completions.jsonl").write_text("\n".join(kept) + "\n")
    done = say("templates", "promote", "basic@v2")
    assert done.code == 4
    assert "'production' stays where it is" in done.err
    done = say("templates", "promote", "basic@v2", "--override", "seen by hand")
    assert done.code == 0
    assert "OVERRIDDEN: NOT COMPARABLE" in done.out
    assert events(suite)[-1]["decision"]["verdict"] == "not_comparable"


def test_options_that_may_change_the_verdict_are_recorded(suite: Path, say: Say) -> None:
    say("templates", "promote", "basic@v1", "-q")
    say("templates", "promote", "basic@v2", "-q", "--alpha", "0.1", "--margin", "in_range=0.2")
    assert events(suite)[-1]["decision"]["options"] == ["--alpha 0.1", "--margin in_range=0.2"]


def test_the_alias_moved_meanwhile(suite: Path, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    say("templates", "promote", "basic@v1", "-q")
    where = "promptreg.pipeline.templates.promote.decide"

    def slow(*args: Any, **kwargs: Any) -> Any:
        found = decide(*args, **kwargs)
        monkeypatch.setattr(where, decide)
        assert say("templates", "promote", "basic@v3", "--override", "first", "-q").code == 0
        return found

    monkeypatch.setattr(where, slow)
    done = say("templates", "promote", "basic@v2")
    assert done.code == 4
    assert "was moved by somebody else while the gate decided" in done.err
    alias = Journal(suite / "promptreg.registry.jsonl").read().alias("basic", "production")
    assert alias is not None
    assert alias.now.label == "v3"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["basic@v1", "--alias", "v2"], "reads as a version"),
        (["basic@v1", "--alias", "a b"], "allowed in the registry are"),
        (["basic@v9"], "no version, alias or registered label 'v9'"),
        (["run:abc"], "is no template version"),
        (["basic@v1", "--initial", "--override", "x"], "exclude each other"),
        (["basic@v1", "--override", "x" * 1001], "is too long"),
        (["basic@v1", "-o", "x.doc"], "no reporter writes"),
        (["basic@v1", "--label", "git:HEAD"], "label 'git:HEAD'"),
    ],
)
def test_wrong_use(suite: Path, say: Say, arguments: list[str], message: str) -> None:
    done = say("templates", "promote", *arguments)
    assert done.code == 2
    assert message in done.err
    assert events(suite) == []


def both(folder: Path) -> None:
    """Give the suite a second template with the same versions."""
    edit(folder, lambda s: s["templates"].update(other=s["templates"]["basic"]))


def test_several_templates_move_together_or_not_at_all(suite: Path, say: Say) -> None:
    both(suite)
    assert say("templates", "promote", "v1", "-q").code == 0
    assert [e["event"] for e in events(suite)] == ["registered", "promoted"] * 2
    rows = [json.loads(x) for x in (suite / "completions.jsonl").read_text().splitlines()]
    worse = {r["scenario_id"]: r["text"] for r in rows if r["version"] == "v3"}
    # v2 becomes worse for the template `other` alone.
    own = [r | {"template": "other", "text": worse[r["scenario_id"]]} for r in rows]
    rows += [r for r in own if r["version"] == "v2"]
    (suite / "completions.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    done = say("templates", "promote", "v2")
    assert done.code == 1
    assert "other: in_range" in done.out
    for name in ("basic", "other"):
        assert f"{name}@production stays at v1" in done.out
    assert say("templates", "promote", "v2", "--template", "basic").code == 0
    back = say("templates", "rollback", "basic", "other")
    assert back.code == 2  # all or none: `other` has nothing before
    assert [e["event"] for e in events(suite)][-1] == "promoted"


def test_a_baseline_that_no_longer_renders(suite: Path, say: Say) -> None:
    say("templates", "promote", "basic@v1", "-q")
    rows = [json.loads(x) for x in (suite / "scenarios.jsonl").read_text().splitlines()]
    for row in rows:
        row["seen"] = row.pop("detections")
    (suite / "scenarios.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    (suite / "v2.txt").write_text("[{id} v2] {seen}")
    done = say("templates", "promote", "basic@v2")
    assert done.code == 4
    assert "does not go with today's scenarios" in done.err


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example with completions of a real model."""
    source = ROOT / "examples" / "home_security"
    folder = tmp_path / "home"
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns(".promptreg"))
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.slow
def test_a_real_regression_is_not_promoted(example: Path, say: Say) -> None:
    started: Done = say("templates", "promote", "basic@v1", "-q", "--override", "it runs today")
    assert started.code == 0
    done = say("templates", "promote", "basic@v2")
    assert done.code == 1
    assert "risk_level regressed" in done.out
    assert "basic@production stays at v1" in done.out
    done = say("templates", "promote", "basic@v2", "-q", "--override", "threats matter more")
    assert done.code == 0
    assert "risk_level regressed" in events(example)[-1]["decision"]["reasons"]
