"""Suite files as test files: only where both versions are named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from fake_model import ModelServer, running
from fault_server import Fault, status
from recorded_suite import MARGINS, right, write_recorded
from suite_factory import answer_text, good_score, write_suite

Run = Callable[..., pytest.RunResult]
SIDES = ("--promptreg-baseline=v1", "--promptreg-candidate=v2")


def test_nothing_happens_by_itself(run: Run, pytester: pytest.Pytester) -> None:
    write_recorded(pytester.path)
    assert run().ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert run("promptreg.yaml").ret == pytest.ExitCode.USAGE_ERROR
    assert not (pytester.path / ".promptreg").exists()


def test_a_suite_file_becomes_tests(run: Run, pytester: pytest.Pytester) -> None:
    write_recorded(pytester.path)
    result = run("promptreg.yaml", *SIDES, "-v")
    result.assert_outcomes(passed=3, failed=2)
    result.stdout.fnmatch_lines(
        [
            "promptreg.yaml::basic[[]scenario_type=normal] PASSED*",
            "promptreg.yaml::basic[[]scenario_type=threat] FAILED*",
            "promptreg: basic[[]scenario_type=threat]: FAIL: *",
        ]
    )
    one = run("promptreg.yaml::basic[scenario_type=threat]", *SIDES)
    one.assert_outcomes(failed=1)


def test_metrics_and_slices_from_the_command_line(run: Run, pytester: pytest.Pytester) -> None:
    write_recorded(pytester.path)
    said = ("--promptreg-metrics=in_range, key_points", "--promptreg-slices=none")
    result = run("promptreg.yaml", *SIDES, *said, "-v")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["promptreg.yaml::basic[[]all]-in_range FAILED*"])
    said = ("--promptreg-metrics=all", "--promptreg-slices=scenario_type")
    assert "25 tests collected" in run(*SIDES, *said, "--collect-only", "-q").outlines[-1]


def test_any_name_if_it_is_said(run: Run, pytester: pytest.Pytester) -> None:
    write_recorded(pytester.path, right, n=40)
    Path("promptreg.yaml").rename("other.yaml")
    Path("data.yaml").write_text("no: suite\n", "utf-8")
    assert run(*SIDES).ret == pytest.ExitCode.NO_TESTS_COLLECTED
    run("other.yaml", *SIDES, "--promptreg-slices=none").assert_outcomes(passed=1)
    result = run("data.yaml", *SIDES)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["promptreg: *data.yaml: suite: is required"])


def test_other_tests_go_on(run: Run, pytester: pytest.Pytester) -> None:
    write_recorded(pytester.path, right, n=40)
    pytester.makepyfile("def test_other(): pass")
    run(*SIDES, "--promptreg-slices=none").assert_outcomes(passed=2)


@pytest.mark.slow
@pytest.mark.parametrize("broken", [False, True])
def test_workers_ask_once_what_fails(start: Run, pytester: pytest.Pytester, broken: bool) -> None:
    """Failed calls are not kept, yet no worker makes those of another again."""
    failing = status(401) if broken else status(400)

    def answer(scenario: str, version: str) -> str | Fault:
        failed = broken or scenario in ("s0001", "s0002")
        return failing if failed else answer_text(good_score(scenario))

    with running(ModelServer(answer)) as server:
        write_suite(
            pytester.path,
            f"http://127.0.0.1:{server.port}",
            n=40,
            provider={"retries": 0, "concurrency": 1},
            gate={"slices": ["scenario_type"], "margins": MARGINS},
        )
        workers = ("-n", "2", "--dist=each" if broken else "--dist=load")
        result = start(*SIDES, *workers, "--promptreg-json=out.json")
        assert server.repeated == {}
        told = json.loads(Path("out.json").read_text("utf-8"))
        assert not Path(".promptreg", "pytest").exists()
        if broken:
            result.assert_outcomes(errors=10)
            result.stdout.fnmatch_lines(["NOT COMPARED — exit code 5: *401*"])
            assert len(told["checks"]) == 10
        else:
            result.assert_outcomes(passed=1, failed=4)
            assert len(server.calls) == 80
            result.stdout.fnmatch_lines(["GATE PASS — *", "*4 HTTP errors", "*76 called)*"])
            assert (len(told["checks"]), len(told["comparisons"])) == (5, 1)
