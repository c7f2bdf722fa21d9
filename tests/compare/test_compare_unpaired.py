"""A/B logs through the pipeline: verdicts, broken draws, what is refused, and what reports say."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from promptreg import open_suite
from promptreg.errors import ExitCode, NotComparableError, SuiteError, UsageError
from promptreg.pipeline.calibrate.run import calibrate
from promptreg.pipeline.compare import compare
from promptreg.pipeline.plan import plan
from promptreg.pipeline.project import Options, open_project
from promptreg.pipeline.summary import run_versions
from promptreg.stages.report import comparison_json, digest, plan_reports, write_reports
from promptreg.verdicts import Comparison, GateVerdict, Verdict
from suite_factory import answer_text, good_score, record, scenario_ids, scenarios, write_suite

HALF = {"kind": "unpaired", "unit": "scenario", "split": {"v1": 0.5, "v2": 0.5}}
MARGINS = {"overall": 0.2, "in_range": 0.2, "deviation": 20, "answered": 0.2}
POLICY = {"margins": MARGINS, "draws": 999}
Row = dict[str, Any]
Answer = Callable[[str, str], Row]


def alternate(scenario: str) -> str:
    """Return the version that was drawn: each half of every scenario type."""
    return f"v{1 + int(scenario[1:]) // 4 % 2}"


def right(scenario: str, version: str) -> Row:
    return {"text": answer_text(good_score(scenario))}


def ab_suite(
    folder: Path,
    answer: Answer = right,
    *,
    n: int = 160,
    drawn: Callable[[str], str] = alternate,
    design: object = HALF,
    also: Mapping[str, str] | None = None,
    **keys: Any,
) -> Path:
    """Write a suite on an A/B log; `also` are versions that answered, too."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for name in scenario_ids(n):
        versions = [drawn(name), *([also[name]] if also and name in also else [])]
        rows += [
            {"scenario_id": name, "version": v, **answer(name, v)} for v in versions if v != "none"
        ]
    record(folder / "completions.jsonl", rows)
    told = [s | {"camera": f"c{i % 10}"} for i, s in enumerate(scenarios(n))]
    suite: dict[str, Any] = {"gate": POLICY, "scorers": [{"use": "risk_range"}], **keys}
    drawing: dict[str, Any] = {"design": design} if design else {}
    provider = {"use": "recorded", "path": "completions.jsonl"}
    return write_suite(folder, rows=told, provider=provider, **drawing, **suite)


def compared(folder: Path, **options: Any) -> Comparison:
    project = open_project(str(folder / "promptreg.yaml"))
    return compare(project, "v1", "v2", Options(**options))


def verdicts(c: Comparison) -> dict[str, Verdict]:
    return {d.metric: d.verdict for d in c.differences if d.slice is None}


def test_equal_versions_pass(tmp_path: Path) -> None:
    c = compared(ab_suite(tmp_path))
    assert c.gate.verdict is GateVerdict.PASS
    assert c.gate.exit_code == ExitCode.OK
    assert set(verdicts(c).values()) == {Verdict.EQUIVALENT}


def test_a_worse_version_fails(tmp_path: Path) -> None:
    def worse(scenario: str, version: str) -> Row:
        miss = version == "v2" and int(scenario[1:]) % 3 == 0
        return {"text": answer_text(99 if miss else good_score(scenario))}

    c = compared(ab_suite(tmp_path, worse))
    assert verdicts(c)["in_range"] is Verdict.REGRESSED
    assert c.gate.exit_code == ExitCode.REGRESSION
    (row,) = [d for d in c.differences if d.metric == "in_range" and d.slice is None]
    assert row.scenarios_by_side == (80, 80)
    assert row.n_scenarios == 160
    assert row.discordant is None
    assert row.detectable_difference
    assert row.test.startswith("unpaired")


def test_failures_are_the_worst_value_and_told(tmp_path: Path) -> None:
    """Fallback answers with a score of 50 would be right on edge cases."""
    fallback = json.dumps(
        {
            "risk_score": 50,
            "risk_level": "medium",
            "summary": "Analysis unavailable - LLM service error",
            "reasoning": "door and package",
        }
    )

    def outage(scenario: str, version: str) -> Row:
        return {"text": fallback} if version == "v2" else right(scenario, version)

    c = compared(ab_suite(tmp_path, outage))
    (row,) = [d for d in c.differences if d.metric == "in_range" and d.slice is None]
    assert row.candidate == 0.0
    assert row.missing.candidate == 80
    assert c.counts.failed["candidate"] == {"fallback": 80}
    assert any("80 of 80 trials of the candidate failed" in w for w in c.warnings)
    assert c.gate.verdict is GateVerdict.FAIL


def test_gaps_are_bounded_from_both_sides(tmp_path: Path) -> None:
    def lossy(scenario: str, version: str) -> Row:
        lost = version == "v2" and int(scenario[1:]) % 32 in (4, 5)
        return {"error": "connect: refused"} if lost else right(scenario, version)

    c = compared(ab_suite(tmp_path, lossy))
    (row,) = [d for d in c.differences if d.metric == "in_range" and d.slice is None]
    assert row.missing.candidate == 10
    assert row.interval is not None
    assert row.interval[0] < -0.2
    assert row.verdict is Verdict.INCONCLUSIVE
    assert any("bounded both ways" in note for note in row.notes)


def test_too_many_gaps_are_not_comparable(tmp_path: Path) -> None:
    def lossy(scenario: str, version: str) -> Row:
        return {"error": "connect"} if version == "v2" else right(scenario, version)

    with pytest.raises(NotComparableError, match="lost to the infrastructure"):
        compared(ab_suite(tmp_path, lossy))


def test_units_that_were_drawn_as_a_whole_are_the_independent_units(tmp_path: Path) -> None:
    """Ten cameras are ten draws: what 160 events would accuse, they hardly can."""

    def by_camera(scenario: str) -> str:
        return "v2" if int(scenario[1:]) % 10 in (1, 4, 6, 7, 9) else "v1"

    design = HALF | {"unit": "camera"}
    c = compared(ab_suite(tmp_path, drawn=by_camera, design=design))
    assert c.design is not None
    assert c.design.unit == "camera"
    assert c.design.allocations[0].units == (5, 5)
    assert {d.clusters_by_side for d in c.differences if d.slice is None} == {(5, 5)}
    assert "80 and 80 scenarios (5 and 5 units)" in digest.facts(c)
    assert verdicts(c)["in_range"] is Verdict.INCONCLUSIVE


def test_the_cluster_is_the_unit_unless_the_suite_says_otherwise(tmp_path: Path) -> None:
    def by_camera(scenario: str) -> str:
        return "v2" if int(scenario[1:]) % 10 < 5 else "v1"

    split = {"kind": "unpaired", "split": {"v1": 0.5, "v2": 0.5}}
    c = compared(ab_suite(tmp_path, n=20, drawn=by_camera, design=split, cluster="camera"))
    assert c.design is not None
    assert c.design.unit == "camera"


def test_a_unit_with_events_of_both_versions_was_not_drawn_as_a_whole(tmp_path: Path) -> None:
    with pytest.raises(NotComparableError, match="4 of 10 units \\(camera: c2"):
        compared(ab_suite(tmp_path, n=20, design=HALF | {"unit": "camera"}))


def test_scenarios_that_templates_drew_apart_are_told_from_units_that_are_too_large(
    tmp_path: Path,
) -> None:
    ab_suite(tmp_path, n=20)
    path = tmp_path / "promptreg.yaml"
    suite = json.loads(path.read_text("utf-8"))
    (tmp_path / "other.txt").write_text("{id}: {detections}", "utf-8")
    suite["templates"]["other"] = {"versions": {"v1": "other.txt", "v2": "v2.txt"}}
    path.write_text(json.dumps(suite), "utf-8")
    rows = [
        {"scenario_id": s, "template": t, "version": v, **right(s, v)}
        for s in scenario_ids(20)
        for t, v in (("basic", alternate(s)), ("other", alternate(s) if s > "s0003" else "v2"))
    ]
    record(tmp_path / "completions.jsonl", rows)
    with pytest.raises(NotComparableError, match="drawn once for all of them") as caught:
        compared(tmp_path)
    assert "design.unit" not in str(caught.value)  # it says scenario already


def test_an_unknown_unit_is_named(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="no 'kamera'"):
        compared(ab_suite(tmp_path, n=20, design=HALF | {"unit": "kamera"}))


@pytest.mark.parametrize("share", [0.5, 0.2])
def test_a_split_unlike_the_declared_one_decides_nothing(tmp_path: Path, share: float) -> None:
    """One side answers worse, and still: with a broken draw nobody knows why."""

    def drawn(scenario: str) -> str:
        return "v2" if int(scenario[1:]) % 5 == 0 else "v1"

    def worse(scenario: str, version: str) -> Row:
        return {"text": answer_text(99 if version == "v2" else good_score(scenario))}

    design = HALF | {"split": {"v1": 1 - share, "v2": share}}
    c = compared(ab_suite(tmp_path, worse, drawn=drawn, design=design))
    assert c.design is not None
    assert c.design.balanced is (share == 0.2)
    if c.design.balanced:
        assert c.gate.exit_code == ExitCode.REGRESSION
        return
    assert c.gate.verdict is GateVerdict.INCONCLUSIVE
    assert c.gate.exit_code == ExitCode.NOT_COMPARABLE
    assert "sample ratio mismatch" in c.gate.reasons[0]
    assert "the draw is broken" in digest.sentence(c)
    assert c.warnings[0].startswith("sample ratio mismatch: 32 of 160 units")


def test_three_versions_were_drawn_and_two_are_compared(tmp_path: Path) -> None:
    split = {"v1": 2.0, "v2": 1.0, "v3": 1.0}

    def drawn(scenario: str) -> str:
        return "v2" if int(scenario[1:]) % 3 == 0 else "v1"

    c = compared(ab_suite(tmp_path, drawn=drawn, design=HALF | {"split": split}))
    assert c.design is not None
    assert c.design.allocations[0].share == pytest.approx(1 / 3)
    assert c.design.balanced


def test_a_split_that_does_not_name_a_version_is_refused(tmp_path: Path) -> None:
    folder = ab_suite(tmp_path, n=20, design=HALF | {"split": {"v1": 0.5, "vv2": 0.5}})
    with pytest.raises(UsageError, match="did you mean 'vv2'"):
        compared(folder)


def test_a_paired_set_is_not_compared_unpaired(tmp_path: Path) -> None:
    both = {name: "v1" if alternate(name) == "v2" else "v2" for name in scenario_ids(20)}
    with pytest.raises(NotComparableError, match="20 of 20 scenarios were answered by both"):
        compared(ab_suite(tmp_path, n=20, also=both))
    few = dict(list(both.items())[:3])
    with pytest.raises(NotComparableError, match="3 of 20 scenarios were answered by both"):
        compared(ab_suite(tmp_path / "few", n=20, also=few), allow_unmatched=True)


@pytest.mark.parametrize("allow", [False, True])
def test_an_unpaired_set_is_not_compared_paired(tmp_path: Path, allow: bool) -> None:
    folder = ab_suite(tmp_path, n=20, design=None)
    with pytest.raises(NotComparableError, match="the suite must say so: design"):
        compared(folder, allow_unmatched=allow)


def test_events_that_nobody_answered_are_refused_or_told(tmp_path: Path) -> None:
    def drawn(scenario: str) -> str:
        return "none" if scenario == "s0003" else alternate(scenario)

    folder = ab_suite(tmp_path, n=20, drawn=drawn)
    with pytest.raises(NotComparableError, match="answered by neither version \\(s0003\\)"):
        compared(folder)
    c = compared(folder, allow_unmatched=True)
    assert any("s0003" in w for w in c.warnings)


def test_a_model_is_not_asked_in_an_unpaired_design(tmp_path: Path) -> None:
    folder = write_suite(tmp_path, "http://127.0.0.1:9", design=HALF)
    with pytest.raises(UsageError, match="would ask both versions"):
        compared(folder)


@pytest.mark.parametrize(
    ("design", "said"),
    [
        ("unpaired", "needs 'split'"),
        ({"kind": "paired", "split": {"v1": 1, "v2": 1}}, "belong to 'kind: unpaired'"),
        (HALF | {"split": {"v1": 1.0, "v2": 0.0}}, "allowed: above 0"),
        (HALF | {"split": {"v1": 1.0}}, "needs 'split'"),
        ("random", "paired"),
    ],
)
def test_a_design_that_says_too_little_is_refused(
    tmp_path: Path, design: object, said: str
) -> None:
    with pytest.raises(SuiteError, match=said):
        compared(ab_suite(tmp_path, n=20, design=design))


def test_what_takes_pairs_says_so(tmp_path: Path) -> None:
    folder = ab_suite(tmp_path, n=20)
    project = open_project(str(folder / "promptreg.yaml"))
    with pytest.raises(UsageError, match="looking several times"):
        compare(project, "v1", "v2", Options(looks=4))
    with pytest.raises(UsageError, match="planning needs"):
        plan(project, ["v1", "v2"], Options())
    with pytest.raises(UsageError, match="calibrating needs"):
        calibrate(project, None, Options())


def test_runs_of_a_log_have_no_places(tmp_path: Path) -> None:
    project = open_project(str(ab_suite(tmp_path, n=40) / "promptreg.yaml"))
    done, summaries, places = run_versions(project, ["v1", "v2"], Options())
    assert [s.run.facts.label for s in summaries] == ["v1", "v2"]
    assert places == ()  # what the other version answered would count as lost
    assert sum("another version answered it" in warning for warning in done.warnings) == 1


def test_what_holds_both_answers_against_each_other_is_refused(tmp_path: Path) -> None:
    preference = {"use": "preference", "provider": {"use": "scripted"}}
    ab_suite(tmp_path, right, scorers=[{"use": "risk_range"}, preference])
    with pytest.raises(SuiteError, match="'preferred' compares both versions' answers"):
        compared(tmp_path)


def test_stored_runs_are_compared_as_the_versions_were(tmp_path: Path) -> None:
    folder = ab_suite(tmp_path, n=20)
    first = compared(folder)
    runs = [side.run_ids["basic"] for side in (first.baseline, first.candidate)]
    project = open_project(str(folder / "promptreg.yaml"))
    again = compare(project, f"run:{runs[0]}", f"run:{runs[1]}", Options())
    assert [replace(d, notes=()) for d in again.differences] == [
        replace(d, notes=()) for d in first.differences
    ]


def test_limits_are_on_the_candidates_own_scenarios(tmp_path: Path) -> None:
    gate = POLICY | {"limits": {"in_range": {"at_least": 0.9}}}
    c = compared(ab_suite(tmp_path, gate=gate))
    (limit,) = c.limits
    assert limit.n_scenarios == 80
    assert limit.status == "met"


def test_guards_and_slices_are_judged_on_both_sides(tmp_path: Path) -> None:
    def worse(scenario: str, version: str) -> Row:
        miss = version == "v2" and int(scenario[1:]) % 4 == 2
        return {"text": answer_text(5 if miss else good_score(scenario))}

    gate = POLICY | {
        "slices": ["scenario_type"],
        "guard": [{"metric": "in_range", "where": {"scenario_type": "threat"}, "margin": 0.2}],
    }
    c = compared(ab_suite(tmp_path, worse, gate=gate))
    (guard,) = [d for d in c.differences if d.slice and d.gating]
    assert guard.verdict is Verdict.REGRESSED
    assert guard.scenarios_by_side == (20, 20)
    hints = {
        d.slice.value: d.verdict
        for d in c.differences
        if d.slice and not d.gating and d.metric == "in_range"
    }
    assert hints["threat"] is Verdict.REGRESSED
    assert Verdict.REGRESSED not in {v for k, v in hints.items() if k != "threat"}


def test_every_report_says_unpaired(tmp_path: Path) -> None:
    c = compared(ab_suite(tmp_path))
    design = comparison_json(c)["design"]
    assert design["label"] == "unpaired, randomised"
    assert design["allocation"][0]["units"] == {"baseline": 80, "candidate": 80}
    project = open_project(str(tmp_path / "promptreg.yaml"))
    names = ["x.html", "x.json", "x.md", "x.junit.xml", "x.csv", "x.parquet"]
    out = [str(tmp_path / name) for name in names]
    write_reports(c, plan_reports(project.plugins.reporters, out))
    for path in out[:5]:
        assert "unpaired, randomised" in Path(path).read_text("utf-8"), path


def test_no_scenario_is_said_not_to_have_become_worse(tmp_path: Path) -> None:
    found = open_suite(str(ab_suite(tmp_path, n=20))).compare("v1", "v2")
    assert found.changes.empty
    assert "answered by one version only" in repr(found.worst())


def test_pairs_are_called_pairs(tmp_path: Path) -> None:
    both = {name: "v1" if alternate(name) == "v2" else "v2" for name in scenario_ids(20)}
    c = compared(ab_suite(tmp_path, n=20, also=both, design=None))
    told = comparison_json(c)
    assert told["design"]["kind"] == "paired"
    assert told["comparisons"][0]["scenarios_by_side"] is None
    assert "unpaired" not in digest.facts(c)
