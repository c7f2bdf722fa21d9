"""What every report says of the gate's own error rates."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from comparison_factory import CALIBRATED, make_comparison
from promptreg.cli.view import render_comparison
from promptreg.stages.report import comparison_json
from promptreg.stages.report.digest import calibration_words
from promptreg.verdicts import Calibration, CalibrationState, Comparison
from promptreg_plugins.reporters.as_markdown import markdown
from promptreg_plugins.reporters.html.page import page

FRESH = "this gate's own false-alarm rate: 1.8 % [0.7, 3.6] (400 A/A gates, 2026-11-20)"
STALE = "calibration of 2026-11-20 does not fit: policy changed since, it is 40 days old"


def shown(comparison: Comparison, *, verbose: bool = False) -> str:
    out = StringIO()
    console = Console(file=out, width=200, markup=False, highlight=False)
    render_comparison(comparison, console, verbose=verbose)
    return out.getvalue()


def of(state: CalibrationState) -> Comparison:
    made = make_comparison()
    if state is CalibrationState.NONE:
        return replace(made, calibration=Calibration())
    reasons = ("policy changed since", "it is 40 days old")
    if state is CalibrationState.STALE:
        return replace(made, calibration=replace(CALIBRATED, state=state, reasons=reasons))
    return made


@pytest.mark.parametrize(
    ("state", "words"), [(CalibrationState.FRESH, FRESH), (CalibrationState.STALE, STALE)]
)
def test_one_line_says_it_everywhere(state: CalibrationState, words: str) -> None:
    comparison = of(state)
    assert calibration_words(comparison) == words
    assert words in shown(comparison)
    assert words.split("[")[0].split(":")[0].replace("'", "&#39;") in page(comparison)
    assert words.split(":")[0] in markdown(comparison)


def test_a_gate_never_calibrated_hints_in_the_footer_alone() -> None:
    comparison = of(CalibrationState.NONE)
    assert "calibrat" not in shown(comparison)
    assert "not calibrated: 'promptreg calibrate'" in shown(comparison, verbose=True)
    assert "not calibrated" in page(comparison).split("<footer>")[1]
    assert "not calibrated" in markdown(comparison).splitlines()[-1]


def test_json_holds_rates_and_power() -> None:
    found: Any = json.loads(json.dumps(comparison_json(make_comparison())))["calibration"]
    assert found["state"] == "fresh"
    assert found["false_alarm"] == {
        "count": 7,
        "of": 400,
        "share": 0.0175,
        "interval": [0.0071, 0.0357],
    }
    (power,) = found["power"]
    assert power["slice"] == {"attribute": "scenario_type", "value": "threat"}
    none: Any = comparison_json(of(CalibrationState.NONE))["calibration"]
    assert (none["state"], none["false_alarm"], none["created_at"]) == ("none", None, None)
