"""The plug-in costs nothing where it is not used, and stays out of everybody's way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from recorded_suite import right, write_recorded

Run = Callable[..., pytest.RunResult]
OWN = {"pytest_promptreg", "pytest_promptreg.options", "pytest_promptreg.plugin"}
SPY = """
    import sys

    def test_what_is_imported():
        ours = {m for m in sys.modules if m.startswith(("promptreg", "pytest_promptreg"))}
        assert ours == %r
        assert not {"pandas", "numpy", "pydantic", "aiohttp", "typer", "yaml"} & set(sys.modules)
"""


def test_a_session_that_does_not_use_it_imports_three_small_files(
    start: Run, pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(SPY % OWN)
    start("-v", "-p", "no:anyio").assert_outcomes(passed=1)


@pytest.mark.slow
def test_without_the_plug_in_nothing_is_imported(start: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SPY % set())
    start("-p", "no:promptreg", "-p", "no:anyio").assert_outcomes(passed=1)
    result = start("-p", "no:promptreg", "--markers")
    assert "promptreg" not in "\n".join(result.outlines)


@pytest.mark.slow
@pytest.mark.parametrize("imported_before", [False, True])
def test_a_wheel_brings_no_warning(
    start: Run, pytester: pytest.Pytester, installed: Path, imported_before: bool
) -> None:
    """An installed wheel lists its files; pytest rewrites the assertions of all of them."""
    files = ("promptreg/__init__.py", "pytest_promptreg/__init__.py", "pytest_promptreg/plugin.py")
    (info,) = installed.glob("*.dist-info")
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files), "utf-8")
    if imported_before:  # as an earlier plug-in of the user's might do
        pytester.makepyfile(early="import promptreg")
    write_recorded(pytester.path, right, n=40)
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.promptreg("v1", "v2", slices=[])
        def test_prompts(evaluate_prompt):
            assert evaluate_prompt("v1", "s0001").risk_score == 42
        """
    )
    result = start("-W", "error", *(("-p", "early") if imported_before else ()))
    result.assert_outcomes(passed=1, warnings=0)


def test_help_and_markers_tell_of_it(run: Run) -> None:
    told = "\n".join(run("--help").outlines)
    for word in ("--promptreg-config=FILE", "--promptreg-json=FILE", "promptreg_type_attribute"):
        assert word in told
    run("--markers").stdout.fnmatch_lines(["@pytest.mark.promptreg(baseline, candidate,*"])


def test_the_user_s_own_fixtures_win(run: Run, pytester: pytest.Pytester) -> None:
    """The names of the seeds are anybody's names."""
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture
        def evaluate_prompt():
            return lambda template, prompt: (template, prompt)

        @pytest.fixture
        def scenario_by_type():
            return {"threat": [1]}
        """
    )
    pytester.makepyfile(
        """
        def test_own(evaluate_prompt, scenario_by_type):
            assert evaluate_prompt(1, 2) == (1, 2)
            assert scenario_by_type == {"threat": [1]}
        """
    )
    run().assert_outcomes(passed=1)


def test_both_versions_go_together(run: Run) -> None:
    result = run("--promptreg-baseline=v1")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--promptreg-baseline and --promptreg-candidate go together*"])


def test_strict_sessions_know_the_mark(run: Run, pytester: pytest.Pytester) -> None:
    write_recorded(pytester.path, right, n=40)
    pytester.makepyfile(
        """
        import pytest
        pytestmark = pytest.mark.promptreg("v1", "v2", slices=[])
        def test_prompts(): pass
        """
    )
    run("--strict-markers", "--strict-config").assert_outcomes(passed=1)
