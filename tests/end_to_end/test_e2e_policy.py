"""Policies through the command line, over recorded completions: guards, limits, presets, parts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from promptreg.cli.app import run as promptreg
from suite_factory import KINDS, answer_text, good_score, record, scenario_ids, write_suite

Row = Callable[[int, str], Mapping[str, Any]]
RECORDED = {"use": "recorded", "path": "completions.jsonl"}
RISK = {"use": "risk_range"}


def answered(i: int, version: str) -> Mapping[str, Any]:
    text = answer_text(good_score(f"s{i:04d}"))
    return {"text": text, "latency_s": 1.0 + i % 7 / 10, "prompt_tokens": 100 + i % 5}


def threat(i: int) -> bool:
    return KINDS[i % 4] == "threat"


class Suite:
    """A suite on recorded completions, and the command on it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capsys = capsys

    def write(
        self,
        gate: Mapping[str, Any],
        row: Row = answered,
        *,
        n: int = 120,
        scorers: tuple[Mapping[str, Any], ...] = (RISK,),
        **keys: Any,
    ) -> None:
        keys = {"provider": RECORDED, "gate": {"margins": {"overall": 0.1}} | dict(gate)} | keys
        write_suite(self.folder, n=n, scorers=scorers, **keys)
        record(
            self.folder / "completions.jsonl",
            (
                {"scenario_id": name, "version": v, "completion_tokens": 50} | dict(row(i, v))
                for v in ("v1", "v2")
                for i, name in enumerate(scenario_ids(n))
            ),
        )

    def __call__(self, *arguments: str) -> tuple[int, str]:
        code = promptreg([*arguments, "-c", str(self.folder)])
        shown = self.capsys.readouterr()
        return code, shown.out + shown.err

    def json(self, *arguments: str) -> Any:
        code, text = self(*arguments, "--json")
        found = json.loads(text)
        if "gate" in found and arguments[0] == "gate":
            assert found["gate"]["exit_code"] == code
        return found


@pytest.fixture
def suite(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Suite:
    return Suite(tmp_path, capsys)


def slower(i: int, version: str) -> Mapping[str, Any]:
    more = {"latency_s": 3.0} if version == "v2" and threat(i) else {}
    return {**answered(i, version), **more}


def longer(i: int, version: str) -> Mapping[str, Any]:
    more = {"prompt_tokens": 400} if version == "v2" and threat(i) else {}
    return {**answered(i, version), **more}


def refusing(i: int, version: str) -> Mapping[str, Any]:
    if version == "v2" and threat(i):
        return {"error": "refused: I can't help with that"}
    return answered(i, version)


def rambling(i: int, version: str) -> Mapping[str, Any]:
    return {"text": "It looks fine."} if version == "v2" and threat(i) else answered(i, version)


@pytest.mark.parametrize(
    ("metric", "scorer", "margin", "row"),
    [
        ("latency", {"use": "latency"}, 1.2, slower),
        ("tokens", {"use": "tokens"}, 1.2, longer),
        ("cost", {"use": "cost"}, 1.2, longer),
        ("refused", {"use": "failures"}, 0.05, refusing),
        ("parse_failed", {"use": "failures"}, 0.05, rambling),
        ("answered", {"use": "answered"}, 0.05, rambling),
    ],
)
def test_guards_on_the_bill_the_time_and_failures(
    suite: Suite, metric: str, scorer: Mapping[str, Any], margin: float, row: Row
) -> None:
    guard = {"metric": metric, "where": {"scenario_type": "threat"}, "margin": margin}
    provider = RECORDED | {"prices": {"prompt": 10, "completion": 10}}
    suite.write({"guard": [guard]}, row, scorers=(RISK, scorer), provider=provider)
    found = suite.json("gate", "v1", "v2")
    (line,) = [c for c in found["comparisons"] if c["slice"] and c["gating"]]
    assert (line["metric"], line["margin"], line["n_scenarios"]) == (metric, margin, 30)
    assert line["verdict"] == "regressed", line
    assert f"{metric} (scenario_type=threat) regressed" in found["gate"]["reasons"]
    suite.write({"guard": [guard]}, answered, scorers=(RISK, scorer), provider=provider)
    calm = suite.json("gate", "v1", "v2")
    (line,) = [c for c in calm["comparisons"] if c["slice"] and c["gating"]]
    assert line["verdict"] != "regressed"
    assert calm["gate"]["exit_code"] == 0, calm["gate"]


def test_failures_stay_out_of_the_composite(suite: Suite) -> None:
    suite.write({}, refusing, scorers=(RISK, {"use": "failures"}))
    with_them = suite.json("compare", "v1", "v2")["comparisons"]
    suite.write({}, refusing)
    without = suite.json("compare", "v1", "v2")["comparisons"]
    one, other = (next(c for c in x if c["metric"] == "overall") for x in (with_them, without))
    assert one["difference"] == other["difference"]


def test_unequal_failures_are_said_before_the_numbers(suite: Suite) -> None:
    suite.write({}, refusing)
    found = suite.json("compare", "v1", "v2")
    said = [w for w in found["warnings"] if "counts as the worst value" in w]
    assert said == [
        "0 of 120 trials of the baseline and 30 of 120 trials of the candidate failed (p <.001); "
        "each counts as the worst value on every quality metric"
    ]
    shown = suite("compare", "v1", "v2")[1]
    assert shown.index("30 of 120 trials") < shown.index("All scenarios")


def test_every_report_says_insufficient(suite: Suite) -> None:
    rows = [
        {
            "id": f"s{i:04d}",
            "detections": "x",
            "kind": "rare" if i < 3 else "usual",
            "ground_truth": {"risk_range": [0, 25]},
        }
        for i in range(120)
    ]
    guard = {"metric": "in_range", "where": {"kind": "rare"}}
    suite.write(
        {"guard": [guard], "slices": ["kind"]}, lambda i, v: {"text": answer_text(10)}, rows=rows
    )
    names = ("r.json", "r.md", "r.html", "r.junit.xml", "r.csv")
    outputs = [x for name in names for x in ("-o", str(suite.folder / name))]
    code, shown = suite("gate", "v1", "v2", *outputs)
    assert code == 3
    assert "insufficient (n=3 of 6)" in shown
    assert "guarded and has too few families (3 of 6)" in " ".join(shown.split())
    for name in ("r.md", "r.html", "r.junit.xml"):
        assert "insufficient (n=3 of 6)" in (suite.folder / name).read_text("utf-8"), name
    found = json.loads((suite.folder / "r.json").read_text("utf-8"))
    rare = [c for c in found["comparisons"] if c["slice"] and c["slice"]["value"] == "rare"]
    assert {(c["verdict"], c["insufficient"], c["min_clusters"]) for c in rare} == {
        ("inconclusive", True, 6)
    }
    assert "insufficient" in (suite.folder / "r.csv").read_text("utf-8").splitlines()[0]
    checked = suite("validate")[1]
    assert "in_range (kind=rare) is guarded and has 3 of the 6 families" in checked


PRESET = "home_security_criteria"


def test_the_preset_from_validate_to_report(suite: Suite) -> None:
    suite.write({"use": PRESET})
    checked = suite("validate")[1]
    assert "the policy starts from the preset home_security_criteria" in checked
    for name in ("context_usage", "iou"):
        assert f"not measured: no scorer gives {name}; the gate cannot pass" in checked
    found = suite.json("gate", "v1", "v2")
    assert found["gate"]["exit_code"] == 3
    assert found["preset"] == PRESET
    assert {c["name"]: c["status"] for c in found["criteria"]} == {
        "scenario_type": "present",
        "context_usage": "not_measured",
        "iou": "not_measured",
    }
    (limit,) = found["limits"]
    assert limit["share_within"] == {"comparison": "below", "value": 15}
    assert (limit["status"], limit["value"], limit["must"]) == ("met", 1, "shown")
    suite.write({"use": PRESET, "drop": ["context_usage", "iou"]})
    names = ("r.md", "r.html", "r.junit.xml")
    outputs = [x for name in names for x in ("-o", str(suite.folder / name))]
    code, shown = suite("gate", "v1", "v2", *outputs)
    assert code == 0, shown
    for text in (shown, *((suite.folder / n).read_text("utf-8") for n in names)):
        assert "dropped (by the suite: gate.drop)" in " ".join(text.split())


def test_the_preset_is_listed(suite: Suite) -> None:
    code = promptreg(["plugins", "list", "--json"])
    listed = json.loads(suite.capsys.readouterr().out)["presets"]
    assert code == 0
    (home,) = [p for p in listed if p["name"] == PRESET]
    assert home["criteria"] == ["deviation", "context_usage", "iou", "scenario_type"]
    assert home["settings"]["limits"]["deviation"]["share"] == {"below": 15.0, "at_least": 0.9}
    promptreg(["plugins", "list"])
    assert f"policy preset {PRESET}" in suite.capsys.readouterr().out


def test_scenario_types_that_are_missing_are_said_without_a_model(suite: Suite) -> None:
    needed = {"scenario_type": [*KINDS, "flood"]}
    suite.write({"require_values": needed})
    assert "no scenario has scenario_type=flood; the gate cannot pass" in suite("validate")[1]
    assert suite.json("gate", "v1", "v2")["gate"]["exit_code"] == 3
    suite.write({"require_values": {"scenario_typ": ["threat"]}})
    assert "did you mean 'scenario_type'" in suite("validate")[1]


def test_a_filtered_gate_can_accuse_and_never_pass(suite: Suite) -> None:
    guard = {"metric": "in_range", "where": {"scenario_type": "threat"}}
    suite.write({"inconclusive": "allow", "guard": [guard]})
    assert suite.json("gate", "v1", "v2")["gate"]["exit_code"] == 0
    assert suite.json("gate", "v1", "v2", "--template", "basic")["gate"]["exit_code"] == 0
    for part in (["-n", "100"], ["--filter", "scenario_type=normal"]):
        gate = suite.json("gate", "v1", "v2", *part)["gate"]
        assert (gate["verdict"], gate["exit_code"]) == ("inconclusive", 3)
        assert any("a part can accuse, and never pass" in r for r in gate["reasons"])

    def wrong(i: int, version: str) -> Mapping[str, Any]:
        return answered(i + (version == "v2"), version)

    suite.write({}, wrong)
    gate = suite.json("gate", "v1", "v2", "-n", "60")["gate"]
    assert (gate["verdict"], gate["exit_code"]) == ("fail", 1)


def test_a_gap_limit_ends_with_4_and_a_report(suite: Suite) -> None:
    def lossy(i: int, version: str) -> Mapping[str, Any]:
        lost = {"error": "http_status: 503"}
        return lost if version == "v2" and i < 6 else answered(i, version)

    suite.write({"limits": {"gap_rate": {"at_most": 0.02}}}, lossy)
    found = suite.json("gate", "v1", "v2", "-o", str(suite.folder / "r.md"))
    assert (found["gate"]["verdict"], found["gate"]["exit_code"]) == ("inconclusive", 4)
    assert "gap_rate: 5.0% of trials are gaps" in found["gate"]["reasons"][0]
    assert "gap_rate at most 2.0%: NOT MET (5.0%" in (suite.folder / "r.md").read_text("utf-8")


def test_the_example_with_the_preset_is_honest(capsys: pytest.CaptureFixture[str]) -> None:
    example = Path(__file__).parents[2] / "examples/home_security/criteria.yaml"
    code = promptreg(["gate", "v1", "v2", "--json", "-c", str(example)])
    found = json.loads(capsys.readouterr().out)
    assert code == found["gate"]["exit_code"] == 1
    missed = [limit["name"] for limit in found["limits"] if limit["status"] == "not_met"]
    assert missed == ["deviation"]
    assert [c["name"] for c in found["criteria"] if c["status"] == "dropped"] == [
        "context_usage",
        "iou",
    ]
