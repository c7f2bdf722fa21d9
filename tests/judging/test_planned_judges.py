"""What plans, calibrations and `doctor` know of the models that scorers ask."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from command_line import Promptreg
from fake_model import ModelServer, right, running
from judge_server import JudgeServer, address, grades, judged_project
from pair_judge import PairServer, better, pair_project
from promptreg.cli.app import run as promptreg
from promptreg.cli.doctor import _Check
from promptreg.pipeline.calibrate.run import calibrate
from promptreg.pipeline.compare import compare
from promptreg.pipeline.plan import plan
from promptreg.pipeline.project import Options, open_project
from promptreg.pipeline.summary import run_versions
from suite_factory import answer_text, good_score

PRICES = {"prompt": 10.0, "completion": 1_000.0}


def worse(scenario: str, version: str) -> str:
    return answer_text(good_score(scenario), f"{version[::-1]} of {scenario}")


def fours(shown: str, seed: int) -> str:
    return grades(4)


shorter = better(lambda shown: -float(len(shown)))


def priced(folder: Path, at: int = 1) -> None:
    raw = json.loads((folder / "promptreg.yaml").read_text())
    raw["scorers"][at]["provider"]["prices"] = PRICES
    (folder / "promptreg.yaml").write_text(json.dumps(raw))


def test_a_plan_counts_verdicts_with_tokens_and_cost(tmp_path: Path) -> None:
    with running(ModelServer(worse)) as server, running(JudgeServer(fours)) as judge:
        judged_project(tmp_path, server, judge, n=10)
        priced(tmp_path)
        project = open_project(str(tmp_path))
        (before,) = plan(project, ["v1", "v2"], Options()).models
        assert (before.calls, before.cached, before.prompt_tokens, before.cost) == (
            20,
            0,
            None,
            None,
        )
        run_versions(project, ["v1"], Options())
        asked = len(judge.calls)
        found = plan(project, ["v1", "v2"], Options())
        (half,) = found.models
        assert len(judge.calls) == asked  # a plan asks nobody
        run_versions(project, ["v2"], Options())
        (after,) = plan(project, ["v1", "v2"], Options()).models
    assert (half.calls, half.cached, half.measured) == (10, 10, True)
    assert found.model_calls == 10
    assert half.prompt_tokens is not None
    assert half.completion_tokens is not None
    assert half.cost == pytest.approx(
        (half.prompt_tokens * 10 + half.completion_tokens * 1_000) / 1e6
    )
    assert (after.calls, after.cached, after.prompt_tokens, after.cost) == (0, 20, 0, 0.0)


def test_answers_without_verdicts_are_counted_by_their_prompts(tmp_path: Path) -> None:
    with running(ModelServer(worse)) as server:
        judge = JudgeServer(fours)
        judged_project(tmp_path, server, judge, n=10)
        raw = json.loads((tmp_path / "promptreg.yaml").read_text())
        judged = raw["scorers"].pop()
        (tmp_path / "promptreg.yaml").write_text(json.dumps(raw))
        run_versions(open_project(str(tmp_path)), ["v1", "v2"], Options())
        raw["scorers"].append({**judged, "repeats": 2})
        (tmp_path / "promptreg.yaml").write_text(json.dumps(raw))
        with running(judge):
            raw["scorers"][1]["provider"]["url"] = address(judge)
            (tmp_path / "promptreg.yaml").write_text(json.dumps(raw))
            (found,) = plan(open_project(str(tmp_path)), ["v1", "v2"], Options()).models
    assert (found.calls, found.cached, found.completion_tokens) == (40, 0, None)
    assert found.prompt_tokens is not None
    assert 40 * 500 < found.prompt_tokens < 40 * 2_000
    assert not found.measured


def test_a_plan_counts_both_orders_of_pairs(tmp_path: Path) -> None:
    with running(ModelServer(worse)) as server, running(PairServer(shorter)) as judge:
        project = pair_project(tmp_path, server, judge, n=10)
        (before,) = plan(project, ["v1", "v2"], Options()).models
        alone = plan(project, ["v1"], Options())
        run_versions(project, ["v1", "v2"], Options())
        (between,) = plan(project, ["v1", "v2"], Options()).models
        compare(project, "v1", "v2", Options())
        made = len(judge.calls)
        found = plan(project, ["v1", "v2"], Options())
        (after,) = found.models
        shown = Promptreg(tmp_path)("plan", "v1", "v2")
        assert len(judge.calls) == made == 20
    assert (before.calls, between.calls, after.calls, after.cached) == (20, 20, 0, 20)
    assert between.prompt_tokens is not None
    assert not alone.models
    assert any("judged in comparisons only" in note for note in alone.notes)
    assert "preference (scorers[1])" in shown.out
    assert not [d for d in found.detectable if d.metric == "preferred"]  # it is shown only


def test_another_judge_makes_a_calibration_stale_for_plans_and_gates(tmp_path: Path) -> None:
    first, second = JudgeServer(fours), JudgeServer(fours)
    with running(ModelServer(worse)) as server, running(first), running(second):
        project = judged_project(tmp_path, server, first, n=10)
        calibrate(project, "v1", Options(), simulations=2)
        fresh = plan(project, ["v1", "v2"], Options())
        assert compare(project, "v1", "v2", Options()).calibration.state == "fresh"
        assert any("rest on variances from calibration" in n for n in fresh.notes), fresh.notes
        other = judged_project(tmp_path, server, second, n=10)
        stale = plan(other, ["v1", "v2"], Options())
        judged = compare(other, "v1", "v2", Options()).calibration
    assert any("is not used for basic" in n and "scorers" in n for n in stale.notes), stale.notes
    assert judged.state == "stale"
    assert any("scorers" in reason for reason in judged.reasons)
    # Who judges cannot be told where nobody answers and nothing is known: then it is not used.
    gone = judged_project(tmp_path, "http://127.0.0.1:9", JudgeServer(fours), n=10)
    unknown = plan(gone, ["v1", "v2"], Options())
    assert any("who judges cannot be told" in n for n in unknown.notes), unknown.notes


def test_a_gate_on_preferences_is_not_shown_rates_without_them(tmp_path: Path) -> None:
    gate = {"margins": {"preferred": 0.2}}
    with running(ModelServer(worse)) as server, running(PairServer(shorter)) as judge:
        shown = pair_project(tmp_path, server, judge, n=10)
        calibrate(shown, "v1", Options(), simulations=2)
        assert compare(shown, "v1", "v2", Options()).calibration.state == "fresh"
        gating = pair_project(tmp_path, server, judge, n=10, settings={"gate": True}, gate=gate)
        report = calibrate(gating, "v1", Options(), simulations=2)
        assert any("preferred is judged on pairs" in w for w in report.warnings)
        found = compare(gating, "v1", "v2", Options()).calibration
    assert found.state == "stale"
    assert any("gates without preferred" in reason for reason in found.reasons)


@pytest.mark.parametrize("kind", ["judge", "preference"])
def test_doctor_looks_at_judges(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make: Any = judged_project if kind == "judge" else pair_project
    judge = JudgeServer(fours) if kind == "judge" else PairServer(shorter)
    monkeypatch.setattr(
        "promptreg.cli.doctor._history", lambda project: _Check("history", True, "")
    )
    with running(ModelServer(right)) as server:
        with running(judge):
            make(tmp_path, server, judge, n=4)
            assert promptreg(["doctor", "-c", str(tmp_path / "promptreg.yaml"), "--json"]) == 0
            checks = json.loads(capsys.readouterr().out)
            (found,) = [c for c in checks if c["check"] == f"{kind} (scorers[1])"]
            # This one has no pages of its own; a web page at the address would look the same.
            assert found["detail"] == (
                f"llama_cpp: llama.cpp server at {address(judge)}, which says nothing about "
                "itself: is it one?"
            )
        assert promptreg(["doctor", "-c", str(tmp_path / "promptreg.yaml"), "--json"]) == 5
        checks = json.loads(capsys.readouterr().out)
        (found,) = [c for c in checks if c["check"] == f"{kind} (scorers[1])"]
    assert found["ok"] is False
    assert not judge.calls
