"""What users are shown: the example's tests fail as they should, and README's test runs."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from promptreg.cli.app import run as command

Run = Callable[..., pytest.RunResult]
ROOT = Path(__file__).parents[2]
FAILURES = {
    "test_edit_makes_nothing_worse[basic[all]]",
    "test_edit_makes_nothing_worse[basic[scenario_type=edge_case]]",
    "test_edit_makes_nothing_worse[basic[scenario_type=normal]]",
    "test_edit_makes_nothing_worse[basic[scenario_type=suspicious]]",
    "test_weapons_raise_an_alarm",
    "test_nobody_is_woken_for_a_delivery[v2]",
}
"""What a real model's answers show; README of the example tells the same."""


def test_the_example_fails_where_the_edit_broke_something(
    run: Run, pytester: pytest.Pytester
) -> None:
    source = ROOT / "examples" / "home_security"
    shutil.copytree(source, "home_security", ignore=shutil.ignore_patterns(".promptreg"))
    result = run("home_security", "-rf", "-p", "no:asyncio", "-W", "error")
    result.assert_outcomes(passed=2, failed=6)
    told = [line for line in result.outlines if line.startswith("FAILED ")]
    failed = {line.split("::")[1].split(" - ")[0] for line in told}
    assert failed == FAILURES
    result.stdout.fnmatch_lines(
        [
            "promptreg: basic[[]all]: FAIL: risk_level regressed; *",
            "promptreg: basic[[]scenario_type=edge_case]: FAIL: overall regressed; in_range regr*",
            "in_range * 96.4% * 32.1% * -64.3pp * [[]-87.5, -41.7] * REGRESSED",
            "    * 18 broke, 0 fixed",
            "  person_on_ground-1: risk_score 50 to 85, *",
        ]
    )


def test_the_test_in_the_readme_runs(run: Run, pytester: pytest.Pytester) -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    (block,) = [b for b in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "pytest" in b]
    assert command(["init", "demo"]) == 0
    Path("demo", "test_prompts.py").write_text(block, "utf-8")
    result = run("--rootdir=demo", "demo", "-v", "--promptreg-config=demo")
    shown = {"passed", "failed"}
    assert sum(n for word, n in result.parseoutcomes().items() if word in shown) == 6
    result.stdout.fnmatch_lines(
        ["*test_the_edit_makes_nothing_worse[[]basic[[]all]]*", "*test_threats_score_high*"]
    )
    assert "Error" not in "\n".join(result.outlines).replace("AssertionError", "")


def test_the_readme_names_every_fixture_and_option() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    plugin = ROOT / "plugins" / "pytest_promptreg"
    source = (plugin / "plugin.py").read_text("utf-8")
    fixtures = re.findall(r"@pytest.fixture.*\ndef (\w+)\(", source)
    assert len(fixtures) == 7
    for name in fixtures:
        assert re.search(rf"`{name}\b", text), name
