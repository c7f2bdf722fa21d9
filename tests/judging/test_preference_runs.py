"""The scorer `preference` in comparisons, against a fake judge's server."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from fake_model import ModelServer, right, running
from fault_server import chat, ok, status
from judge_server import address
from pair_judge import PairServer, better, choice, pair_project
from promptreg.errors import BudgetError, ProviderError, SuiteError
from promptreg.pipeline.base_ref import gate_base_ref
from promptreg.pipeline.compare import compare
from promptreg.pipeline.project import Options, open_project
from promptreg.pipeline.rescore import rescore
from promptreg.pipeline.summary import run_versions
from promptreg.stages.report import comparison_json
from promptreg.verdicts import Comparison, Difference, Pairwise
from suite_factory import answer_text, good_score

SEEN, UNSEEN = "A package is left at the door.", "Nothing to see."


def worse(scenario: str, version: str) -> str:
    return answer_text(good_score(scenario), UNSEEN if version == "v2" else f"{SEEN} {scenario}")


def sees(shown: str) -> float:
    return float(SEEN in shown)


fair = better(sees)


def prompts(judge: ModelServer) -> list[str]:
    return [call.json["prompt"] for call in list(judge.calls)]


def preferred(found: Comparison) -> Difference:
    return next(d for d in found.differences if d.metric == "preferred" and d.slice is None)


def told(found: Comparison) -> Pairwise:
    (only,) = found.pairwise
    return only


def test_a_preference_of_both_orders_is_a_loss(tmp_path: Path) -> None:
    with running(ModelServer(worse)) as server, running(PairServer(fair)) as judge:
        project = pair_project(tmp_path, server, judge, n=20)
        found = compare(project, "v1", "v2", Options())
        assert len(judge.calls) == 40
        again = compare(project, "v1", "v2", Options())
        assert len(judge.calls) == 40  # what was said is kept
    line = preferred(found)
    assert (line.baseline, line.candidate, line.difference) == (1.0, 0.0, -1.0)
    assert (line.verdict, line.gating, line.discordant) == ("regressed", False, None)
    assert "won 0, lost 20, tied 0" in line.notes
    assert "preferred" not in " ".join(found.gate.reasons)  # shown, and accuses nobody
    one = told(found)
    assert (one.won, one.lost, one.tied, one.swapped, one.places) == (0, 20, 0, 0, (20, 20))
    assert any("uncalibrated judge: preferred" in w for w in found.warnings)
    assert preferred(again) == line
    assert told(again) == one


def test_versions_cannot_be_told_from_what_the_judge_is_shown(tmp_path: Path) -> None:
    with running(ModelServer(worse)) as server, running(PairServer(fair)) as judge:
        project = pair_project(tmp_path, server, judge, n=4)
        compare(project, "v1", "v2", Options())
        forth = sorted(prompts(judge))
        judge.calls.clear()
        found = compare(project, "v2", "v1", Options())
        assert not judge.calls  # the same questions, whichever version is the candidate
    assert len(set(forth)) == 8
    assert not [p for p in forth if "v1" in p or "v2" in p or "basic" in p]
    assert preferred(found).difference == 1.0


def test_what_depends_on_the_order_is_a_tie_and_counted(tmp_path: Path) -> None:
    judge = PairServer(lambda first, second, seed: choice("A"))
    with running(ModelServer(worse)) as server, running(judge):
        found = compare(pair_project(tmp_path, server, judge, n=12), "v1", "v2", Options())
    line, one = preferred(found), told(found)
    assert (line.difference, one.tied, one.swapped, one.places) == (0.0, 12, 12, (24, 0))
    assert "12 of 12 opinions depended on the order" in " ".join(line.notes)
    assert "shown first was preferred in 100%" in " ".join(line.notes)
    assert any("the order of the answers decided 12 of 12 opinions" in w for w in found.warnings)


def test_the_same_answer_is_a_tie_without_a_call(tmp_path: Path) -> None:
    with running(ModelServer(right)) as server, running(PairServer(fair)) as judge:
        found = compare(pair_project(tmp_path, server, judge, n=12), "v1", "v2", Options())
        assert not judge.calls
    assert (told(found).tied, told(found).same) == (12, 12)
    assert preferred(found).difference == 0.0


def test_failed_trials_lose_or_tie_and_nobody_is_asked(tmp_path: Path) -> None:
    def failing(scenario: str, version: str) -> str:
        number = int(scenario[1:])
        if number == 0 or (number == 1 and version == "v1") or (number == 2 and version == "v2"):
            return "no answer"
        return answer_text(good_score(scenario), SEEN)

    with running(ModelServer(failing)) as server, running(PairServer(fair)) as judge:
        found = compare(pair_project(tmp_path, server, judge, n=8), "v1", "v2", Options())
        assert not judge.calls
    one = told(found)
    assert (one.won, one.lost, one.tied, one.failed, one.gaps) == (1, 1, 6, 3, 0)
    assert preferred(found).missing.baseline == preferred(found).missing.candidate == 2


def test_what_cannot_be_read_is_a_gap_for_either_side(tmp_path: Path) -> None:
    def moody(first: str, second: str, seed: int) -> str:
        return "I like both." if "s0003" in first + second else fair(first, second, seed)

    with running(ModelServer(worse)) as server, running(PairServer(moody)) as judge:
        found = compare(pair_project(tmp_path, server, judge, n=12), "v1", "v2", Options())
        assert sum("s0003" in p for p in prompts(judge)) == 3  # the other order is not asked then
    one, line = told(found), preferred(found)
    assert (one.lost, one.gaps) == (11, 1)
    assert (line.missing.baseline, line.missing.candidate) == (1, 1)
    assert line.interval is not None
    assert line.interval[1] > -1 + 1 / 12  # the gap may have been won
    change = next(c for c in found.changes if c.scenario_id == "s0003")
    assert "no JSON object" in change.candidate.remarks["preferred"]


def test_gaps_never_acquit(tmp_path: Path) -> None:
    judge = PairServer(lambda *_: "no")
    gate = {"prove": ["preferred"], "margins": {"preferred": 0.2}}
    with running(ModelServer(worse)) as server, running(judge):
        project = pair_project(tmp_path, server, judge, n=12, gate=gate)
        found = compare(project, "v1", "v2", Options())
    assert preferred(found).gating
    assert preferred(found).verdict == "inconclusive"
    assert found.gate.verdict == "inconclusive"


@pytest.mark.parametrize("how", ["gate", "prove", "guard"])
def test_it_accuses_only_where_the_suite_says_so(tmp_path: Path, how: str) -> None:
    settings = {"gate": True} if how == "gate" else {}
    gate: dict[str, Any] = {"margins": {"preferred": 0.1}}
    if how == "prove":
        gate["prove"] = ["overall", "preferred"]
    if how == "guard":
        where = {"scenario_type": "threat"}
        gate["guard"] = [{"metric": "preferred", "where": where, "margin": 0.1}]
    with running(ModelServer(worse)) as server, running(PairServer(fair)) as judge:
        project = pair_project(tmp_path, server, judge, n=40, settings=settings, gate=gate)
        found = compare(project, "v1", "v2", Options())
    assert found.gate.verdict == "fail"
    assert "preferred" in found.gate.reasons[0]


@pytest.mark.parametrize(
    ("gate", "problem"),
    [
        ({"prove": ["preferred"]}, "gate.margins needs a margin for 'preferred'"),
        ({"overall": {"x": ["preferred"]}}, "gate.overall.x: 'preferred' says which of two"),
        ({"limits": {"preferred": {"at_least": 0.5}}}, "no version has it alone"),
        ({"limits": {"gap_rate.preferred": {"at_most": 0.5}}}, "no version has it alone"),
        (
            {"prove": ["preferred"], "margins": {"preferred": 0.1}, "sequential": True},
            "cannot look several times",
        ),
    ],
)
def test_what_it_cannot_be_used_for_is_said(
    tmp_path: Path, gate: dict[str, Any], problem: str
) -> None:
    project = pair_project(tmp_path, "http://127.0.0.1:9", PairServer(fair), n=4, gate=gate)
    with pytest.raises(SuiteError, match=problem):
        compare(project, "v1", "v2", Options())


def test_stored_runs_are_judged_without_a_model_and_rescored_without_a_judge(
    tmp_path: Path,
) -> None:
    with running(ModelServer(worse)) as server, running(PairServer(fair)) as judge:
        project = pair_project(tmp_path, server, judge, n=8)
        executed, _, _ = run_versions(project, ["v1", "v2"], Options())
        assert not judge.calls  # a run knows of no other
        server.forget()
        one, two = executed.runs
        assert "preferred" not in one.columns
        _, again, warnings = rescore(project, one.id)
        assert again.id == one.id
        assert any("preferred" in w and "compared" in w for w in warnings)
        found = compare(project, f"run:{one.id}", f"run:{two.id}", Options())
        assert not server.requests
        assert len(judge.calls) == 16
    assert told(found).lost == 8
    # Another judge, or other criteria, leave the runs comparable, and say that they are others.
    with running(PairServer(fair)) as judge:
        other = pair_project(tmp_path, server, judge, n=8, settings={"criteria": "Is it short?"})
        second = compare(other, f"run:{one.id}", f"run:{two.id}", Options())
        assert all("- Is it short?\n" in p for p in prompts(judge))
    assert told(second).fingerprint != told(found).fingerprint
    shown = comparison_json(second)["pairwise"][0]
    assert shown["identity"]["criteria"] == ["Is it short?"]
    assert shown["identity"]["judges"][0]["identity"]["sampling"]["seed"] == 0


def test_a_budget_counts_choices_and_the_next_comparison_goes_on(tmp_path: Path) -> None:
    with running(ModelServer(worse)) as server, running(PairServer(fair)) as judge:
        project = pair_project(tmp_path, server, judge, n=10)
        with pytest.raises(BudgetError, match="budget of 26 calls"):
            compare(project, "v1", "v2", Options(budget="26"))
        assert len(server.calls) + len(judge.calls) == 26
        compare(project, "v1", "v2", Options())
        assert len(server.calls) + len(judge.calls) == 40


def test_a_judge_that_is_gone_ends_the_comparison_and_one_that_was_heard_does_not(
    tmp_path: Path,
) -> None:
    with running(ModelServer(worse)) as server:
        judge = PairServer(fair)
        with running(judge):
            project = pair_project(tmp_path, server, judge, n=6)
            first = compare(project, "v1", "v2", Options())
        found = compare(project, "v1", "v2", Options())
        assert preferred(found) == preferred(first)
        assert any("was not reachable" in w for w in found.warnings)
        gone = pair_project(tmp_path, server, judge, n=6, settings={"criteria": "Is it short?"})
        with pytest.raises(ProviderError, match="not ready"):
            compare(gone, "v1", "v2", Options())


def test_a_call_that_failed_is_asked_again(tmp_path: Path) -> None:
    judge = PairServer(fair, status(400))
    with running(ModelServer(worse)) as server, running(judge):
        project = pair_project(tmp_path, server, judge, n=6)
        assert told(compare(project, "v1", "v2", Options())).gaps == 1
        assert told(compare(project, "v1", "v2", Options())).gaps == 0


def test_a_panel_and_repeats_give_shares_and_say_how_far_they_agree(tmp_path: Path) -> None:
    def contrary(first: str, second: str, seed: int) -> str:
        return choice("A" if UNSEEN in first and seed < 3 else "B" if seed < 3 else "tie")

    first, second = PairServer(fair), PairServer(contrary)
    with running(ModelServer(worse)) as server, running(first), running(second):
        settings = {"repeats": 2}
        project = pair_project(tmp_path, server, [first, second], n=8, settings=settings)
        found = compare(project, "v1", "v2", Options())
    line, one = preferred(found), told(found)
    # The fair one says baseline twice; the other one candidate once, and once neither.
    assert (line.baseline, line.candidate) == (0.5, 0.25)
    assert (one.lost, one.won, one.tied, one.opinions) == (4, 2, 2, 32)
    assert one.itself is not None
    assert any(note.startswith("agreement of the judges") for note in line.notes)


def test_looks_leave_it_to_the_end(tmp_path: Path) -> None:
    with running(ModelServer(worse)) as server, running(PairServer(fair)) as judge:
        project = pair_project(tmp_path, server, judge, n=40)
        found = compare(project, "v1", "v2", Options(looks=2))
    assert found.stopping is not None
    assert preferred(found).difference == -1.0
    assert preferred(found).n_scenarios == found.stopping.looks[-1].scenarios


def test_every_report_says_it(tmp_path: Path) -> None:
    def talks(first: str, second: str, seed: int) -> str:
        return choice("A" if SEEN in first else "B", why="It names <b>the</b> package.")

    with running(ModelServer(worse)) as server, running(PairServer(talks)) as judge:
        project = pair_project(tmp_path, server, judge, n=8, settings={"explain": True})
        found = compare(project, "v1", "v2", Options())
    for name in ("r.md", "r.json", "r.html", "r.csv"):
        kind = {"md": "markdown"}.get(name[2:], name[2:])
        project.plugins.reporters.create(kind, {}).write(found, tmp_path / name)
        assert "preferred" in (tmp_path / name).read_text(), name
    page = (tmp_path / "r.html").read_text()
    assert "It names &lt;b&gt;the&lt;/b&gt; package." in page
    assert "won 0, lost 8, tied 0" in page
    kept = json.loads((tmp_path / "r.json").read_text())["pairwise"][0]
    assert (kept["lost"], kept["order_dependent"], kept["preferred_first"]) == (8, 0, 8)


def test_settings_that_are_wrong_are_named(tmp_path: Path) -> None:
    for settings, problem in (
        ({"criteria": []}, "criteria: found"),
        ({"repeats": 0}, "repeats: found 0"),
        ({"judges": []}, "exactly one of"),
        ({"name": "Preferred"}, "malformed"),
        ({"name": "in_range"}, "both make the metric"),
    ):
        pair_project(tmp_path, "http://127.0.0.1:9", PairServer(fair), n=2, settings=settings)
        with pytest.raises(SuiteError, match=problem):
            compare(open_project(str(tmp_path)), "v1", "v2", Options())


def test_a_gate_on_a_branch_asks_by_the_criteria_of_the_base(tmp_path: Path) -> None:
    judge = PairServer(fair)
    with running(ModelServer(worse)) as server, running(judge):
        settings = {"criteria": "Is the package named?", "gate": True}
        gate = {"margins": {"preferred": 0.1}}
        pair_project(tmp_path, server, judge, n=16, settings=settings, gate=gate)
        (tmp_path / ".gitignore").write_text(".promptreg/\n")

        def git(*words: str) -> None:
            who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
            subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True)

        git("init", "-q", "-b", "main")
        git("add", "-A")
        git("commit", "-q", "-m", "start")
        git("checkout", "-q", "-b", "edit")
        (tmp_path / "v1.txt").write_text("[{id} v2] Now: {detections}. JSON.")
        (tmp_path / "v3.txt").write_text("[{id} v1] New: {detections}. JSON.")
        raw = json.loads((tmp_path / "promptreg.yaml").read_text())
        raw["scorers"][1] |= {"criteria": "Is it short?", "gate": False}
        raw["templates"]["basic"]["versions"]["v3"] = "v3.txt"
        (tmp_path / "promptreg.yaml").write_text(json.dumps(raw))
        found = gate_base_ref(open_project(str(tmp_path)), "main", [], Options())
    assert found.gate.verdict == "fail"
    assert any("preferred regressed" in reason for reason in found.gate.reasons)
    assert all("- Is the package named?\n" in p for p in prompts(judge))
    assert told(found).lost == 16


def test_the_nvidia_endpoint_is_a_judge_held_to_the_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Chat(PairServer):
        def _choose(self, request: Any) -> Any:
            if request.method != "POST":
                return super()._choose(request)
            self.calls.append(request)
            return ok(chat(choice("tie")))

    monkeypatch.setenv("NVIDIA_API_KEY", "nvapi-not-a-key")
    with running(ModelServer(worse)) as server, running(Chat(fair)) as judge:
        nvidia = {"use": "nvidia", "url": f"{address(judge)}/v1", "model": "nemotron-49b"}
        settings = {"provider": nvidia}
        project = pair_project(tmp_path, server, judge, n=2, settings=settings)
        found = compare(project, "v1", "v2", Options())
        sent = judge.calls[0]
    assert told(found).tied == 2
    assert sent.headers["authorization"] == "Bearer nvapi-not-a-key"
    assert [m["role"] for m in sent.json["messages"]] == ["system", "user"]
    schema = sent.json["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["better"]["enum"] == ["A", "B", "tie"]
    assert "nvapi" not in json.dumps(comparison_json(found))


def test_a_grammar_of_ones_own_takes_the_place_of_the_schema(tmp_path: Path) -> None:
    with running(ModelServer(worse)) as server, running(PairServer(fair)) as judge:
        project = pair_project(tmp_path, server, judge, n=2)
        raw = json.loads((tmp_path / "promptreg.yaml").read_text())
        compare(project, "v1", "v2", Options())
        assert "json_schema" in judge.calls[0].json
        raw["scorers"][1]["provider"]["grammar"] = 'root ::= "{}"'
        (tmp_path / "promptreg.yaml").write_text(json.dumps(raw))
        judge.calls.clear()
        compare(open_project(str(tmp_path)), "v1", "v2", Options())
        sent = judge.calls[0].json
    assert sent["grammar"] == 'root ::= "{}"'
    assert "json_schema" not in sent
