"""Marked tests and a suite's policy: what keeps the gate from passing keeps a test from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from promptreg.errors import ExitCode
from recorded_suite import right, write_recorded

Run = Callable[..., pytest.RunResult]


def marked(pytester: pytest.Pytester, more: str = "") -> None:
    pytester.makepyfile(
        "import pytest\n\n"
        f'@pytest.mark.promptreg("v1", "v2", suite="promptreg.yaml"{more})\n'
        "def test_prompts(): ..."
    )


def test_a_limit_that_a_slice_meets_passes_by_itself(run: Run, pytester: pytest.Pytester) -> None:
    threats = {"metric": "in_range", "where": {"scenario_type": "threat"}, "at_least": 0.8}
    write_recorded(pytester.path, right, gate={"limits": [threats], "slices": []})
    marked(pytester)
    run().assert_outcomes(passed=2)


def test_a_limit_on_a_slice_is_a_test_although_nothing_slices_by_it(
    run: Run, pytester: pytest.Pytester
) -> None:
    threats = {"metric": "in_range", "where": {"scenario_type": "threat"}, "at_least": 0.9}
    write_recorded(pytester.path, gate={"limits": [threats], "slices": []})
    marked(pytester)
    result = run("-v")
    result.stdout.fnmatch_lines(
        [
            "*::test_prompts[[]basic[[]scenario_type=threat]] FAILED*",
            "promptreg: basic[[]scenario_type=threat]: FAIL: *shown to miss its limit*",
        ]
    )


@pytest.mark.parametrize(
    "workers", [(), pytest.param(("-p", "xdist", "-n", "2"), marks=pytest.mark.slow)]
)
def test_a_filter_does_not_make_a_guard_of_other_scenarios_wrong(
    start: Run, pytester: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    guard = {"metric": "in_range", "where": {"scenario_type": "normal"}, "margin": 0.2}
    write_recorded(pytester.path, right, gate={"guard": [guard]})
    marked(pytester, ', filters={"scenario_type": "threat"}')
    result = start(*workers)
    assert "unknown" not in result.stdout.str()
    result.assert_outcomes(failed=3)  # a part never passes, nor does a guard of nothing
    result.stdout.fnmatch_lines(["*only part of the suite's scenarios was compared*"])


def test_an_actions_job_gets_a_summary_and_no_words_in_the_pull_request(
    run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The comment on a change is the gate's; a test of some scenarios must not replace it."""
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("GITHUB_REPOSITORY", "team/cameras")
    monkeypatch.setenv("PROMPTREG_GITHUB_TOKEN", "ghs_token")
    write_recorded(pytester.path)
    marked(pytester)
    result = run("-k", "threat", "-rA")
    assert result.ret == ExitCode.REGRESSION
    text = result.stdout.str() + result.stderr.str()
    assert "GATE FAIL" in summary.read_text("utf-8")
    assert "::error" not in text
    assert "comment" not in text
