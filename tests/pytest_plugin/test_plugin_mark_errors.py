"""What is wrong with a mark, a suite or a provider is told plainly, and is never a pass."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from marked_tests import marked, text_of
from recorded_suite import write_recorded
from suite_factory import write_suite

Run = Callable[..., pytest.RunResult]

WRONG = (
    ("'v1', 'v2', suit='x'", "*takes no 'suit' (did you mean 'suite'?)*"),
    ("'v1', 'v2', suite='gone.yaml'", "*there is no suite 'gone.yaml'; looked for *"),
    ("'v1', 'v3'", "*no version or file is called 'v3'*"),
    ("'v1', 'v2', 'v3'", "*takes baseline and candidate, then keywords*"),
    ("'v1', baseline='v1'", "*says its baseline twice*"),
    ("'v1', 'v2', metrics=['in_rang']", "*no metric is called 'in_rang'*'in_range'*"),
    ("'v1', 'v2', slices=['weather']", "*no slice is called 'weather'*scenario_type*"),
    ("'v1', 'v2', inconclusive='ignore'", "*'ignore'; allowed: 'fail', 'skip', 'pass'*"),
    ("'v1', 'v2', limit=0", "*limit is 0; allowed: 1 or more*"),
    ("'v1', 'v2', limit=True", "*limit is True; allowed: int*"),
    ("'v1', 'v2', margins={'overall': -1}", "*margins.overall is -1*"),
    ("'v1', 'v2', filters=['threat']", "*filters is *; allowed: a dict*"),
    ("'v1', 'v2', filters={'scenario_type': 'thread'}", "*no scenario has*'threat'*"),
    ("'v1', 'v2', template='basik'", "*'basik'*did you mean 'basic'*"),
)


def test_a_wrong_mark_is_told_without_a_traceback(run: Run, pytester: pytest.Pytester) -> None:
    write_recorded(pytester.path, n=8)
    for i, (words, _) in enumerate(WRONG):
        marked_so = f"import pytest\n@pytest.mark.promptreg({words})\ndef test_a(): pass\n"
        pytester.makepyfile(**{f"test_wrong_{i}": marked_so})
    result = run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.assert_outcomes(errors=len(WRONG))
    for _, message in WRONG:
        result.stdout.fnmatch_lines([message])
    assert "site-packages" not in text_of(result)


def test_a_metric_that_is_only_shown_is_no_check(run: Run, pytester: pytest.Pytester) -> None:
    scorers = [{"use": name} for name in ("risk_range", "key_points", "level_distribution")]
    write_recorded(pytester.path, n=8, scorers=scorers)
    marked(pytester, "metrics=['level_distribution']")
    run().stdout.fnmatch_lines(["*'level_distribution' is shown only and decides nothing*overall*"])


def test_two_marks_on_one_function_contradict_each_other(
    run: Run, pytester: pytest.Pytester
) -> None:
    write_recorded(pytester.path, n=8)
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.promptreg("v1", "v2")
        @pytest.mark.promptreg("v2", "v1")
        def test_prompts(): pass
        """
    )
    run().stdout.fnmatch_lines(["*two marks promptreg on one function*"])


def test_a_test_case_of_unittest_is_an_error(run: Run, pytester: pytest.Pytester) -> None:
    write_recorded(pytester.path, n=8)
    pytester.makepyfile(
        """
        import unittest, pytest

        @pytest.mark.promptreg("v1", "v2")
        class TestPrompts(unittest.TestCase):
            def test_prompts(self): pass
        """
    )
    result = run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*works on plain test functions and classes; this is a TestCase*"])


def test_a_suite_that_is_broken_or_missing(run: Run, pytester: pytest.Pytester) -> None:
    marked(pytester)
    run().stdout.fnmatch_lines(["*there is no suite 'promptreg.yaml'*"])
    write_recorded(pytester.path, n=8)
    path = pytester.path / "promptreg.yaml"
    path.write_text(path.read_text("utf-8").replace('"scorers"', '"scorer"'), "utf-8")
    result = run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*scorer: unknown key (did you mean 'scorers'?)*"])


def test_what_cannot_be_compared_is_an_error(run: Run, pytester: pytest.Pytester) -> None:
    write_recorded(pytester.path, n=40, versions=("v1",))
    marked(pytester, "slices=[]")
    result = run("--promptreg-json=out.json")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["promptreg: *not comparable*", "*= promptreg =*", "NOT COMPARED — exit code 4: *"]
    )
    told = json.loads((pytester.path / "out.json").read_text("utf-8"))
    assert [c["outcome"] for c in told["checks"]] == ["error"]
    assert "not comparable" in next(iter(told["errors"].values()))


def test_a_provider_that_is_down_is_one_error_for_all(run: Run, pytester: pytest.Pytester) -> None:
    write_suite(pytester.path, "http://127.0.0.1:9", n=8, gate={"slices": ["scenario_type"]})
    marked(pytester)
    result = run()
    result.assert_outcomes(errors=5)
    result.stdout.fnmatch_lines(["promptreg: provider llama_cpp: not ready: *"])
    assert "Traceback" not in text_of(result)
    result.stdout.fnmatch_lines(["NOT COMPARED — exit code 5: *"])
