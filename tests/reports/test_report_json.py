"""The JSON report: its keys are a contract, its values are finite, its text can be encoded."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from comparison_factory import hostile_comparison, make_comparison
from promptreg.errors import ExitCode
from promptreg.stages.report import comparison_json, dump_json
from promptreg.verdicts import Comparison, Counts, Gate, GateVerdict, Side
from promptreg_plugins.reporters.as_json import JsonReporter

ENTRY = {
    "template", "metric", "slice", "kind", "unit", "direction", "n_scenarios", "n_clusters",
    "repeats", "baseline", "candidate", "difference", "interval", "level", "p_value",
    "p_adjusted", "effect_size", "test", "margin", "verdict", "gating", "discordant",
    "detectable_difference", "missing",
}  # fmt: skip


def refuse(constant: str) -> float:
    raise AssertionError(f"{constant} in JSON")


def load(comparison: Comparison) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(dump_json(comparison), parse_constant=refuse)
    return found


def test_top_level_keys() -> None:
    whole = load(make_comparison())
    assert whole["schema_version"] == "1"
    assert whole["suite"] == "home_security"
    assert {"gate", "comparisons", "trials", "cost", "duration_s"} <= set(whole)
    for side in ("baseline", "candidate"):
        assert {"label", "template_hash", "run_id", "fingerprints", "templates"} <= set(whole[side])
    assert whole["gate"] == {
        "verdict": "fail",
        "reasons": ["in_range regressed", "in_range (scenario_type=threat) regressed"],
        "exit_code": 1,
    }


def test_every_entry_has_the_contract_keys() -> None:
    for entry in load(make_comparison())["comparisons"]:
        assert set(entry) >= ENTRY
        assert set(entry["effect_size"]) == {"name", "value"}
        assert set(entry["missing"]) == {"baseline", "candidate"}
        assert entry["slice"] is None or set(entry["slice"]) == {"attribute", "value"}
        assert entry["interval"][0] <= entry["difference"] <= entry["interval"][1]
        assert (entry["discordant"] is not None) == (entry["kind"] == "binary")


def test_values_are_not_rounded() -> None:
    comparison = make_comparison()
    by_key = {(d.template, d.metric): d for d in comparison.differences if d.slice is None}
    for entry in load(comparison)["comparisons"]:
        if entry["slice"] is None:
            d = by_key[entry["template"], entry["metric"]]
            assert entry["difference"] == d.difference
            assert entry["interval"] == list(d.interval or ())


def test_one_template_gives_its_own_hash_and_run() -> None:
    side = comparison_json(make_comparison(templates=("basic",)))["candidate"]
    assert side["template_hash"] == "2b" * 32
    assert side["run_id"] == "basic-run-2"
    assert side["templates"] == {"basic": {"template_hash": "2b" * 32, "run_id": "basic-run-2"}}


def test_several_templates_are_joined_by_name() -> None:
    side = comparison_json(make_comparison(templates=("enriched", "basic")))["candidate"]
    lines = f"basic:{'2b' * 32}\nenriched:{'2b' * 32}"
    assert side["template_hash"] == hashlib.sha256(lines.encode()).hexdigest()
    assert side["run_id"] == "basic-run-2+enriched-run-2"


def test_failed_trials_by_cause_and_side() -> None:
    trials = load(make_comparison())["trials"]
    assert trials["failed"]["timeout"] == {"baseline": 2, "candidate": 4}
    assert trials["failed"]["refused"] == {"baseline": 0, "candidate": 1}
    assert trials["failed_total"] == {"baseline": 3, "candidate": 13}
    assert (trials["planned"], trials["cached"], trials["called"]) == (2400, 600, 600)


def test_no_nan_and_no_infinity_anywhere() -> None:
    comparison = make_comparison()
    broken = dataclasses.replace(
        comparison.differences[0],
        baseline=math.nan,
        candidate=math.inf,
        interval=(-math.inf, 0.1),
        ratio=(1.0, math.nan, math.inf),
        effect_size=("d", math.nan),
        margin=-0.0,
    )
    odd = dataclasses.replace(
        comparison, differences=(broken,), cost=math.inf, complete_case={"x": math.nan}
    )
    whole = load(odd)
    entry = whole["comparisons"][0]
    assert entry["baseline"] is None
    assert entry["interval"] is None
    assert entry["ratio"] is None
    assert entry["effect_size"] == {"name": "d", "value": None}
    assert str(entry["margin"]) == "0.0"
    assert whole["cost"] is None


def test_hostile_text_can_be_encoded_and_is_bounded() -> None:
    comparison = hostile_comparison()
    text = dump_json(comparison)
    text.encode("utf-8")
    assert len(text) < 1_500_000
    whole = json.loads(text, parse_constant=refuse)
    flooded = whole["worst_scenarios"][3]["candidate"]["answer"]
    assert flooded["risk_score"] is None
    assert flooded["n"] == f"integer of {(10**5000).bit_length()} bits"
    assert len(flooded["reasoning"]) < 1_100
    assert "\x1b" not in text


def test_numpy_values_in_ground_truth_become_plain() -> None:
    comparison = make_comparison()
    change = dataclasses.replace(
        comparison.changes[0],
        ground_truth={"risk_range": np.array([1.0, np.nan]), "n": np.int64(3)},
    )
    whole = load(dataclasses.replace(comparison, changes=(change,)))
    assert whole["worst_scenarios"][0]["ground_truth"] == {"n": 3, "risk_range": [1.0, None]}


def test_order_of_the_comparison_does_not_matter() -> None:
    comparison = make_comparison()
    turned = dataclasses.replace(comparison, differences=comparison.differences[::-1])
    assert dump_json(comparison) == dump_json(turned)


def test_empty_comparison() -> None:
    side = Side("v1", {}, {}, {})
    empty = Comparison(
        suite="s", baseline=side, candidate=side,
        gate=Gate(GateVerdict.INCONCLUSIVE, (), ExitCode.INCONCLUSIVE),
        differences=(), limits=(), counts=Counts(0, 0, 0, {}), cost=None, duration_s=0.0,
        alpha=0.05, policy_sha256="", provider="", synthetic=True, created_at="",
    )  # fmt: skip
    whole = load(empty)
    assert whole["comparisons"] == []
    assert whole["baseline"]["template_hash"] is None
    assert whole["baseline"]["run_id"] is None


@pytest.mark.parametrize("make", [make_comparison, hostile_comparison])
def test_reporter_writes_what_the_command_prints(make: Any, tmp_path: Path) -> None:
    comparison = make()
    JsonReporter().write(comparison, tmp_path / "x.json")
    assert (tmp_path / "x.json").read_bytes() == dump_json(comparison).encode()
