"""Two patterns that users write, run as they are written; only an import comes before them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from recorded_suite import kind_of, right, write_recorded
from suite_factory import answer_text, good_score

Run = Callable[..., pytest.RunResult]
EXAMPLE = Path(__file__).parents[2] / "examples" / "home_security"

IMPORTS = """
import pytest
from prompts import ENRICHED_TEMPLATE, PROMPT_TEMPLATES, evaluate_prompt
"""
PATTERNS = '''
@pytest.mark.parametrize("template", PROMPT_TEMPLATES)
def test_risk_score_within_ground_truth_range(template, scenario_by_type):
    """Each template should produce scores within expected ranges."""
    for scenario in scenario_by_type["threat"].itertuples():
        result = evaluate_prompt(template, scenario.formatted_prompt_input)
        min_score, max_score = scenario.ground_truth_risk_range
        assert min_score <= result.risk_score <= max_score


def test_enrichment_context_reflected_in_reasoning(synthetic_scenarios):
    """Full enrichment scenarios should reference context in reasoning."""
    full_enrichment = synthetic_scenarios[
        synthetic_scenarios.enrichment_level == "full"
    ]
    for scenario in full_enrichment.itertuples():
        result = evaluate_prompt(ENRICHED_TEMPLATE, scenario.formatted_prompt_input)
        for key_point in scenario.reasoning_key_points:
            assert key_point.lower() in result.reasoning.lower()
'''
PROMPTS = """
from pytest_promptreg import Evaluator

evaluate_prompt = Evaluator("promptreg.yaml")
PROMPT_TEMPLATES = ["basic@v1", "basic@v2"]
ENRICHED_TEMPLATE = "basic@v2"
"""


def write_tests(pytester: pytest.Pytester, prompts: str = PROMPTS) -> None:
    pytester.makepyfile(test_nemotron_prompts=IMPORTS + PATTERNS, prompts=prompts)


def forgetful(scenario: str, version: str) -> str:
    """Return an answer that under v2 misses one threat, and in one scenario a key point."""
    if version == "v2" and scenario == "s0006":
        return answer_text(60)
    reasoning = "Somebody is at the door." if scenario == "s0003" else "A package at the Door."
    return answer_text(good_score(scenario), reasoning)


def test_the_patterns_pass_where_the_answers_are_right(run: Run, pytester: pytest.Pytester) -> None:
    write_recorded(pytester.path, right, n=12)
    add_enrichment(pytester.path)
    write_tests(pytester)
    run().assert_outcomes(passed=3)


def test_the_patterns_fail_where_they_should(run: Run, pytester: pytest.Pytester) -> None:
    write_recorded(pytester.path, forgetful, n=12)
    add_enrichment(pytester.path)
    write_tests(pytester)
    result = run()
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        [
            "*test_risk_score_within_ground_truth_range[[]basic@v2]*",
            "E*assert 70 <= 60",
            "E*<Evaluated basic@v2 on s0006*",
            "*test_enrichment_context_reflected_in_reasoning*",
            "E*assert 'package' in 'somebody is at the door.'",
        ]
    )


def test_a_failed_trial_is_no_score(run: Run, pytester: pytest.Pytester) -> None:
    def silent(scenario: str, version: str) -> str:
        return "" if kind_of(scenario) == "threat" else right(scenario, version)

    write_recorded(pytester.path, silent, n=12)
    add_enrichment(pytester.path)
    write_tests(pytester)
    result = run()
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["E*TrialFailedError: basic@v1 on s0002 failed: timeout: *"])
    assert "trial.py" not in "\n".join(result.outlines)


def test_the_patterns_on_the_recorded_example(run: Run, pytester: pytest.Pytester) -> None:
    """A real model's answers; every failure here is a true one."""
    for name in ("promptreg.yaml", "scenarios.jsonl", "completions.jsonl"):
        shutil.copy(EXAMPLE / name, pytester.path)
    shutil.copytree(EXAMPLE / "templates", pytester.path / "templates")
    write_tests(pytester)
    result = run()
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(
        [
            "E*assert 70 <= *",
            "E*<Evaluated basic@v1 on *",
            "E*<Evaluated basic@v2 on *",
        ]
    )


def add_enrichment(folder: Path) -> None:
    """Give every fourth scenario the enrichment level `full`, the others `none`."""
    path = folder / "scenarios.jsonl"
    lines = path.read_text("utf-8").splitlines()
    full = ('"enrichment_level": "none", ', '"enrichment_level": "full", ')
    changed = [line.replace("{", "{" + full[i % 4 == 3], 1) for i, line in enumerate(lines)]
    path.write_text("\n".join(changed) + "\n", "utf-8")
