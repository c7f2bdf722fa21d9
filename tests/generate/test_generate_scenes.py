"""Scenes told by rules: they are what their attributes say, and useful."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from promptreg import GenerationRequest
from promptreg.errors import DataError
from promptreg_plugins.generators.grid import Grid
from promptreg_plugins.generators.home_security.checks import schema_problems, temporal_problems
from promptreg_plugins.generators.home_security.context import TIERS
from promptreg_plugins.generators.home_security.scene import scenario_hash
from promptreg_plugins.generators.home_security.stories import load_stories

HERE = Path(__file__).parents[2]
TEMPLATES = HERE / "examples" / "home_security" / "templates"
RANGES = {"normal": [0, 25], "suspicious": [30, 55], "threat": [70, 100], "edge_case": [20, 60]}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    made = Grid().generate(GenerationRequest(seed=3, size=420))
    return [dict(one.row) for one in made if one.row is not None]


def test_every_row_is_made_and_passes_checks_that_are_computed(rows: list[dict[str, Any]]) -> None:
    assert len(rows) == 420
    for row in rows:
        assert row["detection_schema_valid"] is True
        assert row["temporal_consistency"] is True
        assert not schema_problems(row) + temporal_problems(row)
        assert row["scenario_hash"] == scenario_hash(row)
    assert len({row["scenario_hash"] for row in rows}) == 420


def test_ground_truth_follows_from_the_type(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        truth = row["ground_truth"]
        assert truth["risk_range"] == RANGES[row["scenario_type"]]
        assert truth["should_trigger_alert"] == (row["scenario_type"] == "threat")
        assert bool(truth["expected_enrichment_models"]) == (row["enrichment_level"] != "none")
        if row["scenario_type"] == "normal":
            assert row["label"] == "benign"


def test_a_good_reasoning_could_name_every_key_point(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        seen = row["detections_list"].lower()
        for point in row["ground_truth"]["key_points"]:
            assert any(word in seen for word in point.split("|")), (row["family"], point, seen)


def test_every_motif_shows_its_key_points_by_its_main_line_alone() -> None:
    stories, _ = load_stories(None)
    combos = Counter((s.scenario_type, s.primary_object) for s in stories)
    assert len(combos) == 16
    assert min(combos.values()) >= 3
    for story in stories:
        assert len(story.motifs) >= 3
        for motif in story.motifs:
            words = {"at": "AT", "spot": "SPOT"}
            text = story.main.format_map({k: v.format_map(words) for k, v in motif.words.items()}
                                         | words).lower()  # fmt: skip
            for point in story.points:
                assert any(w in text for w in point.split("|")), (motif.family, point, text)


def test_every_combination_has_a_story_at_every_time() -> None:
    stories, _ = load_stories(None)
    for hour in ("morning", "midday", "evening", "night", "late_night"):
        free = {(s.scenario_type, s.primary_object) for s in stories if hour not in s.not_at}
        assert len(free) == 16, hour


def test_a_row_has_the_variables_of_its_tier_and_no_others(rows: list[dict[str, Any]]) -> None:
    every = {name for names in TIERS.values() for name in names}
    assert {row["tier"] for row in rows} == set(TIERS)
    for row in rows:
        filled = {name for name in every if row[name] is not None}
        assert filled == set(TIERS[row["tier"]])
    for tier, names in TIERS.items():
        text = (TEMPLATES / f"{tier}.v1.txt").read_text("utf-8")
        assert all(f"{{{name}}}" in text for name in names), tier


def test_faults_of_the_enrichment_show_in_the_context(rows: list[dict[str, Any]]) -> None:
    told = {
        "circuit_open": "circuit breaker open",
        "vram_evicted": "evicted from GPU memory",
        "timeout": "timed out",
        "stale": "min ago, not refreshed",
        "contradictory": "outside the property",
    }
    for row in rows:
        context = " ".join(str(row[n]) for names in TIERS.values() for n in names)
        for fault, words in told.items():
            expected = fault == row["enrichment_fault"] and row["enrichment_level"] != "none"
            assert (words in context) == expected, (row["scenario_id"], fault)
        summary = row["enrichment_context"]
        nothing = row["enrichment_level"] == "none" or row["enrichment_fault"] == "circuit_open"
        assert (summary is None) == nothing
        if summary is not None:
            assert -3 <= summary["baseline_deviation_score"] <= 3
            assert 0 <= summary["cross_camera_matches"] <= 5
            assert summary["baseline_expected_count"] >= 0


def test_families_are_many_and_none_is_large(rows: list[dict[str, Any]]) -> None:
    sizes = Counter(row["family"] for row in rows)
    assert len(sizes) > 180
    assert max(sizes.values()) <= 6


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("detections", [], "at least one"),
        ("object_type", "tank", "object_type"),
        ("confidence", 0.4, "confidence"),
        ("confidence", True, "confidence"),
        ("bbox", [1900, 0, 100, 100], "does not lie in"),
        ("bbox", [0, 0, 10], "four whole numbers"),
        ("timestamp_offset_seconds", 91, "offset"),
        ("extra", 1, "must have exactly"),
        ("detection_count", "7+", "detection_count says 7"),
    ],
)
def test_a_broken_detection_is_found(
    rows: list[dict[str, Any]], column: str, value: Any, problem: str
) -> None:
    row = json.loads(json.dumps(next(r for r in rows if r["detection_count"] == "1")))
    if column in row:
        row[column] = value
    else:
        row["detections"][0][column] = value
    assert any(problem in found for found in schema_problems(row)), schema_problems(row)


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("start_time", "soon", "is no time"),
        ("end_time", "2026-01-01T00:00:00", "is after the end"),
        ("time_of_day", "noon", "is not in the noon"),
        ("day_type", "workday", "is no workday"),
    ],
)
def test_times_that_contradict_each_other_are_found(
    rows: list[dict[str, Any]], column: str, value: str, problem: str
) -> None:
    row = next(r for r in rows if r["detection_count"] == "4-6") | {column: value}
    assert any(problem in found for found in temporal_problems(row)), temporal_problems(row)


def test_detections_out_of_order_are_found(rows: list[dict[str, Any]]) -> None:
    row = json.loads(json.dumps(next(r for r in rows if r["detection_count"] == "7+")))
    row["detections"].reverse()
    assert temporal_problems(row) == ["detections are not in order of time"]


STORY = """
- story: visit
  type: normal
  object: person
  who_is: household
  points: [guest]
  expect: A guest comes.
  look: "{who}"
  action: Visiting.
  main: "{who} as a guest rings {at}"
  before: []
  after: []
  motifs: {aunt: {who: aunt}}
"""


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("type: normal", "type: norml", "did you mean 'normal'?"),
        ("object: person", "object: persons", "did you mean 'person'?"),
        ("points: [guest]", "points: guest", "points: must be a list of texts"),
        ("points: [guest]", "points: []", "points: is empty"),
        ("expect:", "expcet:", "unknown key 'expcet' (did you mean 'expect'?)"),
        ("{who} as", "{woh} as", "uses {woh} (did you mean 'who'?)"),
        ("{who} as", "{who.__class__} as", "is no plain name"),
        ("{who} as", "{who!r} as", "is no plain name"),
        ("{aunt: {who: aunt}}", "{aunt: {who: aunt, kind: aunt}}", "kind: found 'aunt'"),
        ("- story: visit", "story: visit", "no valid YAML"),
    ],
)
def test_mistakes_in_stories_are_named(tmp_path: Path, old: str, new: str, problem: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(STORY.replace(old, new), "utf-8")
    with pytest.raises(DataError) as caught:
        Grid(stories=str(path))
    assert problem in str(caught.value)
    assert str(path) in str(caught.value)


def test_own_stories_are_told_and_what_they_lack_is_a_counted_failure(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(STORY, "utf-8")
    grid = Grid(stories=str(path), strength=1)
    made = list(grid.generate(GenerationRequest(seed=1, size=60)))
    told = [one for one in made if one.row is not None]
    failed = [one for one in made if one.row is None]
    assert {one.row["family"] for one in told if one.row} == {"visit.aunt"}
    assert len(told) + len(failed) == 60
    assert all("no story of type" in one.reasons[-1] for one in failed)
    assert failed
    assert grid.identity()["stories_sha256"] != Grid().identity()["stories_sha256"]
