"""JUnit: verdicts as test cases, in XML that any parser takes."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from comparison_factory import HOSTILE, hostile_comparison, make_comparison
from promptreg.verdicts import Comparison, GateVerdict
from promptreg_plugins.reporters.as_junit import JunitReporter


def parse(comparison: Comparison, folder: Path) -> ET.Element:
    path = folder / "x.junit.xml"
    JunitReporter().write(comparison, path)
    return ET.fromstring(path.read_bytes())


def cases(root: ET.Element, suite: str) -> dict[str, str]:
    found = {}
    for case in root.iterfind(f"testsuite[@name='{suite}']/testcase"):
        tags = [child.tag for child in case if child.tag != "system-out"]
        found[case.get("name", "")] = tags[0] if tags else "passed"
    return found


def test_one_case_per_metric_guard_and_limit(tmp_path: Path) -> None:
    root = parse(make_comparison(), tmp_path)
    assert cases(root, "basic") == {
        "overall": "passed",
        "in_range": "failure",
        "deviation": "passed",
        "key_points": "skipped",
        "answered": "skipped",
        "false_alarm": "passed",
        "relevance": "passed",
        "latency": "passed",
        "tokens": "passed",
        "in_range (scenario_type=threat)": "failure",
        "limit: in_range at least 80.0%": "skipped",
        "limit: answered at least 98.0%": "failure",
    }


def test_totals_add_up(tmp_path: Path) -> None:
    root = parse(make_comparison(), tmp_path)
    for node in (root, *root):
        cases_below = list(node.iter("testcase"))
        assert int(node.get("tests", "")) == len(cases_below)
        assert int(node.get("failures", "")) == len(list(node.iter("failure")))
        assert int(node.get("skipped", "")) == len(list(node.iter("skipped")))


@pytest.mark.parametrize(
    ("verdict", "result"),
    [
        (GateVerdict.PASS, "passed"),
        (GateVerdict.FAIL, "failure"),
        (GateVerdict.INCONCLUSIVE, "skipped"),
    ],
)
def test_the_gate_is_a_case(verdict: GateVerdict, result: str, tmp_path: Path) -> None:
    root = parse(make_comparison(verdict=verdict), tmp_path)
    assert cases(root, "gate") == {"v2 against v1": result}


def test_what_does_not_gate_cannot_fail(tmp_path: Path) -> None:
    comparison = make_comparison(templates=("basic",))
    rows = tuple(dataclasses.replace(d, gating=False) for d in comparison.differences)
    root = parse(dataclasses.replace(comparison, differences=rows, limits=()), tmp_path)
    assert set(cases(root, "basic").values()) == {"passed"}


def test_hostile_text_is_legal_and_inert(tmp_path: Path) -> None:
    root = parse(hostile_comparison(), tmp_path)
    tags = {node.tag for node in root.iter()}
    assert tags == {"testsuites", "testsuite", "testcase", "failure", "skipped", "system-out"}
    names = [case.get("name", "") for case in root.iter("testcase")]
    assert any("<script>" in name for name in names)
    raw = (tmp_path / "x.junit.xml").read_bytes()
    assert b"<script>" not in raw
    assert b"\x1b" not in raw
    assert HOSTILE.encode("utf-8", "replace") not in raw


def test_readers_find_what_they_demand(tmp_path: Path) -> None:
    # Jenkins, GitLab and the reporters of GitHub: times as numbers, a timestamp without a zone,
    # counts on every level, and one result at most in a case, before its output.
    root = parse(make_comparison(templates=("basic", "enriched")), tmp_path)
    assert float(root.get("time", "")) > 0
    seen = set()
    for suite in root:
        assert re.fullmatch(r"\d{4}(-\d\d){2}T\d\d(:\d\d){2}", suite.get("timestamp", ""))
        assert {"tests", "failures", "errors", "skipped", "time", "name"} <= set(suite.keys())
        assert all(child.tag == "testcase" for child in suite)
        for case in suite:
            name = (case.get("classname"), case.get("name"))
            assert name not in seen, "readers take equal names for one test"
            seen.add(name)
            assert float(case.get("time", "")) >= 0
            tags = [child.tag for child in case]
            assert tags in (
                *(["system-out"], ["failure"], ["skipped"], []),
                *(["failure", "system-out"], ["skipped", "system-out"]),
            )
            for failure in case.iterfind("failure"):
                assert failure.get("type")
                assert failure.get("message")
    assert sum(float(c.get("time", "")) for c in root.iter("testcase")) == pytest.approx(
        float(root.get("time", "")), abs=0.001
    )
