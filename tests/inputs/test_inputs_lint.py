"""What `promptreg validate` finds before a call is made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from promptreg.records import Scenario, ScenarioSet, Template
from promptreg.stages.lint import (
    Finding,
    lint_pair,
    lint_problems,
    lint_prompts,
    lint_scenarios,
    lint_select,
    lint_wording,
)
from promptreg.stages.load import matches
from promptreg.stages.render import check_rendering, compile_template, render, with_variables

GOOD = (
    "<|im_start|>system\nYou assess risk. Normal activity is low risk.<|im_end|>\n"
    "<|im_start|>user\nCamera: {camera}\n"
    "Risk levels: low (0-29), medium (30-59), high (60-84), critical (85-100)\n"
    'Output JSON: {{"risk_score": N, "risk_level": "level"}}<|im_end|>\n<|im_start|>assistant\n'
)


def version(text: str, engine: str = "format", label: str = "v1") -> Template:
    template = Template("basic", label, engine, text)
    return with_variables(template, compile_template(template))


def codes(findings: Sequence[Finding]) -> list[str]:
    return [f.code for f in findings]


def scenario(i: int, /, **parts: Any) -> Scenario:
    variables = parts.pop("variables", {"camera": f"c{i}"})
    return Scenario(f"s{i}", variables, **{"family": f"f{i}", **parts})


def dataset(*scenarios: Scenario) -> ScenarioSet:
    return ScenarioSet(scenarios, "", "s.jsonl", len(scenarios))


def test_a_good_template_has_no_findings() -> None:
    assert lint_wording(version(GOOD), ["camera", "risk_score"]) == []
    jinja = GOOD.replace("{{", "{").replace("}}", "}").replace("{camera}", "{{ camera }}")
    assert lint_wording(version(jinja, "jinja"), ["camera"]) == []


@pytest.mark.parametrize(
    ("text", "engine", "finds"),
    [
        ("{{camera}}", "format", True),
        ("{{ camera }}", "format", True),
        ("{{other}} {camera}", "format", False),
        ("{camera}", "jinja", True),
        ("{{ camera }}", "jinja", False),
        ("{camera}", "raw", True),
        ("{{camera}}", "raw", True),
        ("$camera", "format", True),
        ("${camera}", "jinja", True),
        ("%(camera)s", "format", True),
        ("<camera>", "format", True),
        ("<camera>{camera}</camera>", "format", False),
        ("$other <other> %(other)s", "format", False),
    ],
)
def test_braces_that_look_like_variables(text: str, engine: str, finds: bool) -> None:
    found = lint_wording(version(text, engine), ["camera"])
    assert codes(found) == (["literal-variable"] if finds else [])
    if finds:
        assert "'camera' is a column" in found[0].message


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Risk levels: low, moderate, high, critical", ["moderate"]),
        ('"risk_level": "low|elevated|severe"', ["elevated", "severe"]),
        ("risk level is one of none, low, medium or high", ["none"]),
        ("| LOW | MODERATE | HIGH |", ["moderate"]),
        ("80% of events are LOW risk (0-29): Normal activity, minor things", []),
        ("Moderate your language.", []),
        ("Severe weather raises the risk", []),
        ("low (0-29): normal activity, medium (30-59)", []),
    ],
)
def test_level_words_the_schema_does_not_know(line: str, words: list[str]) -> None:
    found = lint_wording(version(line, "raw"), [])
    assert [f.message.split("'")[1] for f in found] == words
    assert all("answers may only say low, medium, high, critical" in f.message for f in found)


def test_own_levels_are_known() -> None:
    template = version("Risk levels: low, moderate, severe", "raw")
    assert lint_wording(template, [], ["low", "moderate", "severe"]) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<|im_start|>user\nx<|im_end|>", "no turn is open at the end"),
        ("<|im_start|>user\nx<|im_start|>assistant\n", "line 2: <|im_start|> before the last turn"),
        ("<|im_start|>user\nx<|im_end|>\n<|im_end|>", "line 3: <|im_end|> without a turn"),
        ("<|im_start|>user\nx", "the turn open at the end is 'user', not 'assistant'"),
    ],
)
def test_unbalanced_turns(text: str, message: str) -> None:
    (found,) = lint_wording(version(text, "raw"), [])
    assert found.code == "unbalanced-turns"
    assert message in found.message


def test_two_versions() -> None:
    one, two = version("{a} {b}"), version("{a} {c}", label="v2")
    found = lint_pair(one, two, [])
    assert [(f.code, f.where) for f in found] == [
        ("unused-variable", "basic@v2"),
        ("unused-variable", "basic@v1"),
    ]
    assert "does not use b, which v1 uses" in found[0].message
    assert lint_pair(one, two, ["b", "c"]) == []
    assert codes(lint_pair(one, version("{a} {b}", label="v2"), [])) == ["identical-versions"]


def test_problems_are_gathered_by_kind() -> None:
    template = version("{camera} {zone} {gone}")
    rows = [
        scenario(
            i, variables={"camera": "<|im_end|>" if i == 1 else "c", "zone": None if i else "z"}
        )
        for i in range(9)
    ]
    renderer = compile_template(template)
    found = lint_problems(template, check_rendering(renderer, rows))
    assert all(f.level == "error" and f.where == "basic@v1" for f in found)
    assert codes(found) == ["missing-variable", "null-variable"]
    assert "(scenario s1, s2, s3, s4, s5 and 3 more)" in found[1].message
    camera = version("{camera}")
    found = lint_problems(camera, check_rendering(compile_template(camera), rows))
    assert codes(found) == ["role-token"]
    assert "(scenario s1)" in found[0].message


def test_prompts_that_say_the_same_or_too_much() -> None:
    def found(text: str, rows: list[Scenario]) -> list[Finding]:
        template = version(text)
        renderer = compile_template(template)
        return lint_prompts(template, rows, lambda s: render(renderer, s).text)

    rows = [scenario(i, variables={"camera": f"c{i % 3}", "big": "x" * 100_001}) for i in range(4)]
    assert found("{camera}", rows[:3]) == []
    (twins,) = found("{camera}", rows)
    assert twins.code == "twin-scenarios"
    assert "s3 = s0" in twins.message
    assert codes(found("constant", rows)) == ["same-prompt"]
    assert codes(found("{camera}{big}", rows[:3])) == ["large-prompt"]
    assert found("{gone}", rows) == []


def test_risk_ranges_and_levels() -> None:
    ranges = [[0, 25], [30, 55], [70, 100], [20, 60], [29.2, 29.8], [0, 100]]
    rows = [scenario(i, ground_truth={"risk_range": r}) for i, r in enumerate(ranges)]
    found = {f.code: f.message for f in lint_scenarios(dataset(*rows))}
    assert list(found) == ["range-across-levels", "range-between-levels", "range-of-everything"]
    assert "in 2 scenarios (s2, s3)" in found["range-across-levels"]
    assert "s4" in found["range-between-levels"]
    assert "s5" in found["range-of-everything"]
    truth = {"risk_range": [20, 60], "risk_levels": ["low", "medium", "high"]}
    assert not lint_scenarios(dataset(scenario(7, ground_truth=truth)))
    truth["risk_levels"] = ["low", "medium"]
    assert lint_scenarios(dataset(scenario(8, ground_truth=truth)))


def test_a_misspelt_name_in_one_ground_truth_is_told_with_the_one_that_is_meant() -> None:
    truths = [{"risk_range": [0, 25], "mood": "calm"}] * 3
    rows = [scenario(i, ground_truth=t) for i, t in enumerate(truths)]
    known = {"risk_range", "label"}
    assert lint_scenarios(dataset(*rows), known) == []
    rows += [
        scenario(3, ground_truth={"risk_ranges": [0, 25], "mood": "calm"}),
        scenario(4, ground_truth={"risk_range": [0, 25], "moood": "calm"}),
        scenario(5, ground_truth={"risk_range": [0, 25], "risk_ranges": [], "range": 1}),
    ]
    range_, mood = lint_scenarios(dataset(*rows), known)
    assert (range_.level, range_.code) == ("warning", "misspelt-truth")
    assert "'risk_ranges' (did you mean 'risk_range'?) in 1 scenario (s3)" in range_.message
    assert "'moood' (did you mean 'mood'?) in 1 scenario (s4)" in mood.message


def test_key_points() -> None:
    points: list[Any] = ["a text", ["a", "bc"], [], ["courier", " "], ["courier", "daylight"]]
    rows = [scenario(i, ground_truth={"reasoning_key_points": p}) for i, p in enumerate(points)]
    found = lint_scenarios(dataset(*rows, scenario(9)))
    assert [(f.level, f.code) for f in found] == [
        ("error", "points-are-text"),
        ("warning", "single-letter-point"),
        ("info", "empty-points"),
    ]
    assert "is a text, not a list, in 1 scenario (s0)" in found[0].message
    assert "s2, s3" in found[2].message


def test_families_and_attributes() -> None:
    rows = [
        scenario(i, family=f"f{max(0, i - 3)}", attributes={"k": "ab"[i == 0]}) for i in range(10)
    ]
    found = {f.code: f.message for f in lint_scenarios(dataset(*rows))}
    assert "the family 'f0' holds 4 of 10 scenarios" in found["huge-family"]
    assert "k: b stands for one scenario only" in found["single-scenario-slice"]
    one = [scenario(i, family="f") for i in range(10)]
    assert codes(lint_scenarios(dataset(*one))) == ["one-family"]
    assert lint_scenarios(dataset(*[scenario(i) for i in range(10)])) == []
    mixed = [scenario(i, attributes={"k": ["Night", "night"][i % 2]}) for i in range(10)]
    assert codes(lint_scenarios(dataset(*mixed))) == ["almost-same-value"]


def test_images_must_exist(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    rows = [scenario(1, images=(str(tmp_path / "a.png"), str(tmp_path / "b.png")))]
    (found,) = lint_scenarios(dataset(*rows))
    assert found.code == "missing-image"
    assert "b.png" in found.message
    assert "a.png" not in found.message


def test_routing() -> None:
    rows = [scenario(i, variables={"tier": "ab"[i % 2]}) for i in range(4)]
    assert lint_select({}, ["basic"], rows, matches) == []
    assert lint_select({"x": {"tier": "a"}, "y": {"tier": ["b"]}}, ["x", "y"], rows, matches) == []
    found = lint_select({"x": {"tier": "a"}, "y": {"tier": "c"}}, ["x", "y"], rows, matches)
    assert [(f.level, f.code, f.where) for f in found] == [
        ("error", "empty-selection", "select.y"),
        ("warning", "unserved-scenarios", "select"),
    ]
    assert "s1, s3" in found[1].message
    assert codes(lint_select({"x": {"teir": "a"}}, ["x"], rows, matches))[0] == "unknown-attribute"
