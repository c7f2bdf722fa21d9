"""Results from Python say what the command line says, as tables and pictures."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

import promptreg
from promptreg.api import ComparisonResult, OpenSuite, Plot, RunResult
from promptreg.errors import PromptregError, SuiteError, UsageError
from promptreg.stages.report import comparison_json
from promptreg.verdicts import ScenarioMap

SVG = "{http://www.w3.org/2000/svg}"


def test_importing_promptreg_imports_no_tables() -> None:
    code = (
        "import sys, promptreg; "
        "sys.exit(any(n in sys.modules for n in ('pandas', 'numpy', 'promptreg.api')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert "open_suite" in promptreg.__all__
    with pytest.raises(AttributeError, match="has no attribute 'opensuite'"):
        promptreg.opensuite  # noqa: B018 - that is what raises


def test_the_scenarios_are_a_table(suite: OpenSuite) -> None:
    frame = suite.scenarios
    assert len(frame) == 132
    ranges = frame.set_index("id")["ground_truth_risk_range"]
    assert ranges["person_on_ground-1"] == (20, 60)
    assert set(frame["scenario_type"]) == {"normal", "suspicious", "threat", "edge_case"}
    assert all("basic" in served for served in frame["templates"])


def test_differences_are_those_of_the_json_report(compared: ComparisonResult) -> None:
    frame = compared.differences
    listed = comparison_json(compared.comparison)["comparisons"]
    assert len(frame) == len(listed)
    entries = {}
    for entry in listed:
        where = entry["slice"] or {"attribute": "", "value": ""}
        key = (entry["metric"], where["attribute"], where["value"], entry["gating"])
        entries[key] = entry  # a guard and a hint may be about the same slice
    named = frame.fillna({"attribute": "", "value": ""})
    for row in named.to_dict("records"):
        entry = entries.pop((row["metric"], row["attribute"], row["value"], row["gating"]))
        assert row["verdict"] == entry["verdict"]
        change = math.nan if entry["difference"] is None else entry["difference"]
        assert row["difference"] == pytest.approx(change, nan_ok=True)
        assert row["n_scenarios"] == entry["n_scenarios"]
    assert entries == {}
    whole = frame[frame["attribute"].isna()].set_index("metric")
    assert (whole.loc["risk_level", "broke"], whole.loc["risk_level", "fixed"]) == (43, 8)
    # Lower is better: what broke is where the candidate alone raises an alarm.
    assert (whole.loc["false_alarm", "broke"], whole.loc["false_alarm", "fixed"]) == (5, 17)
    assert compared.verdict == "fail"
    assert any("risk_level" in reason for reason in compared.reasons)
    assert "edge_case" in set(compared.worse_slices["value"])


def test_trials_hold_both_sides_with_answers_and_scores(compared: ComparisonResult) -> None:
    frame = compared.trials
    assert frame.groupby("side").size().to_dict() == {"baseline": 132, "candidate": 132}
    assert frame.groupby("side")["score.in_range"].sum().to_dict() == {
        "baseline": 37.0,
        "candidate": 63.0,
    }
    failed = frame[frame["error_cause"].notna()]
    assert list(failed["side"]) == ["candidate", "candidate"]
    assert failed["answer"].isna().all()
    assert failed["score.in_range"].isna().all()  # no score is made up for a failure
    answered = frame[frame["error_cause"].isna()]
    assert [a["risk_score"] for a in answered["answer"]] == list(answered["answer.risk_score"])
    assert compared.failures.to_dict("records") == [
        {
            "cause": "unparseable",
            "baseline": 0,
            "candidate": 2,
            "counts as": "counted as the worst value",
        }
    ]


def test_changes_come_the_worst_first(compared: ComparisonResult) -> None:
    changes = compared.changes
    values = changes["change"].dropna()
    assert values.is_monotonic_increasing
    assert len(changes) == 132
    worst = compared.worst(3)
    assert [c.scenario_id for c in worst] == list(changes["scenario_id"][:3])
    assert len(compared.worst(3, template="basic")) == 3


def test_runs_are_kept_and_found_again(suite: OpenSuite, compared: ComparisonResult) -> None:
    results = suite.run("v1", "v2", template="basic")
    assert len(results) == 2
    first: RunResult = results[0]
    assert first.metrics.loc["in_range", "value"] == pytest.approx(37 / 132)
    assert results.metrics.loc[("basic", "v2", "in_range"), "value"] == pytest.approx(63 / 132)
    assert len(results.trials) == 264
    listed = suite.runs()
    assert {"basic-v1", "basic-v2"} <= {name.rsplit("-", 1)[0] for name in listed["id"]}
    again = suite.load_run(f"run:{first.id}")
    assert again.metrics.equals(first.metrics)
    assert compared.comparison.baseline.run_ids["basic"] in set(listed["id"])


def test_a_plan_says_what_could_be_seen(suite: OpenSuite) -> None:
    plan = suite.plan("v1", "v2", template="basic")
    assert "scenarios_for_margin" in plan.detectable.columns
    assert list(plan.versions["trials"]) == [132, 132]
    assert "could see" in plan._repr_html_()


def test_options_are_those_of_the_command_line(suite: OpenSuite) -> None:
    part = suite.compare("v1", "v2", template="basic", where={"scenario_type": ["threat"]})
    assert part.comparison.partial
    assert part.verdict != "pass"
    assert part.differences["n_scenarios"].max() == 30
    assert part.worst(200)


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        ({"templat": "basic"}, "did you mean 'template'"),
        ({"template": "basi"}, "basi"),
        ({"limit": 0}, "limit=0"),
        ({"repeats": True}, "repeats=True"),
        ({"where": "scenario_type=threat"}, "must be a mapping"),
        ({"where": {"scenario_typ": "threat"}}, "did you mean 'scenario_type'"),
        ({"where": {"scenario_type": "thread"}}, "thread"),
        ({"margins": {"in_rage": 0.1}}, "in_rage"),
        ({"budget": "much"}, "much"),
    ],
)
def test_what_is_asked_wrongly_is_named(
    suite: OpenSuite, wishes: dict[str, object], said: str
) -> None:
    with pytest.raises(PromptregError, match=said):
        suite.compare("v1", "v2", **wishes)  # type: ignore[arg-type] # meant


def test_there_is_no_suite(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="no suite file"):
        promptreg.open_suite(tmp_path)


def test_an_embedder_that_is_not_named_is_asked_for(
    suite: OpenSuite, compared: ComparisonResult
) -> None:
    with pytest.raises(SuiteError, match="no embedder is named"):
        suite.map()
    with pytest.raises(SuiteError, match="no embedder is named"):
        suite.search("door")
    with pytest.raises(UsageError, match="names no embedder"):
        compared.map()
    empty = replace(compared.comparison, scenario_map=ScenarioMap((), 0.0))
    with pytest.raises(UsageError, match="nothing to draw"):
        ComparisonResult(empty, compared.project).map()


def test_plots_are_whole_pictures_that_load_nothing(
    compared: ComparisonResult, tmp_path: Path
) -> None:
    plots: list[Plot] = [
        compared.forest(),
        compared.forest("in_range"),
        compared.forest("in_range", by="scenario_type"),
        compared.histogram(),
        compared.ranges(),
        compared.failure_bars(),
    ]
    for plot in plots:
        root = ElementTree.fromstring(plot._repr_svg_())
        assert root.tag == f"{SVG}svg"
        assert root.find(f"{SVG}rect").get("class") == "paper"  # type: ignore[union-attr]
        assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)|@import|url\(", plot.svg) == []
    path = plots[0].save(tmp_path / "forest.svg")
    assert ElementTree.parse(path).getroot().tag == f"{SVG}svg"
    with pytest.raises(UsageError, match=r"found '\.png'"):
        plots[0].save(tmp_path / "forest.png")
    with pytest.raises(UsageError, match="did you mean 'in_range'"):
        compared.forest("in_rang")
    with pytest.raises(UsageError, match="did you mean 'story'"):
        compared.forest("in_range", by="stroy")
    with pytest.raises(UsageError, match="there are: basic"):
        compared.forest(template="enriched")


def test_reports_are_written_by_reporters(compared: ComparisonResult, tmp_path: Path) -> None:
    written = compared.save(tmp_path / "r.json", tmp_path / "r.md")
    assert [p.name for p in written] == ["r.json", "r.md"]
    assert all(p.stat().st_size for p in written)
    with pytest.raises(UsageError, match="no reporter writes"):
        compared.save(tmp_path / "r.doc")
