"""`evaluate_prompt`: cached, by any name of template and scenario, never a made-up number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fake_model import ModelServer, running
from fault_server import Fault, status
from promptreg import Prompt, PromptregError, Template
from pytest_promptreg import Evaluator, TrialFailedError
from suite_factory import TEMPLATE, answer_text, good_score, write_suite

Run = Callable[..., pytest.RunResult]


def answer(scenario: str, version: str) -> str | Fault:
    """Return an answer; some scenarios get none that could be read, or none at all."""
    if scenario == "s0004":
        return "I cannot tell."
    if scenario == "s0005":
        return status(400)
    return answer_text(good_score(scenario) if version == "v1" else 99)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with running(ModelServer(answer)) as server:
        yield server


@pytest.fixture
def suite(tmp_path: Path, server: ModelServer) -> Path:
    return write_suite(tmp_path / "suite", f"http://127.0.0.1:{server.port}", n=8)


@pytest.fixture
def evaluate_prompt(suite: Path) -> Iterator[Evaluator]:
    with Evaluator(suite) as evaluator:
        yield evaluator


def test_an_answer_is_read_by_its_fields(evaluate_prompt: Evaluator) -> None:
    result = evaluate_prompt("basic@v2", "s0001")
    assert (result.risk_score, result.risk_level, result.summary) == (99, "critical", "s")
    assert result.reasoning == "A package is left at the door."
    assert result.failure is None
    assert result.text.startswith("{")
    assert result.prompt.startswith("[s0001 v2] Seen: ")
    assert result.scenario_id == "s0001"
    assert result.mentions("PACKAGE|parcel")
    assert not result.mentions("weapon")
    with pytest.raises(AttributeError, match=r"no 'risk_scor' \(did you mean 'risk_score'\?\)"):
        _ = result.risk_scor


def test_what_was_asked_is_not_asked_again(suite: Path, server: ModelServer) -> None:
    for _ in range(2):  # two sessions
        with Evaluator(suite) as evaluate_prompt:
            for _ in range(3):
                assert evaluate_prompt("basic@v2", "s0001").risk_score == 99
    assert server.asked == [("s0001", "v2")]


def test_a_run_and_a_test_share_the_store(suite: Path, server: ModelServer) -> None:
    from promptreg.pipeline.compare import compare
    from promptreg.pipeline.project import Options, open_project

    with Evaluator(suite) as evaluate_prompt:
        evaluate_prompt("v1", "s0000")
    compare(open_project(str(suite)), "v1", "v2", Options())
    assert server.asked.count(server.asked[0]) == 1
    before = len(server.asked)
    with Evaluator(suite) as evaluate_prompt:
        evaluate_prompt.many("v2", ["s0000", "s0001", "s0002"])
    assert len(server.asked) == before


def test_a_failed_trial_has_no_score(evaluate_prompt: Evaluator, server: ModelServer) -> None:
    result = evaluate_prompt("basic@v1", "s0004")
    assert result.failure is not None
    assert result.failure.cause == "unparseable"
    assert result.text == "I cannot tell."
    for name in ("risk_score", "risk_level", "reasoning", "summary", "anything"):
        with pytest.raises(TrialFailedError, match="basic@v1 on s0004 failed: unparseable: "):
            getattr(result, name)
    with pytest.raises(TrialFailedError):
        result.mentions("door")
    refused = evaluate_prompt("basic@v1", "s0005")
    with pytest.raises(TrialFailedError, match="http_status: "):
        _ = refused.text
    asked = len(server.asked)
    assert evaluate_prompt("basic@v1", "s0005") is refused
    assert len(server.asked) == asked, "one session asks a failed call once"


@pytest.mark.parametrize("word", ["v1", "basic@v1", TEMPLATE.replace("LABEL", "v1")])
def test_what_names_a_version(evaluate_prompt: Evaluator, word: str) -> None:
    assert evaluate_prompt(word, "s0002").prompt.startswith("[s0002 v1] ")


def test_a_bare_name_needs_a_version(suite: Path, evaluate_prompt: Evaluator) -> None:
    with pytest.raises(PromptregError, match=r"'basic' has the versions v1, v2: write basic@VER"):
        evaluate_prompt("basic", "s0002")
    with Evaluator(suite, version="v2") as chosen:
        assert chosen("basic", "s0002").prompt.startswith("[s0002 v2] ")


def test_a_template_and_a_prompt_of_one_s_own(
    evaluate_prompt: Evaluator, server: ModelServer
) -> None:
    own = Template("basic", "draft", "format", "[{id} v1] {detections}")
    assert evaluate_prompt(own, "s0003").risk_score == good_score("s0003")
    sent = evaluate_prompt("v1", Prompt("[s0003 v2] {not a variable}"))
    assert sent.risk_score == 99
    assert sent.scenario_id == ""
    assert server.calls[-1].json["prompt"] == "[s0003 v2] {not a variable}"


@pytest.mark.parametrize(
    ("template", "scenario", "message"),
    [
        ("v3", "s0001", "no version or file is called 'v3'"),
        ("run:abc", "s0001", "'run:abc' is a run; allowed: a template version"),
        ("Other text {id}", "s0001", "is the text of no version of the suite"),
        ("v1", "s000", r"'s000' is no scenario of .*did you mean 's000.'"),
        ("v1", "A new prompt", "'A new prompt' is no scenario .*promptreg.Prompt"),
        ("v1", 7, "7 is no scenario; allowed: a row"),
        ("v1", {"id": "x9"}, "'x9' is no scenario"),
        (7, "s0001", "the template is 7; allowed: a reference"),
    ],
)
def test_what_names_nothing(
    evaluate_prompt: Evaluator, template: str, scenario: object, message: str
) -> None:
    with pytest.raises(PromptregError, match=message):
        evaluate_prompt(template, scenario)


def test_a_template_answers_for_the_scenarios_it_serves(suite: Path, tmp_path: Path) -> None:
    path = suite / "promptreg.yaml"
    routed = path.read_text("utf-8").replace(
        '"scorers"', '"select": {"basic": {"scenario_type": "threat"}}, "scorers"'
    )
    path.write_text(routed, "utf-8")
    with Evaluator(suite) as evaluate_prompt:
        assert evaluate_prompt("v1", "s0002").failure is None
        with pytest.raises(PromptregError, match=r"does not serve the scenario 's0001'"):
            evaluate_prompt("v1", "s0001")


def test_a_server_that_is_gone_is_an_error_and_the_store_still_serves(
    suite: Path, server: ModelServer
) -> None:
    with Evaluator(suite) as evaluate_prompt:
        evaluate_prompt("v1", "s0001")
    url = f"http://127.0.0.1:{server.port}"
    path = suite / "promptreg.yaml"
    path.write_text(path.read_text("utf-8").replace('"use"', '"endpoint_id": "e", "use"'), "utf-8")
    with Evaluator(suite) as evaluate_prompt:
        evaluate_prompt("v1", "s0001")
    path.write_text(path.read_text("utf-8").replace(url, "http://127.0.0.1:9"), "utf-8")
    with Evaluator(suite) as evaluate_prompt:
        with pytest.raises(PromptregError, match="not ready"):
            evaluate_prompt("v1", "s0002")
        assert evaluate_prompt("v1", "s0001").risk_score == good_score("s0001")


def test_in_asynchronous_tests_rows_and_failures(
    run: Run, pytester: pytest.Pytester, suite: Path
) -> None:
    pytester.makepyfile(
        """
        async def test_asynchronous(evaluate_prompt):
            assert evaluate_prompt("v1", "s0001").risk_score == 42

        def test_rows(evaluate_prompt, promptreg_scenarios):
            for row in promptreg_scenarios.itertuples():
                if row.id < "s0004":
                    assert evaluate_prompt("v1", row).risk_score >= 0
            assert evaluate_prompt("v1", promptreg_scenarios.loc[2]).scenario_id == "s0002"
            assert evaluate_prompt("v1", {"id": "s0002"}).scenario_id == "s0002"

        def test_failed(evaluate_prompt):
            assert evaluate_prompt("v1", "s0004").risk_score < 30

        def test_wrong(evaluate_prompt):
            evaluate_prompt("v9", "s0004")
        """
    )
    result = run(f"--promptreg-config={suite}", "--asyncio-mode=auto")
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(
        [
            '>*assert evaluate_prompt("v1", "s0004").risk_score < 30',
            "E*TrialFailedError: basic@v1 on s0004 failed: unparseable: *",
            '>*evaluate_prompt("v9", "s0004")',
            "E*UsageError: no version or file is called 'v9'*",
        ]
    )
    assert "evaluate.py" not in "\n".join(result.outlines)
