"""Maps in reports: shown where a suite names an embedder, never in the way of a verdict."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import word_embedder
from promptreg.discovery import load_plugins
from promptreg.pipeline.compare import compare
from promptreg.pipeline.project import Options, open_project
from promptreg.stages.report import comparison_json
from promptreg.verdicts import Comparison, MapPoint, ScenarioMap
from promptreg_plugins.reporters.html import HtmlReporter
from suite_factory import answer_text, good_score, scenario_ids, write_suite


def _compared(folder: Path, embedder: dict[str, Any] | None) -> Comparison:
    folder.mkdir(exist_ok=True)
    ids = scenario_ids(24)
    good = [answer_text(good_score(name)) for name in ids]
    # Every fourth scenario (the type `threat`) becomes much worse.
    worse = [answer_text(0) if i % 4 == 2 else text for i, text in enumerate(good)]
    rows = [
        {"scenario_id": name, "version": label, "text": text}
        for label, texts in (("v1", good), ("v2", worse))
        for name, text in zip(ids, texts, strict=True)
    ]
    (folder / "completions.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    keys: dict[str, Any] = {"embedder": embedder} if embedder else {}
    write_suite(folder, n=24, provider={"use": "recorded", "path": "completions.jsonl"}, **keys)
    plugins = load_plugins([word_embedder])
    project = open_project(str(folder / "promptreg.yaml"), plugins)
    return compare(project, "v1", "v2", Options())


def test_worsened_scenarios_name_their_likes_and_lie_on_the_map(tmp_path: Path) -> None:
    found = _compared(tmp_path, {"use": "words"})
    assert found.scenario_map is not None
    assert len(found.scenario_map.points) == 24
    worse = {p.scenario_id for p in found.scenario_map.points if (p.change or 0) < 0}
    assert len(worse) == 6
    for change in found.changes[:6]:
        likes = [name for name, _ in change.neighbours]
        assert len(likes) == 3
        assert set(likes) <= worse - {change.scenario_id}
    assert all(c.neighbours == () for c in found.changes[6:])
    told = comparison_json(found)["worst_scenarios"][0]["neighbours"]
    assert [n["scenario_id"] for n in told] == [n for n, _ in found.changes[0].neighbours]


def test_the_verdict_is_the_same_without_a_map(tmp_path: Path) -> None:
    plain = _compared(tmp_path / "a", None)
    drawn = _compared(tmp_path / "b", {"use": "words"})
    assert plain.scenario_map is None
    assert plain.differences == drawn.differences
    assert plain.gate == drawn.gate


def test_an_embedder_that_fails_costs_the_map_and_nothing_else(tmp_path: Path) -> None:
    found = _compared(tmp_path, {"use": "words", "fail_after": 0})
    assert found.scenario_map is None
    assert any("no map of the scenarios: RuntimeError" in w for w in found.warnings)
    assert found.gate.verdict == "fail"


def test_the_page_draws_the_map_and_escapes_neighbours(tmp_path: Path) -> None:
    found = _compared(tmp_path, {"use": "words"})
    hostile = replace(found.changes[0], neighbours=(("<script>alert(1)</script>", 0.5),))
    drawn = replace(
        found,
        changes=(hostile, *found.changes[1:]),
        scenario_map=ScenarioMap(
            (MapPoint("a", 0.0, 1.0, -0.5), MapPoint("b", 1.0, 0.0, 0.25), MapPoint("c", 0, 0, 0)),
            0.4,
        ),
    )
    HtmlReporter().write(drawn, tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text("utf-8")
    assert "Map of scenarios" in page
    assert "3 scenarios laid out by what they are about, 1 of which became worse and 1" in page
    assert "Like it, and worse too: &lt;script&gt;alert(1)&lt;/script&gt; (0.50)" in page
    assert "<script>alert" not in page
