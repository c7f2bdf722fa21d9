"""The fixtures for scenarios: columns, types, and what their slips were decided to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from promptreg.pipeline.project import open_project
from pytest_promptreg.frame import PromptInput, by_type, frame_of, key_points
from recorded_suite import write_recorded
from suite_factory import write_suite

Run = Callable[..., pytest.RunResult]


def frame(folder: Path, rows: Sequence[Mapping[str, Any]], **keys: Any) -> Any:
    write_suite(folder, rows=rows, templates={"v1": "{seen}"}, provider={"use": "scripted"}, **keys)
    return frame_of(open_project(str(folder)))


ROWS: list[dict[str, Any]] = [
    {
        "scenario_id": "a",
        "seen": "a cat",
        "kind": "normal",
        "deviation": 0.5,
        "ground_truth": {"risk_range": [0, 25], "reasoning_key_points": ["cat", "night"]},
    },
    {
        "scenario_id": "b",
        "seen": "a man",
        "kind": "threat",
        "ground_truth": {"risk_range": "70-100", "should_trigger_alert": True},
    },
]


def test_all_columns_and_what_is_known_right(tmp_path: Path) -> None:
    found = frame(tmp_path, ROWS)
    first, second = found.itertuples()
    assert (first.id, first.scenario_id, first.seen, first.deviation) == ("a", "a", "a cat", 0.5)
    assert first.ground_truth_risk_range == (0, 25)
    assert second.ground_truth_risk_range == (70, 100)
    assert second.ground_truth_should_trigger_alert is True
    assert first.ground_truth["risk_range"] == [0, 25]
    assert first.reasoning_key_points == ["cat", "night"]
    assert second.reasoning_key_points == []
    assert first.templates == ("basic",)
    assert pd.isna(second.deviation)


def test_the_prompt_input_knows_its_scenario(tmp_path: Path) -> None:
    found = frame(tmp_path, ROWS)
    kept = found[found.kind == "threat"].copy()
    (row,) = kept.itertuples()
    assert isinstance(row.formatted_prompt_input, PromptInput)
    assert row.formatted_prompt_input.scenario_id == "b"
    assert '"seen": "a man"' in row.formatted_prompt_input
    assert "70" not in row.formatted_prompt_input, "what is right is not told to the model"


def test_a_prompt_input_of_one_s_own_stays(tmp_path: Path) -> None:
    rows = [{"id": "a", "seen": "x", "formatted_prompt_input": "A cat is seen."}]
    (row,) = frame(tmp_path, rows).itertuples()
    assert row.formatted_prompt_input == "A cat is seen."
    assert row.formatted_prompt_input.scenario_id == "a"


def test_which_templates_serve_a_scenario(tmp_path: Path) -> None:
    found = frame(tmp_path, ROWS, select={"basic": {"kind": "threat"}})
    assert list(found.templates) == [(), ("basic",)]


@pytest.mark.parametrize(
    ("value", "points"),
    [
        (["cat", "night"], ["cat", "night"]),
        ("- a cat\n- at night\n", ["a cat", "at night"]),
        ("1. a cat\n2) at night", ["a cat", "at night"]),
        ("a cat; at night", ["a cat", "at night"]),
        ("a cat at night", ["a cat at night"]),
        ("", []),
        (None, []),
    ],
)
def test_key_points_are_never_letters(value: Any, points: list[str]) -> None:
    assert key_points({"reasoning_key_points": value}) == points
    assert key_points({"key_points": value}) == points


def test_groups_by_a_column(tmp_path: Path) -> None:
    groups = by_type(frame(tmp_path, ROWS), "kind")
    assert list(groups) == ["normal", "threat"]
    assert list(groups["threat"].id) == ["b"]
    with pytest.raises(
        KeyError, match=r"'thread' \(did you mean 'threat'\?\); there are: 'normal'"
    ):
        groups["thread"]


def test_the_session_s_suite_is_found_upward_named_or_in_the_ini(
    run: Run, pytester: pytest.Pytester
) -> None:
    write_recorded(pytester.path / "deep" / "suite", n=8)
    path = pytester.makepyfile(
        """
        def test_suite(promptreg_suite, promptreg_scenarios, synthetic_scenarios, scenario_by_type):
            assert promptreg_suite.suite.suite == "faults"
            assert len(promptreg_scenarios) == 8
            assert synthetic_scenarios is promptreg_scenarios
            assert list(scenario_by_type) == ["normal", "suspicious", "threat", "edge_case"]
            assert len(scenario_by_type["threat"]) == 2
        """
    )
    run(path.name, "--promptreg-config=deep/suite").assert_outcomes(passed=1)
    result = run(path.name)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["promptreg: no promptreg.yaml in *; 'promptreg init' makes one*"])
    ini = Path("pytest.ini")
    ini.write_text(ini.read_text("utf-8") + "\npromptreg_config = deep/suite/promptreg.yaml\n")
    run(path.name).assert_outcomes(passed=1)


def test_the_ini_says_what_a_type_is(run: Run, pytester: pytest.Pytester) -> None:
    write_recorded(pytester.path, n=8)
    pytester.makepyfile("def test_types(scenario_by_type): assert len(scenario_by_type) == 8")
    run("-o", "promptreg_type_attribute=detections").assert_outcomes(passed=1)
    result = run("-o", "promptreg_type_attribute=scenario_typ")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*no column is called 'scenario_typ' (did you mean 'scenario_ty*"])
