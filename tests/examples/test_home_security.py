"""The example: its data is what it claims to be, and promptreg counts as anybody would."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from promptreg.pipeline.project import Options, open_project
from promptreg.pipeline.validate import check
from promptreg.pipeline.versions import lookup, make_version, serves
from promptreg.records import Template
from promptreg.stages.render import render

HERE = Path(__file__).parents[2] / "examples" / "home_security"
RANGES = {"normal": (0, 25), "suspicious": (30, 55), "threat": (70, 100), "edge_case": (20, 60)}
TAXONOMY = {
    "time_of_day": {"morning", "midday", "evening", "night", "late_night"},
    "day_type": {"weekday", "weekend", "holiday"},
    "camera_location": {"front_door", "backyard", "driveway", "side_gate"},
    "detection_count": {"1", "2-3", "4-6", "7+"},
    "primary_object": {"person", "vehicle", "animal", "package"},
    "scenario_type": set(RANGES),
    "enrichment_level": {"none", "basic", "full"},
}
TIERS = ("basic", "enriched", "full_enriched", "vision_enhanced", "model_zoo_enhanced")


def rows(name: str) -> list[dict[str, Any]]:
    text = (HERE / name).read_text("utf-8")
    return [json.loads(line) for line in text.splitlines() if line.strip()]


SCENARIOS = {row["scenario_id"]: row for row in rows("scenarios.jsonl")}


def test_the_set_covers_the_taxonomy() -> None:
    assert len(SCENARIOS) >= 120
    for attribute, values in TAXONOMY.items():
        assert {str(row[attribute]) for row in SCENARIOS.values()} == values, attribute
    assert {row["tier"] for row in SCENARIOS.values()} == set(TIERS)
    families = Counter(row["family"] for row in SCENARIOS.values())
    assert len(families) >= 40


@pytest.mark.parametrize("scenario_id", SCENARIOS)
def test_ground_truth_fits_the_scenario_type(scenario_id: str) -> None:
    row = SCENARIOS[scenario_id]
    truth = row["ground_truth"]
    assert tuple(truth["risk_range"]) == RANGES[row["scenario_type"]]
    assert 1 <= len(truth["key_points"]) <= 5
    assert all(len(point) > 1 for point in truth["key_points"])
    assert len(truth["expected_summary"]) > 20
    if row["scenario_type"] == "threat":
        assert truth["should_trigger_alert"] is True
    if row["scenario_type"] == "normal":
        assert truth["should_trigger_alert"] is False


@pytest.mark.parametrize("suite", ["promptreg.yaml", "live.yaml", "quickstart.yaml"])
def test_suites_have_no_errors(suite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMPTREG_LLAMA_URL", "http://127.0.0.1:8091")
    report = check(open_project(str(HERE / suite)))
    assert [f for f in report.findings if f.level == "error"] == []


def test_versions_differ_only_by_the_calibration() -> None:
    for tier in TIERS:
        v1 = (HERE / "templates" / f"{tier}.v1.txt").read_text("utf-8").splitlines()
        v2 = (HERE / "templates" / f"{tier}.v2.txt").read_text("utf-8").splitlines()
        added = [line for line in v2 if line not in v1]
        assert all(line in v2 or "<|im_end|>" in line for line in v1), tier
        text = "\n".join(added)
        for words in ("80%", "15%", "4%", "1%", "0-29", "85-100"):
            assert words in text, (tier, words)


def rendered(template: str, label: str) -> dict[str, str]:
    """Return scenario id to SHA-256 of the prompt as promptreg renders it now."""
    project = open_project(str(HERE / "promptreg.yaml"))
    options = Options()
    scenarios = project.scenarios(options)
    found = lookup(project, f"{template}@{label}", options)
    assert isinstance(found, dict)
    version: Template = found[template]
    made = make_version(project, version, serves(project, template, scenarios))
    return {
        s.id: hashlib.sha256(render(made.renderer, s).text.encode()).hexdigest()
        for s in made.scenarios
    }


@pytest.mark.parametrize("template", TIERS)
def test_recordings_belong_to_the_templates_and_scenarios_as_they_are(template: str) -> None:
    recorded = [row for row in rows("completions.jsonl") if row["template"] == template]
    for label in ("v1", "v2"):
        expected = rendered(template, label)
        mine = {r["scenario_id"]: r["prompt_sha256"] for r in recorded if r["version"] == label}
        assert mine == expected


def test_recordings_say_where_they_come_from() -> None:
    meta = json.loads((HERE / "completions.meta.json").read_text("utf-8"))
    text = json.dumps(meta)
    assert "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046" in text
    assert re.search(r"xllamacpp", text)


def independent_score(text: str | None) -> int | None:
    """Read the risk score the plain way: the last object that has one."""
    found = None
    for match in re.finditer(r"\{[^{}]*\}", text or ""):
        try:
            value = json.loads(match.group())
        except ValueError:
            continue
        keys = {"risk_score", "risk_level", "summary", "reasoning"}
        score = value.get("risk_score")
        levels = ("low", "medium", "high", "critical")
        whole = keys <= set(value) and value["risk_level"] in levels
        if whole and type(score) is int and 0 <= score <= 100:
            found = score
    return found


def test_the_report_counts_what_anybody_would_count(tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    copy = shutil.copytree(HERE, tmp_path / "example", ignore=shutil.ignore_patterns(".promptreg"))
    command = [sys.executable, "-m", "promptreg", "compare", "v1", "v2", "-q", "-o", str(out)]
    command += ["-c", str(copy / "promptreg.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(out.read_text("utf-8"))
    hits: Counter[tuple[str, str, str]] = Counter()
    sizes: Counter[tuple[str, str, str]] = Counter()
    for row in rows("completions.jsonl"):
        scenario = SCENARIOS[row["scenario_id"]]
        low, high = RANGES[scenario["scenario_type"]]
        score = independent_score(row["text"])
        for where in ("", scenario["scenario_type"]):
            key = (row["template"], row["version"], where)
            sizes[key] += 1
            hits[key] += score is not None and low <= score <= high
    checked = 0
    for line in report["comparisons"]:
        where = line["slice"]
        if line["metric"] != "in_range" or (where and where["attribute"] != "scenario_type"):
            continue
        for label, side in (("v1", "baseline"), ("v2", "candidate")):
            key = (line["template"], label, where["value"] if where else "")
            assert line["n_scenarios"] == sizes[key]
            assert line[side] == pytest.approx(hits[key] / sizes[key]), key
            checked += 1
    assert checked >= 2 * len(TIERS)


def test_the_starter_of_init_is_a_part_of_this_example() -> None:
    starter = HERE.parents[1] / "core" / "promptreg" / "cli" / "starter"
    recorded = {
        (row["scenario_id"], row["version"]): row["text"]
        for row in rows("completions.jsonl")
        if row["template"] == "basic"
    }
    lines = (starter / "completions.jsonl").read_text("utf-8").splitlines()
    given = [json.loads(line) for line in lines]
    assert len(given) >= 100
    assert all(recorded[row["scenario_id"], row["version"]] == row["text"] for row in given)
    for line in (starter / "scenarios.jsonl").read_text("utf-8").splitlines():
        scenario = json.loads(line)
        assert SCENARIOS[scenario["scenario_id"]]["ground_truth"] == scenario["ground_truth"]
    for label in ("v1", "v2"):
        name = f"basic.{label}.txt"
        assert (starter / "templates" / name).read_bytes() == (
            HERE / "templates" / name
        ).read_bytes()
