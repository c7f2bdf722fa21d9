"""The scorer `judge` in runs, comparisons and rescoring, against a fake judge's server."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from command_line import Promptreg
from fake_model import ModelServer, right, running
from fault_server import chat, hang, ok, status
from judge_server import DIMENSIONS, JudgeServer, address, grades, judged_project, verdict
from promptreg.errors import BudgetError, NotComparableError, ProviderError, SuiteError
from promptreg.pipeline.base_ref import gate_base_ref
from promptreg.pipeline.compare import compare
from promptreg.pipeline.project import Options, open_project
from promptreg.pipeline.rescore import rescore
from promptreg.pipeline.summary import run_versions
from promptreg.pipeline.validate import check
from promptreg.records import Outcome
from promptreg.stages.report import comparison_json, digest
from promptreg.store.runs import read_trials
from suite_factory import answer_text, good_score


def worse(scenario: str, version: str) -> str:
    words = "Nothing to see." if version == "v2" else "A package is left at the door."
    return answer_text(good_score(scenario), words)


def by_words(shown: str, seed: int) -> str:
    return grades(2 if "Nothing to see" in shown else 4)


def test_a_worse_answer_is_found_by_its_judge(tmp_path: Path) -> None:
    with running(ModelServer(worse)) as server, running(JudgeServer(by_words)) as judge:
        found = compare(judged_project(tmp_path, server, judge, n=20), "v1", "v2", Options())
        assert len(judge.calls) == 40
    lines = {d.metric: d for d in found.differences if d.slice is None}
    assert set(DIMENSIONS) <= set(lines)
    for name in DIMENSIONS:
        assert (lines[name].baseline, lines[name].candidate) == (4.0, 2.0)
        assert lines[name].verdict == "regressed"
        assert lines[name].margin == 0.25
    assert found.gate.verdict == "fail"
    assert any("uncalibrated judge" in warning for warning in found.warnings)
    assert not any("the same grade" in warning for warning in found.warnings)


def test_the_same_answer_gets_the_same_verdict_for_one_call(tmp_path: Path) -> None:
    with running(ModelServer(right)) as server, running(JudgeServer(by_words)) as judge:
        found = compare(judged_project(tmp_path, server, judge, n=12), "v1", "v2", Options())
        assert len(judge.calls) == 12
    assert {d.difference for d in found.differences if d.metric in DIMENSIONS} == {0.0}


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("I would rather not.", "no JSON object"),
        (grades(5), "relevance is 5; allowed: 1 to 4"),
        (json.dumps(verdict(relevance="4")), "relevance is '4'"),
        ("", "no JSON object"),
    ],
)
def test_what_cannot_be_read_is_a_gap_after_three_asks(
    tmp_path: Path, said: str, reason: str
) -> None:
    with running(ModelServer(right)) as server, running(JudgeServer(lambda *_: said)) as judge:
        project = judged_project(tmp_path, server, judge, n=3)
        executed, _, _ = run_versions(project, ["v1"], Options())
        assert len(judge.calls) == 9
        assert sorted({int(c.json["seed"]) for c in judge.calls}) == [0, 1, 2]
        run_versions(project, ["v1"], Options())
        assert len(judge.calls) == 9  # what was unreadable once is not paid for again
    column = executed.runs[0].columns["relevance"]
    assert (column.outcomes == Outcome.GAP).all()
    assert all(reason in r["reason.relevance"] for r in read_trials(executed.runs[0]))


def test_gaps_of_the_judge_are_bounded_and_never_pass(tmp_path: Path) -> None:
    def moody(shown: str, seed: int) -> str:
        return "no" if "s0" in shown or "Nothing" in shown else grades(4)

    with running(ModelServer(worse)) as server, running(JudgeServer(moody)) as judge:
        found = compare(judged_project(tmp_path, server, judge, n=20), "v1", "v2", Options())
        assert found.counts.judges.called == len(judge.calls)
    assert found.counts.judges.cached + found.counts.judges.called >= 80  # three asks of a gap
    assert f"{found.counts.judges.called} called" in digest.spent(found).partition("judges: ")[2]
    line = next(d for d in found.differences if d.metric == "relevance" and d.slice is None)
    assert line.missing.candidate == 20
    assert line.verdict == "inconclusive"
    assert found.gate.verdict != "pass"
    (said,) = [w for w in found.warnings if "could not be judged" in w]
    assert "20 of 20 answers of the candidate could not be judged (such as: no JSON" in said
    assert said.startswith("relevance, ")


def test_failed_answers_are_ones_and_nobody_judges_them(tmp_path: Path) -> None:
    with (
        running(ModelServer(lambda *_: "nothing")) as server,
        running(JudgeServer(by_words)) as judge,
    ):
        executed, _, _ = run_versions(
            judged_project(tmp_path, server, judge, n=4), ["v1"], Options()
        )
        assert not judge.calls
    for name in DIMENSIONS:
        assert (executed.runs[0].columns[name].values == 1).all()
        assert (executed.runs[0].columns[name].outcomes == Outcome.FAILED).all()


def test_throttling_is_waited_for_and_other_refusals_are_gaps(tmp_path: Path) -> None:
    busy = status(429, headers={"retry-after-ms": "10"})
    with running(ModelServer(right)) as server, running(JudgeServer(by_words, busy)) as judge:
        project = judged_project(tmp_path, server, judge, n=4)
        executed, _, _ = run_versions(project, ["v1"], Options())
        assert len(judge.calls) == 5
    assert (executed.runs[0].columns["relevance"].outcomes == Outcome.SCORED).all()


def test_a_call_that_failed_is_asked_again_by_the_next_run(tmp_path: Path) -> None:
    with (
        running(ModelServer(right)) as server,
        running(JudgeServer(by_words, status(400))) as judge,
    ):
        project = judged_project(tmp_path, server, judge, n=4)
        executed, _, _ = run_versions(project, ["v1"], Options())
        gaps = (executed.runs[0].columns["relevance"].outcomes == Outcome.GAP).sum()
        assert gaps == 1
        again, _, _ = run_versions(project, ["v1"], Options())
        assert len(server.calls) == 4
    assert (again.runs[0].columns["relevance"].outcomes == Outcome.SCORED).all()


def test_rescoring_with_a_judge_never_asks_the_model(tmp_path: Path) -> None:
    with running(ModelServer(worse)) as server:
        plain = judged_project(tmp_path, server, JudgeServer(by_words), n=8)
        raw = json.loads((tmp_path / "promptreg.yaml").read_text())
        unjudged = {**raw, "scorers": raw["scorers"][:1]}
        (tmp_path / "promptreg.yaml").write_text(json.dumps(unjudged))
        executed, _, _ = run_versions(open_project(str(tmp_path)), ["v1", "v2"], Options())
        server.forget()
        with running(JudgeServer(by_words)) as judge:
            raw["scorers"][1]["provider"]["url"] = address(judge)
            (tmp_path / "promptreg.yaml").write_text(json.dumps(raw))
            plain = open_project(str(tmp_path))
            made = [rescore(plain, run.id)[1] for run in executed.runs]
            assert len(judge.calls) == 16
        assert not server.requests
    assert [float(run.columns["relevance"].values.mean()) for run in made] == [4.0, 2.0]
    # The judge is gone; what it said is in the store, and the runs can be made again.
    _, again, warnings = rescore(plain, executed.runs[1].id)
    assert again.id == made[1].id
    assert any("was not reachable" in warning for warning in warnings)


def test_a_budget_counts_verdicts_and_the_next_run_goes_on(tmp_path: Path) -> None:
    with running(ModelServer(right)) as server, running(JudgeServer(by_words)) as judge:
        project = judged_project(tmp_path, server, judge, n=10)
        with pytest.raises(BudgetError, match="budget of 14 calls"):
            run_versions(project, ["v1"], Options(budget="14"))
        assert len(server.calls) + len(judge.calls) == 14
        run_versions(project, ["v1"], Options())
        assert len(server.calls) + len(judge.calls) == 20


def test_a_judge_that_is_gone_ends_the_run_before_any_call(tmp_path: Path) -> None:
    with running(JudgeServer(by_words)) as judge:
        pass
    with running(ModelServer(right)) as server:
        project = judged_project(tmp_path, server, judge, n=4)
        with pytest.raises(ProviderError, match="not ready"):
            run_versions(project, ["v1"], Options())
        assert not server.calls


def test_runs_judged_differently_are_not_compared(tmp_path: Path) -> None:
    with running(ModelServer(right)) as server, running(JudgeServer(by_words)) as judge:
        first = judged_project(tmp_path, server, judge, n=4)
        one, _, _ = run_versions(first, ["v1"], Options())
        for other in ({"repeats": 2}, {"dimensions": ["relevance"]}, {"truth": False}):
            project = judged_project(tmp_path, server, judge, n=4, settings=other)
            with pytest.raises(NotComparableError, match="scorers differs"):
                compare(project, f"run:{one.runs[0].id}", "v2", Options())


def test_a_suites_own_rubrics_come_from_a_file_and_are_part_of_the_fingerprint(
    tmp_path: Path,
) -> None:
    rubrics = tmp_path / "evaluation_rubrics.yaml"
    rubrics.write_text("tone: {question: 'Is it calm?', scale: [0, 2]}\n")

    def judge_of(shown: str, seed: int) -> str:
        return '{"tone": 2}'

    with running(ModelServer(right)) as server, running(JudgeServer(judge_of)) as judge:
        settings = {"rubrics": rubrics.name}
        project = judged_project(tmp_path, server, judge, n=4, settings=settings)
        one, _, _ = run_versions(project, ["v1"], Options())
        assert (one.runs[0].columns["tone"].values == 2).all()
        assert "Is it calm?" in judge.calls[0].json["prompt"]
        rubrics.write_text("tone: {question: 'Is it very calm?', scale: [0, 2]}\n")
        two, _, _ = run_versions(open_project(str(tmp_path)), ["v1"], Options())
    prints = [e.runs[0].facts.fingerprints["scorers"] for e in (one, two)]
    assert prints[0] != prints[1]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "cannot be read"),
        ("tone: [", "no valid YAML"),
        ("a: &a {question: x}\nb: *a\n", "aliases"),
        ("tone: {}", "rubrics.tone.question: found None"),
    ],
)
def test_a_rubrics_file_that_is_wrong_is_named(
    tmp_path: Path, text: str | None, problem: str
) -> None:
    if text is not None:
        (tmp_path / "r.yaml").write_text(text)
    project = judged_project(
        tmp_path, "http://127.0.0.1:9", JudgeServer(by_words), n=2, settings={"rubrics": "r.yaml"}
    )
    with pytest.raises(SuiteError) as caught:
        run_versions(project, ["v1"], Options())
    assert problem in str(caught.value)
    assert "r.yaml" in str(caught.value) or "rubrics" in str(caught.value)


def test_validate_checks_the_judges_provider_without_a_call(tmp_path: Path) -> None:
    project = judged_project(tmp_path, "http://127.0.0.1:9", JudgeServer(by_words), n=2)
    assert not [f for f in check(project).findings if f.level == "error"]
    raw = json.loads((tmp_path / "promptreg.yaml").read_text())
    raw["scorers"][1]["provider"]["retires"] = 3
    (tmp_path / "promptreg.yaml").write_text(json.dumps(raw))
    found = [f.message for f in check(open_project(str(tmp_path))).findings if f.level == "error"]
    assert any("retires" in message for message in found), found


def test_what_was_said_is_kept_with_the_run(tmp_path: Path) -> None:
    def talks(shown: str, seed: int) -> str:
        return json.dumps({"why": "It names the package.", **verdict(relevance=2 + seed % 2)})

    with running(ModelServer(right)) as server, running(JudgeServer(talks)) as judge:
        settings = {"explain": True, "repeats": 2, "attempts": 1}
        project = judged_project(tmp_path, server, judge, n=3, settings=settings)
        executed, _, _ = run_versions(project, ["v1"], Options())
    rows = list(read_trials(executed.runs[0]))
    kept: Any = [json.loads(row["votes"])["relevance"] for row in rows]
    assert kept == [{"votes": [[2.0, 3.0]], "note": "It names the package."}] * 3
    assert (executed.runs[0].columns["relevance"].values == 2.5).all()


def test_reports_show_what_the_judge_said(tmp_path: Path) -> None:
    def talks(shown: str, seed: int) -> str:
        return json.dumps({"why": "Not a word <b>on</b> the package.", **verdict(relevance=1)})

    with running(ModelServer(worse)) as server, running(JudgeServer(talks)) as judge:
        project = judged_project(tmp_path, server, judge, n=8, settings={"explain": True})
        found = compare(project, "v1", "v2", Options())
    assert any("the same grade, which tells none apart: " in w for w in found.warnings)
    change = found.changes[0]
    assert change.candidate.remarks["relevance"] == "Not a word <b>on</b> the package."
    report = comparison_json(found)
    shown = report["scenarios"][0]["candidate"] if "scenarios" in report else None
    assert shown is None or shown["remarks"]["relevance"].startswith("Not a word")
    write_report = project.plugins.reporters.create("html", {}).write
    write_report(found, tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text()
    assert "judge on relevance, risk_calibration and 4 more" in page
    assert "Not a word &lt;b&gt;on&lt;/b&gt; the package." in page
    for name in ("r.md", "r.json", "r.html"):
        kind = {"md": "markdown"}.get(name[2:], name[2:])
        project.plugins.reporters.create(kind, {}).write(found, tmp_path / name)
        assert "uncalibrated judge" in (tmp_path / name).read_text(), name


def test_a_chat_model_is_held_to_the_schema_and_gets_two_messages(tmp_path: Path) -> None:
    class Chat(JudgeServer):
        def _choose(self, request: Any) -> Any:
            if request.method != "POST":
                return super()._choose(request)
            self.calls.append(request)
            return ok(chat(grades(3)))

    with running(ModelServer(right)) as server, running(Chat(by_words)) as judge:
        settings = {
            "provider": {
                "use": "openai_chat",
                "url": f"{address(judge)}/v1",
                "model": "judge-model",
                "sampling": {"temperature": 0, "max_tokens": None},
            }
        }
        project = judged_project(tmp_path, server, judge, n=2, settings=settings)
        executed, _, _ = run_versions(project, ["v1"], Options())
        sent = judge.calls[0].json
    assert (executed.runs[0].columns["relevance"].values == 3).all()
    assert [m["role"] for m in sent["messages"]] == ["system", "user"]
    schema = sent["response_format"]["json_schema"]["schema"]
    assert list(schema["properties"]) == list(DIMENSIONS)
    assert (sent["temperature"], sent["seed"]) == (0, 0)
    assert "max_tokens" not in sent


def test_a_panel_is_asked_and_its_agreement_shown(tmp_path: Path) -> None:
    def strict(shown: str, seed: int) -> str:
        return grades(1 if "Nothing to see" in shown else 3)

    first, second = JudgeServer(by_words), JudgeServer(strict)
    with running(ModelServer(worse)) as server, running(first), running(second):
        project = judged_project(tmp_path, server, [first, second], n=12)
        found = compare(project, "v1", "v2", Options())
    line = next(d for d in found.differences if d.metric == "relevance" and d.slice is None)
    assert (line.baseline, line.candidate) == (3.5, 1.5)
    assert any(note.startswith("agreement of the judges α") for note in line.notes)


def test_a_signal_while_verdicts_are_awaited_stops_cleanly(tmp_path: Path) -> None:
    with running(ModelServer(right)) as server:
        judge = JudgeServer(by_words)
        with running(judge):
            judged_project(tmp_path, server, judge, n=12)
            judge.judge = lambda *_: hang()
            process = Promptreg(tmp_path).start("run", "v1", "-q")
            judge.wait_for(1)
            process.send_signal(signal.SIGINT)
            finished = Promptreg.end(process)
            assert finished.code == 130, finished.err
            assert "goes on from there" in finished.err
            judge.judge = by_words
            server.forget()
            assert Promptreg(tmp_path)("run", "v1", "-q").code == 0
            assert len(server.calls) <= 4  # what was in flight, at the most


def test_rubrics_of_the_merge_base_decide(tmp_path: Path) -> None:
    rubric = "relevance: {{question: '{}', anchors: {{1: bad, 4: good}}}}\n"
    judge = JudgeServer(by_words)
    with running(ModelServer(right)) as server, running(judge):
        (tmp_path / "r.yaml").write_text(rubric.format("Is it about the scene?"))
        judged_project(tmp_path, server, judge, n=8, settings={"rubrics": "r.yaml"})
        (tmp_path / ".gitignore").write_text(".promptreg/\n")

        def git(*words: str) -> None:
            who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
            subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True)

        git("init", "-q", "-b", "main")
        git("add", "-A")
        git("commit", "-q", "-m", "start")
        git("checkout", "-q", "-b", "edit")
        (tmp_path / "r.yaml").write_text(rubric.format("Is it short?"))
        (tmp_path / "v2.txt").write_text("[{id} v2] Now: {detections}. JSON.")
        judge.judge = lambda *_: '{"relevance": 3}'
        found = gate_base_ref(open_project(str(tmp_path)), "main", [], Options())
        assert {"Is it about the scene?" in prompt for prompt in judge_prompts(judge)} == {True}
    assert any("edits the policy: r.yaml (scorers[1])" in w for w in found.warnings)


def judge_prompts(judge: ModelServer) -> list[str]:
    return [call.json["prompt"] for call in judge.calls]


def test_verdicts_are_in_before_each_look(tmp_path: Path) -> None:
    with running(ModelServer(worse)) as server, running(JudgeServer(by_words)) as judge:
        project = judged_project(tmp_path, server, judge, n=60)
        found = compare(project, "v1", "v2", Options(looks=3))
    assert found.stopping is not None
    line = next(d for d in found.differences if d.metric == "relevance" and d.slice is None)
    assert line.verdict == "regressed"
    assert len(judge.calls) == len(server.calls) < 120
