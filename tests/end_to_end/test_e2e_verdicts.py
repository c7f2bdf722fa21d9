"""Verdicts as exit codes, over recorded completions: compare, gate, labels of what is odd."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from command_line import Promptreg, essence
from suite_factory import answer_text, good_score, record, scenario_ids, write_suite

Score = Callable[[int, str], object]
ERROR = "error"


def recorded_suite(folder: Path, n: int, score: Score, **keys: Any) -> Promptreg:
    """Write a suite whose completions are on file; a score `ERROR: ...` is a failed trial."""
    provider = {"use": "recorded", "path": "completions.jsonl"}
    write_suite(folder, n=n, provider=provider, **keys)
    rows = []
    for version in ("v1", "v2"):
        for i, name in enumerate(scenario_ids(n)):
            found = score(i, version)
            row: dict[str, Any] = {"scenario_id": name, "version": version}
            if isinstance(found, str) and found.startswith(ERROR):
                row["error"] = found.removeprefix(ERROR + ": ")
            elif found is not None:
                row["text"] = answer_text(found)
            if len(row) > 2:
                rows.append(row)
    record(folder / "completions.jsonl", rows)
    return Promptreg(folder)


def good(i: int, version: str) -> object:
    return good_score(f"s{i:04d}")


def worse(i: int, version: str) -> object:
    """Return a score far out of range for every third scenario of the candidate."""
    right = good_score(f"s{i:04d}")
    return (right + 60) % 101 if version == "v2" and i % 3 == 0 else right


def few_lost(i: int, version: str) -> object:
    return None if version == "v2" and i < 3 else good(i, version)


def many_lost(i: int, version: str) -> object:
    return "error: http_status: 503" if version == "v2" and i % 3 == 0 else good(i, version)


@pytest.mark.parametrize(
    ("n", "score", "code", "words"),
    [
        (120, good, 0, "PASS"),
        (120, worse, 1, "regressed"),
        (12, good, 3, "not shown to be no worse"),
        pytest.param(
            *(120, few_lost, 4, "3 of 120 scenarios have trials on one side only"),
            marks=pytest.mark.slow,
        ),
        pytest.param(120, many_lost, 4, "http_status 40", marks=pytest.mark.slow),
    ],
    ids=["pass", "regression", "inconclusive", "unmatched", "lost"],
)
def test_the_exit_code_is_the_verdict(
    tmp_path: Path, n: int, score: Score, code: int, words: str
) -> None:
    promptreg = recorded_suite(tmp_path, n, score)
    gate = promptreg("gate", "v1", "v2", "-q", "-o", "report.json")
    assert gate.code == code, gate.err
    assert words in gate.out + gate.err
    report = tmp_path / "report.json"
    if code == 4:
        assert not report.exists()
        return
    assert json.loads(report.read_text("utf-8"))["gate"]["exit_code"] == code


@pytest.mark.slow
def test_compare_exits_0_unless_asked(tmp_path: Path) -> None:
    promptreg = recorded_suite(tmp_path, 60, worse)
    plain = promptreg("compare", "v1", "v2", "--json")
    assert plain.code == 0
    assert plain.json["gate"]["exit_code"] == 1
    assert promptreg("compare", "v1", "v2", "-q", "--exit-code").code == 1
    # What cannot be compared is an error with or without it.
    assert recorded_suite(tmp_path, 60, few_lost)("compare", "v1", "v2").code == 4


@pytest.mark.slow
def test_unmatched_scenarios_can_be_left_out(tmp_path: Path) -> None:
    promptreg = recorded_suite(tmp_path, 120, few_lost)
    finished = promptreg("gate", "v1", "v2", "--allow-unmatched", "--json")
    assert finished.code == 0, finished.err
    assert any("3 scenarios are not on both sides" in w for w in finished.json["warnings"])
    assert finished.json["comparisons"][0]["n_scenarios"] == 117


def test_a_scripted_provider_never_passes(tmp_path: Path) -> None:
    answers = {"use": "scripted", "text": answer_text(20)}
    gate = {"inconclusive": "allow"}
    folder = write_suite(
        tmp_path, n=120, provider=answers, gate=gate, scorers=[{"use": "answered"}]
    )
    promptreg = Promptreg(folder)
    files = [x for name in ("r.json", "r.md", "r.html", "r.junit.xml") for x in ("-o", name)]
    finished = promptreg("gate", "v1", "v2", *files)
    assert finished.code == 3, finished.err
    words = "scripted provider"
    assert words in finished.out
    for name in ("r.json", "r.md", "r.html", "r.junit.xml"):
        assert words in (folder / name).read_text("utf-8"), name
    assert json.loads((folder / "r.json").read_text("utf-8"))["synthetic"] is True


@pytest.mark.slow
def test_a_part_of_the_scenarios_is_labelled(tmp_path: Path) -> None:
    promptreg = recorded_suite(tmp_path, 120, good)
    limited = promptreg("gate", "v1", "v2", "-n", "100", "--json", "-o", "r.md", "-o", "r.html")
    assert any("only 100 of 120 scenarios" in w for w in limited.json["warnings"])
    assert any("only part of the suite" in r for r in limited.json["gate"]["reasons"])
    for name in ("r.md", "r.html"):
        assert "100 of 120" in (tmp_path / name).read_text("utf-8"), name
    filtered = promptreg("compare", "v1", "v2", "--filter", "scenario_type=threat")
    assert "30 of 120" in filtered.out


@pytest.mark.slow
def test_order_seed_and_width_change_nothing(tmp_path: Path) -> None:
    promptreg = recorded_suite(tmp_path, 60, worse)
    first = promptreg("compare", "v1", "v2", "--json").json
    scenarios = tmp_path / "scenarios.jsonl"
    lines = scenarios.read_text("utf-8").splitlines(keepends=True)
    scenarios.write_text("".join(reversed(lines)), "utf-8")
    turned = promptreg("compare", "v1", "v2", "--json", "-j", "7").json
    assert [turned[s]["run_id"] for s in ("baseline", "candidate")] == [
        first[s]["run_id"] for s in ("baseline", "candidate")
    ]
    assert essence(turned) == essence(first)
    seeded = promptreg("compare", "v1", "v2", "--json", "--seed", "99").json
    assert [c["verdict"] for c in seeded["comparisons"]] == [
        c["verdict"] for c in first["comparisons"]
    ]
    assert seeded["gate"] == first["gate"]
