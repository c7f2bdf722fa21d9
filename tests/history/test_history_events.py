"""What the history knows besides runs and comparisons: promotions, rollbacks, bisections."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fake_model import running
from history_files import Here
from prompted_model import PromptedModel, write_project
from recorded_suite import right, threats_missed, write_recorded

HISTORY = {"use": "files", "folder": "remembered", "record": False}


@pytest.fixture(scope="module")
def moved(site: str, tmp_path_factory: pytest.TempPathFactory) -> Here:
    """A suite whose alias was moved by hand, refused a worse version, moved on, and went back."""
    folder = tmp_path_factory.mktemp("moved") / "s"
    guard = [{"metric": "in_range", "where": {"scenario_type": "threat"}}]
    run = Here(
        write_recorded(folder, threats_missed, n=40, history=HISTORY, gate={"guard": guard}), site
    )
    assert run("templates", "promote", "basic@v1", "--initial").code == 0
    assert run("templates", "promote", "basic@v2").code == 1
    assert run("templates", "promote", "basic@v2", "--override", "a planted reason").code == 0
    assert run("templates", "rollback", "basic", "--reason", "it was worse").code == 0
    return run


def events(run: Here) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = run("history", "list", "--events", "--json").json
    return found


def test_every_move_of_an_alias_is_there_once(moved: Here) -> None:
    found = events(moved)
    assert [e["kind"] for e in found] == ["rollback", "promotion", "promotion"]
    assert [e["facts"]["label"] for e in found] == ["v1", "v2", "v1"]
    forced = found[1]["facts"]
    assert (forced["verdict"], forced["override"]) == ("fail", "a planted reason")
    assert found[0]["facts"]["reason"] == "it was worse"
    assert moved("history", "sync").code == 0
    assert len(events(moved)) == 3
    assert len(moved("history", "list", "--events", "--json", "-n", "1").json) == 1
    assert moved("history", "list", "--events", "--json", "--template", "other").json == []
    shown = moved("history", "show", found[1]["id"])
    assert "basic@production moved to v2 (overridden)" in shown.out
    assert "a planted reason" in shown.out


def test_what_a_promotion_compared_is_a_comparison_that_says_so(moved: Here) -> None:
    found = moved("history", "list", "--json").json
    by = {c["command"] for c in found}
    assert by == {"templates promote --alias production"}
    moved("gate", "v1", "v2")
    newest = moved("history", "list", "--json").json[0]
    assert newest["command"] == "gate"
    ids = {newest["baseline"]["runs"]["basic"], newest["candidate"]["runs"]["basic"]}
    assert ids <= {r["id"] for r in moved("history", "list", "--runs", "--json").json}


def test_a_comparison_holds_its_guards_and_the_slices_that_regressed(moved: Here) -> None:
    lines = moved("history", "list", "--json").json[0]["metrics"]
    (guard,) = [m for m in lines if m["slice"] and m["gating"]]
    assert guard["slice"] == {"attribute": "scenario_type", "value": "threat"}
    assert (guard["metric"], guard["verdict"]) == ("in_range", "regressed")
    assert guard["difference"] == -1.0
    assert guard["interval"][1] < 0
    whole = [m for m in lines if not m["slice"]]
    assert len({m["metric"] for m in whole}) == len(whole)
    shown = moved("history", "list", "--metric", "in_range")
    assert shown.out.count("in_range") == 1  # the heading alone: a guard is no line of the list


def test_export_and_gc_know_events(moved: Here, tmp_path: Path) -> None:
    path = tmp_path / "all.json"
    assert moved("history", "export", "-o", str(path)).code == 0
    content = json.loads(path.read_text("utf-8"))
    assert len(content["events"]) == 3
    rows = tmp_path / "c.csv"
    moved("history", "export", "-o", str(rows), "--comparisons")
    assert "scenario_type,threat,regressed" in rows.read_text("utf-8")
    told = moved("history", "gc", "--older-than", "2100-01-01", "--json").json
    assert not {e["id"] for e in content["events"]} & set(told["found"])
    assert moved("history", "list", "--events", "--runs").code == 2
    assert moved("history", "list", "--events", "--verdict", "pass").code == 2


def test_a_bisection_is_kept_with_its_ends_and_its_report(site: str, tmp_path: Path) -> None:
    with running(PromptedModel()) as model:
        assert isinstance(model, PromptedModel)
        model.wrong = lambda prompt: "HARSH" in prompt
        texts = {
            "v1": "Rate 0-100: {event}\n\nBe kind.\n\nBe brief.\n",
            "v2": "Please rate 0-100: {event}\n\nBe HARSH.\n\nBe brief.\n",
        }
        folder = write_project(tmp_path, model.url, texts)
        file = folder / "promptreg.yaml"
        suite = json.loads(file.read_text("utf-8")) | {"history": HISTORY}
        file.write_text(json.dumps(suite), "utf-8")
        run = Here(folder, site)
        assert run("bisect", "v1", "v2").code == 0
        assert run("bisect", "v1", "v2").code == 0  # the same again: one entry
    (found,) = events(run)
    assert found["kind"] == "bisection"
    assert found["summary"].startswith("CULPRIT")
    assert found["facts"]["named"] == "yes"
    labels = {r["label"] for r in run("history", "list", "--runs", "--json").json}
    assert labels == {"v1", "v2"}
    report = tmp_path / "b.md"
    assert run("history", "show", found["id"], "-o", str(report)).code == 0
    assert "HARSH" in report.read_text("utf-8")
    assert run("history", "show", found["id"], "-o", str(tmp_path / "b.html")).code == 2
    assert run("history", "gc", found["id"], "--yes", "--json").json["removed"] == 1
    assert events(run) == []


def test_the_page_that_was_written_is_the_one_that_is_kept(site: str, tmp_path: Path) -> None:
    run = Here(write_recorded(tmp_path / "s", right, n=12), site)
    page = tmp_path / "r.html"
    run("compare", "v1", "v2", "-o", str(page))
    outbox = run.folder / ".promptreg" / "history" / "outbox"
    (kept,) = outbox.glob("*.html")
    assert kept.read_bytes() == page.read_bytes()


def test_a_page_is_made_where_the_suite_has_a_history(site: str, tmp_path: Path) -> None:
    run = Here(write_recorded(tmp_path / "s", right, n=12, history=HISTORY), site)
    run("compare", "v1", "v2")
    (comparison,) = run("history", "list", "--json").json
    page = tmp_path / "back.html"
    assert run("history", "show", comparison["id"], "-o", str(page)).code == 0
    assert "<html" in page.read_text("utf-8")
