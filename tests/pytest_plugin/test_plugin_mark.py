"""The mark: one test per template and slice, with the statistics where it fails."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from marked_tests import marked, text_of
from recorded_suite import kind_of, right, write_recorded
from suite_factory import answer_text, good_score, write_suite

Run = Callable[..., pytest.RunResult]


def test_one_test_for_each_template_and_slice(run: Run, pytester: pytest.Pytester) -> None:
    write_recorded(pytester.path)
    marked(pytester)
    result = run("--collect-only", "-q")
    slices = (
        "all",
        *(f"scenario_type={k}" for k in ("edge_case", "normal", "suspicious", "threat")),
    )
    assert result.outlines[:5] == [
        f"test_one_test_for_each_template_and_slice.py::test_prompts[basic[{part}]]"
        for part in slices
    ]
    assert not (pytester.path / ".promptreg").exists(), "collecting makes no comparison"


def test_failures_say_what_broke_and_how_sure_that_is(run: Run, pytester: pytest.Pytester) -> None:
    write_recorded(pytester.path)
    marked(pytester)
    result = run("-v")
    result.assert_outcomes(passed=3, failed=2)
    result.stdout.fnmatch_lines(
        [
            "*test_prompts[[]basic[[]scenario_type=normal]] PASSED*",
            "*test_prompts[[]basic[[]scenario_type=threat]] FAILED*",
            "promptreg: basic[[]all]: FAIL: *in_range regressed*",
            "v2 against v1 · 160 scenarios, 1 repeat",
            "metric * v1 * v2 * change * 95% interval * margin * verdict",
            "in_range * 100.0% * 75.0% * -25.0pp * REGRESSED",
            "    could have seen * p <.001* 40 broke, 0 fixed",
            "What became worse (v1 to v2, the worst first, 5 of 40):",
            "  s0???: risk_score 85 to 5, risk_level critical to low, range 70-100; metric *",
            "promptreg: basic[[]scenario_type=threat]: FAIL: *in_range regressed*",
            "in_range * 100.0% * 0.0% * -100.0pp * REGRESSED",
            "*= promptreg =*",
            "GATE FAIL — *in_range regressed*",
            "  faults: v2 against v1 · 160 scenarios, 1 repeat",
            "  320 trials (320 cached, 0 called)*",
        ]
    )
    assert "Traceback" not in text_of(result)
    assert "session.py" not in text_of(result)


def test_a_selection_runs_the_whole_comparison(run: Run, pytester: pytest.Pytester) -> None:
    write_recorded(pytester.path)
    marked(pytester)
    result = run("-k", "threat")
    result.assert_outcomes(failed=1, deselected=4)
    result.stdout.fnmatch_lines(["*v1 · 160 scenarios*"])
    run("-k", "normal").assert_outcomes(passed=1, deselected=4)


def test_a_test_for_each_metric(run: Run, pytester: pytest.Pytester) -> None:
    write_recorded(pytester.path)
    marked(pytester, "metrics=['in_range', 'key_points'], slices=[]")
    result = run("-v")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*test_prompts[[]basic[[]all]-in_range] FAILED*",
            "*test_prompts[[]basic[[]all]-key_points] PASSED*",
        ]
    )
    assert "overall " not in text_of(result).split("metric ")[1].split("What became")[0]


def test_all_gating_metrics(run: Run, pytester: pytest.Pytester) -> None:
    write_recorded(pytester.path)
    marked(pytester, "metrics=True, slices=[]")
    names = [line.rpartition("]-")[2] for line in run("--collect-only", "-q").outlines[:5]]
    metrics = ("overall", "in_range", "deviation", "key_points", "answered")
    assert names == [f"{metric}]" for metric in metrics]


INCONCLUSIVE = {"margins": {"overall": 0.001}}


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ("", "failed"),
        ("inconclusive='fail'", "failed"),
        ("inconclusive='skip'", "skipped"),
        ("inconclusive='pass'", "passed"),
    ],
)
def test_inconclusive_is_what_the_mark_says(
    run: Run, pytester: pytest.Pytester, said: str, outcome: str
) -> None:
    write_recorded(pytester.path, right, n=20, gate=INCONCLUSIVE)
    marked(pytester, f"slices=[], {said}" if said else "slices=[]")
    result = run("-rs")
    result.assert_outcomes(**{outcome: 1})
    if outcome == "failed":
        result.stdout.fnmatch_lines(
            ["promptreg: basic[[]all]: inconclusive: overall is not shown to be no worse*"]
        )
    if outcome == "skipped":
        result.stdout.fnmatch_lines(["SKIPPED*promptreg: basic[[]all]: inconclusive: overall *"])
    result.stdout.fnmatch_lines(["GATE INCONCLUSIVE — *"])


def test_inconclusive_is_what_the_option_or_the_suite_says(
    run: Run, pytester: pytest.Pytester
) -> None:
    write_recorded(pytester.path, right, n=20, gate=INCONCLUSIVE)
    marked(pytester, "slices=[]")
    run("--promptreg-inconclusive=skip").assert_outcomes(skipped=1)
    write_recorded(pytester.path, right, n=20, gate={**INCONCLUSIVE, "inconclusive": "allow"})
    run().assert_outcomes(passed=1)
    run("--promptreg-inconclusive=fail").assert_outcomes(failed=1)


def test_made_up_answers_never_pass(run: Run, pytester: pytest.Pytester) -> None:
    write_suite(pytester.path, n=40, provider={"use": "scripted"})
    marked(pytester, "slices=[], inconclusive='pass'")
    result = run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*scripted provider; they can never pass*", "SYNTHETIC*"])


def test_guards_are_tests_whatever_the_slices(run: Run, pytester: pytest.Pytester) -> None:
    guard = {"metric": "in_range", "where": {"scenario_type": "threat"}, "margin": 0.4}
    write_recorded(pytester.path, gate={"guard": [guard], "slices": []})
    marked(pytester)
    result = run("-v")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "*[[]basic[[]all]] FAILED*",
            "*[[]basic[[]scenario_type=threat]] FAILED*",
            "promptreg: basic[[]scenario_type=threat]: FAIL: in_range regressed",
        ]
    )
    assert "a slice is a hint" not in text_of(result)


def test_a_missed_limit_fails_its_template(run: Run, pytester: pytest.Pytester) -> None:
    def half(scenario: str, version: str) -> str:
        return answer_text(good_score(scenario) if int(scenario[1:]) % 8 < 4 else 65)

    write_recorded(pytester.path, half, gate={"limits": {"in_range": {"at_least": 0.9}}})
    marked(pytester, "slices=[]")
    result = run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "promptreg: basic[[]all]: FAIL: in_range is shown to miss its limit (at least 0.9)",
            "limit: in_range at least 90.0%: NOT MET (*",
        ]
    )


def test_the_body_runs_after_the_check_and_may_ask_for_more(
    run: Run, pytester: pytest.Pytester
) -> None:
    write_recorded(pytester.path)
    marked(
        pytester,
        arguments="promptreg_check, promptreg_comparison, tmp_path",
        body="assert promptreg_check.check.part != 'scenario_type=normal'; "
        "assert promptreg_comparison.candidate.label == 'v2'",
    )
    result = run("-v")
    result.assert_outcomes(passed=2, failed=3)
    result.stdout.fnmatch_lines(
        ["*scenario_type=normal]] FAILED*", "E * 'scenario_type=normal' != *"]
    )


def test_a_class_and_other_parameters(run: Run, pytester: pytest.Pytester) -> None:
    write_recorded(pytester.path, right)
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.promptreg("v1", "v2", slices=["scenario_type"])
        class TestPrompts:
            @pytest.mark.parametrize("n", [1, 2])
            def test_both(self, n): assert n

            async def test_asynchronous(self): pass

        @pytest.mark.skip(reason="not now")
        @pytest.mark.promptreg("v1", "v2", slices=[])
        def test_skipped(): pass
        """
    )
    run("--asyncio-mode=auto").assert_outcomes(passed=15, skipped=1)


def test_the_command_line_may_name_the_versions(run: Run, pytester: pytest.Pytester) -> None:
    write_recorded(pytester.path / "suites" / "one", right)
    path = pytester.makepyfile(
        """
        import pytest

        @pytest.mark.promptreg(slices=[])
        def test_prompts(): pass
        """
    )
    said = (
        path.name,
        "--promptreg-config=suites/one",
        "--promptreg-baseline=v1",
        "--promptreg-candidate=v2",
    )
    run(*said).assert_outcomes(passed=1)
    result = run(*said[:2])
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*needs a baseline, such as 'v1', or --promptreg-baseline*"])


def test_the_json_file_holds_checks_and_comparisons(run: Run, pytester: pytest.Pytester) -> None:
    write_recorded(pytester.path)
    marked(pytester)
    run("--promptreg-json=out.json").stdout.fnmatch_lines(["report: out.json"])
    told = json.loads((pytester.path / "out.json").read_text("utf-8"))
    by_slice = {tuple((c["slice"] or {}).values()): c for c in told["checks"]}
    assert by_slice[("threat",)]["verdict"] == "fail"
    assert "in_range regressed" in by_slice[("threat",)]["reasons"]
    assert by_slice[("normal",)]["outcome"] == "pass"
    (comparison,) = told["comparisons"].values()
    assert comparison["gate"]["verdict"] == "fail"
    assert comparison["suite_file"] == str(pytester.path / "promptreg.yaml")
    assert {c["comparison"] for c in told["checks"]} == set(told["comparisons"])


def test_the_json_file_needs_a_folder(run: Run, pytester: pytest.Pytester) -> None:
    result = run("--promptreg-json=gone/out.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--promptreg-json gone/out.json: must be a file in a folder*"])


def test_a_part_of_the_scenarios_never_passes(run: Run, pytester: pytest.Pytester) -> None:
    write_recorded(pytester.path, right)
    marked(pytester, "slices=[], inconclusive='pass', filters={'scenario_type': 'normal'}")
    result = run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*a part can accuse, and never pass*"])


def test_limits_of_slices_are_tests_and_count_for_all(run: Run, pytester: pytest.Pytester) -> None:
    def wrong(scenario: str, version: str) -> str:
        return answer_text(5 if kind_of(scenario) == "threat" else good_score(scenario))

    limit = {"metric": "in_range", "where": {"scenario_type": "threat"}, "at_least": 0.9}
    write_recorded(pytester.path, wrong, gate={"slices": [], "limits": {"threats": limit}})
    marked(pytester)
    result = run("-v")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "promptreg: basic[[]all]: FAIL: in_range (scenario_type=threat) is shown to miss its *",
            "promptreg: basic[[]scenario_type=threat]: FAIL: in_range *is shown to miss its limit*",
        ]
    )
    write_recorded(pytester.path, right, gate={"slices": [], "limits": {"threats": limit}})
    run("-k", "threat").assert_outcomes(passed=1, deselected=1)


def test_a_comparison_that_looks_several_times(run: Run, pytester: pytest.Pytester) -> None:
    write_recorded(pytester.path, gate={"sequential": {"looks": 3}})
    marked(pytester, "slices=[]")
    result = run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["promptreg: basic[[]all]: FAIL: *regressed*", "GATE FAIL — *"])
