"""Outbox, recording and the commands on the history, with a history that needs no server."""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pyarrow.parquet as pq
import pytest

from command_line import Promptreg
from history_files import Here, python_path
from recorded_suite import right, threats_missed, write_recorded
from suite_factory import answer_text, good_score, record, scenario_ids

HISTORY = {"use": "files", "folder": "remembered"}


def suite(folder: Path, site: str) -> Here:
    write_recorded(folder, threats_missed, n=40, history={**HISTORY, "record": False})
    return Here(folder, site)


def waiting(folder: Path) -> list[Path]:
    return sorted((folder / ".promptreg" / "history" / "outbox").glob("*.json.gz"))


def reanswer(folder: Path, shift: int, n: int = 40) -> None:
    """Let v1 answer otherwise on every third scenario, and v2 as it did."""
    rows = []
    for version in ("v1", "v2"):
        for i, scenario in enumerate(scenario_ids(n)):
            moved = good_score(scenario) + (shift if version == "v1" and i % 3 == 0 else 0)
            rows.append({"scenario_id": scenario, "version": version, "text": answer_text(moved)})
    record(folder / "completions.jsonl", rows)


def read_csv(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text("utf-8").splitlines()))


@pytest.fixture(scope="module")
def told(site: str, tmp_path_factory: pytest.TempPathFactory) -> Here:
    """A suite with three comparisons in its history: the third one found v1 drifted."""
    run = suite(tmp_path_factory.mktemp("told") / "s", site)
    run("compare", "v1", "v2")
    reanswer(run.folder, 0)
    run("compare", "v1", "v2")
    reanswer(run.folder, 45)
    run("compare", "v1", "v2")
    assert len(waiting(run.folder)) == 3
    return run


def test_a_comparison_waits_in_the_outbox_until_somebody_asks(site: str, tmp_path: Path) -> None:
    run = suite(tmp_path / "s", site)
    first = run("gate", "v1", "v2")
    assert first.code == 1
    (entry,) = waiting(run.folder)
    again = run("gate", "v1", "v2")
    assert again.code == 1
    assert waiting(run.folder) == [entry]  # the same trials compared alike are one comparison
    content = json.loads(gzip.decompress(entry.read_bytes()))
    assert content["report"]["gate"]["exit_code"] == 1
    assert len(content["templates"]) == 2
    listed = run("history", "list", "--json").json
    assert [c["gate"]["verdict"] for c in listed] == ["fail"]
    assert waiting(run.folder) == []
    run("gate", "v1", "v2")
    assert len(run("history", "list", "--json").json) == 1  # recorded once


def test_validate_looks_at_the_history(site: str, tmp_path: Path) -> None:
    run = suite(tmp_path / "s", site)
    assert run("validate").code == 0
    file = run.folder / "promptreg.yaml"
    settings = json.loads(file.read_text("utf-8"))
    settings["history"]["use"] = "flies"
    file.write_text(json.dumps(settings), "utf-8")
    checked = run("validate")
    assert checked.code == 2
    assert "no history is called 'flies' (did you mean 'files'?)" in checked.out


def test_list_shows_comparisons_and_runs_and_filters(told: Here) -> None:
    every = told("history", "list", "--json").json
    assert len(every) == 3
    assert [c["created_at"] for c in every] == sorted(
        (c["created_at"] for c in every), reverse=True
    )
    assert {m["metric"] for m in every[0]["metrics"]} >= {"overall", "in_range", "deviation"}
    runs = told("history", "list", "--runs", "--metric", "in_range", "--json").json
    assert {r["label"] for r in runs} == {"v1", "v2"}
    assert all(len(r["metrics"]) == 1 for r in runs)
    assert len(told("history", "list", "--json", "-n", "1").json) == 1
    assert "the newest 2; there are more" in told("history", "list", "-n", "2").out
    assert "there are more" not in told("history", "list", "-n", "3").out
    assert told("history", "list", "--json", "--since", "2100-01-01").json == []
    assert len(told("history", "list", "--json", "--since", "2026-09-30").json) == 3
    assert told("history", "list", "--json", "--template", "other").json == []
    failed = told("history", "list", "--json", "--verdict", "fail").json
    assert {c["gate"]["verdict"] for c in failed} == {"fail"}
    text = told("history", "list", "--metric", "in_range")
    assert "in_range: change" in text.out
    assert re.search(r"-[\d.]+pp +\[-[\d.]+, -[\d.]+\]", text.out)  # as the comparison said it
    assert re.search(
        r"\d%.* to [\d.]+%", told("history", "list", "--runs", "--metric", "in_range").out
    )


def test_show_finds_by_the_beginning_of_an_id_and_writes_what_was_recorded(
    told: Here, tmp_path: Path
) -> None:
    comparison = told("history", "list", "--json").json[-1]
    shown = told("history", "show", comparison["id"][:8])
    assert "GATE FAIL" in shown.out
    assert comparison["baseline"]["runs"]["basic"] in shown.out
    assert re.search(r"in_range +100\.0% .*pp .*regressed", shown.out)
    assert "deviation, points" in shown.out
    report = tmp_path / "r.json"
    told("history", "show", comparison["id"], "-o", str(report))
    assert json.loads(report.read_text("utf-8"))["gate"]["verdict"] == "fail"
    run_id = comparison["candidate"]["runs"]["basic"]
    facts = told("history", "show", run_id, "--json").json
    sliced = [m for m in facts["metrics"] if m["slice"]]
    threat = {"attribute": "scenario_type", "value": "threat"}
    (in_range,) = [m for m in sliced if m["slice"] == threat and m["metric"] == "in_range"]
    assert in_range["value"] == 0.0
    assert in_range["n_scenarios"] == 10
    table = tmp_path / "t.parquet"
    told("history", "show", f"run:{run_id}", "-o", str(table))
    assert pq.read_table(table).num_rows == 40


def test_a_report_that_was_not_recorded_says_how_it_would_have_been(
    site: str, tmp_path: Path
) -> None:
    run = suite(tmp_path / "s", site)
    run("compare", "v1", "v2")
    (found,) = run("history", "list", "--json").json
    for held in (run.folder / "remembered").rglob("report.html"):
        held.unlink()
    done = run("history", "show", found["id"], "-o", str(tmp_path / "r.html"))
    assert done.code == 2
    assert "was not recorded (with a comparison goes the one that -o wrote" in done.err


def test_the_same_numbers_as_the_report(told: Here) -> None:
    comparison = told("history", "list", "--json").json[-1]
    run = told("history", "show", comparison["baseline"]["runs"]["basic"], "--json").json
    whole = {m["metric"]: m["value"] for m in run["metrics"] if m["slice"] is None}
    for line in comparison["metrics"]:
        if line["metric"] in whole:
            assert whole[line["metric"]] == pytest.approx(line["baseline"], abs=1e-12)
    assert {"overall", "in_range", "deviation"} <= set(whole)


def test_trend_follows_a_metric_and_sees_an_unchanged_version_drift(
    told: Here, tmp_path: Path
) -> None:
    page, picture = tmp_path / "t.html", tmp_path / "t.svg"
    found = told(
        "history", "trend", "deviation", "--json", "-o", str(page), "-o", str(picture)
    ).json
    (chart,) = found
    v1 = [p for p in chart["points"] if p["label"] == "v1"]
    looks = [p["drift"] for p in v1]
    assert looks[0] is None
    assert looks[-1]["alarm"]
    assert looks[-1]["p_value"] <= 0.005
    assert looks[-1]["difference"] > 0
    v2 = [p["drift"] for p in chart["points"] if p["label"] == "v2" and p["drift"]]
    assert not any(look["alarm"] for look in v2[1:])
    assert "provider" in v1[-1]["changed"]
    svg = ElementTree.fromstring(picture.read_text("utf-8"))
    told_of = [mark for mark in svg.iter() if mark.find("{*}title") is not None]
    assert len(told_of) == len(chart["points"]) + 1  # the picture has a title, too
    assert [c for c in svg.findall(".//{*}circle") if "alarm" in c.get("class", "")]
    text = page.read_text("utf-8")
    assert "default-src 'none'" in text
    assert "An alarm is false in at most 0.50% of the runs (one in 200)." in text
    assert "http://" not in text.replace("http://www.w3.org", "")
    newest = told("history", "trend", "deviation", "--exit-code")
    assert "DRIFT" in newest.out
    assert told("history", "trend", "nothing").code == 2


def test_trend_of_runs_that_are_no_longer_stored_reads_them_from_the_history(
    told: Here, tmp_path: Path
) -> None:
    (before,) = told("history", "trend", "deviation", "--json").json  # whoever asks records first
    copy = tmp_path / "copy"
    shutil.copytree(told.folder, copy)
    shutil.rmtree(copy / ".promptreg" / "runs")
    run = Here(copy, told.site)
    (after,) = run("history", "trend", "deviation", "--json").json
    assert [p["drift"] for p in after["points"]] == [p["drift"] for p in before["points"]]


def test_export_writes_every_number(told: Here, tmp_path: Path) -> None:
    names = ["all.json", "runs.csv", "runs.parquet"]
    for name in names:
        assert told("history", "export", "-o", str(tmp_path / name)).code == 0
    content = json.loads((tmp_path / "all.json").read_text("utf-8"))
    rows = read_csv(tmp_path / "runs.csv")
    table = pq.read_table(tmp_path / "runs.parquet").to_pylist()
    count = sum(len(r["metrics"]) for r in content["runs"])
    assert len(rows) == len(table) == count
    assert [float(r["value"]) for r in rows] == [r["value"] for r in table]
    path = tmp_path / "c.csv"
    told("history", "export", "--comparisons", "-o", str(path))
    assert len(read_csv(path)) == sum(len(c["metrics"]) for c in content["comparisons"])
    assert told("history", "export", "-o", str(tmp_path / "x.txt")).code == 2


def test_gc_says_first_and_keeps_runs_that_are_spoken_of(told: Here, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(told.folder, folder)
    run = Here(folder, told.site)
    every = run("history", "list", "--json").json
    target = every[0]
    dry = run("history", "gc", target["id"], "--json").json
    assert dry == {"found": [target["id"]], "removed": 0}
    assert len(run("history", "list", "--json").json) == 3
    held = target["baseline"]["runs"]["basic"]
    kept = run("history", "gc", held)
    assert "is kept" in kept.out
    assert run("history", "gc", target["id"], "--yes", "--json").json["removed"] == 1
    assert target["id"] not in {c["id"] for c in run("history", "list", "--json").json}
    assert run("history", "gc").code == 2
    assert run("history", "gc", "--older-than", "2100-01-01", "--yes").code == 0
    assert run("history", "list", "--json").json == []
    assert run("history", "list", "--runs", "--json").json == []


@pytest.mark.slow
def test_record_is_done_after_the_decision_and_never_changes_it(site: str, tmp_path: Path) -> None:
    folder = suite(tmp_path / "s", site).folder
    run = Promptreg(folder, {"PYTHONPATH": python_path(site), "MLFLOW_TRACKING_URI": ""})
    done = run("gate", "v1", "v2", "--record", "--json")
    assert done.code == 1
    assert done.json["gate"]["verdict"] == "fail"  # stdout holds the report alone
    assert "recorded 1 entry" in done.err
    assert waiting(run.folder) == []
    assert len(run("history", "list", "--no-sync", "--json").json) == 1
    (run.folder / "remembered").rename(run.folder / "gone")
    (run.folder / "remembered").write_text("no folder", "utf-8")
    reanswer(run.folder, 3)
    again = run("compare", "v1", "v2", env={"PROMPTREG_RECORD": "1"})
    assert again.code == 0
    assert "not recorded" in again.err
    assert len(waiting(run.folder)) == 1
    assert run("history", "list").code == 5
    wrong = run("compare", "v1", "v2", env={"PROMPTREG_RECORD": "maybe"})
    assert wrong.code == 2


def test_runs_without_a_comparison_are_remembered_too(site: str, tmp_path: Path) -> None:
    run = suite(tmp_path / "s", site)
    run("run", "v1")
    (only,) = run("history", "list", "--runs", "--json").json
    assert only["label"] == "v1"
    assert run("history", "list", "--json").json == []
    run("compare", "v1", "v2")
    assert len(run("history", "list", "--runs", "--json").json) == 2


def test_a_comparison_whose_trials_are_gone_is_recorded_without_them(
    site: str, tmp_path: Path
) -> None:
    run = suite(tmp_path / "s", site)
    run("compare", "v1", "v2")
    shutil.rmtree(run.folder / ".promptreg" / "runs")
    done = run("history", "sync")
    assert "removed from the run store before they were recorded" in done.out
    runs = run("history", "list", "--runs", "--metric", "in_range", "--json").json
    assert {r["trials"] for r in runs} == {0}
    assert all(r["metrics"][0]["value"] is not None for r in runs)


def test_a_damaged_entry_is_named_and_keeps_nothing_else_back(site: str, tmp_path: Path) -> None:
    run = suite(tmp_path / "s", site)
    run("compare", "v1", "v2")
    bad = waiting(run.folder)[0].with_name("0123456789abcdef0123.json.gz")
    bad.write_bytes(b"not compressed")
    done = run("history", "sync")
    assert done.code == 0
    assert "recorded 1 entry" in done.out
    assert "0123456789abcdef0123" in done.out
    assert waiting(run.folder) == [bad]


def test_wrong_history_settings_are_refused(site: str, tmp_path: Path) -> None:
    run = Here(write_recorded(tmp_path / "s", right, n=8, history={"use": "fils"}), site)
    done = run("history", "list")
    assert done.code == 2
    assert "did you mean 'files'?" in done.err
    assert (
        run("compare", "v1", "v2", "-q", "--no-record").code == 0
    )  # the decision does not depend on it


def test_origin_is_the_work_tree(site: str, tmp_path: Path) -> None:
    import subprocess

    run = suite(tmp_path / "s", site)

    def git(*args: str) -> str:
        env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
        done = subprocess.run(
            ["git", *who, *args], cwd=run.folder, env=env, check=True, capture_output=True
        )
        return done.stdout.decode().strip()

    git("init", "-q", "-b", "topic")
    git("add", "v1.txt", "v2.txt", "promptreg.yaml", "scenarios.jsonl")
    git("commit", "-q", "-m", "x")
    run("compare", "v1", "v2")
    with (run.folder / "scenarios.jsonl").open("a", encoding="utf-8") as file:
        file.write("\n")
    reanswer(run.folder, 5)
    run("compare", "v1", "v2")
    newest, first = run("history", "list", "--json").json
    commit = git("rev-parse", "HEAD")
    assert first["origin"]["commit"] == newest["origin"]["commit"] == commit
    assert first["origin"]["branch"] == "topic"
    assert [first["origin"]["dirty"], newest["origin"]["dirty"]] == [False, True]
