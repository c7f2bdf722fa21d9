"""The hooks and fixtures that pytest sees; everything they do is imported when it is used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_promptreg.options import MARK, add_options, check_options

if TYPE_CHECKING:
    import pandas as pd

    from promptreg.pipeline.checks import Checked
    from promptreg.pipeline.project import Project
    from promptreg.verdicts import Comparison
    from pytest_promptreg.evaluate import Evaluator
    from pytest_promptreg.planned import Planned
    from pytest_promptreg.session import State

_STATE: pytest.StashKey[State] = pytest.StashKey()


def _state(config: pytest.Config) -> State:
    """Return what this session knows, made at the first use."""
    if _STATE not in config.stash:
        from pytest_promptreg.session import State

        config.stash[_STATE] = State(config)
    return config.stash[_STATE]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and the ini keys."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark, and refuse options that cannot be followed."""
    config.addinivalue_line("markers", MARK)
    check_options(config)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a suite file, if the command line names both versions."""
    if not parent.config.getoption("promptreg_baseline"):
        return None
    named = file_path.name in ("promptreg.yaml", "promptreg.yml")
    readable = file_path.suffix in (".yaml", ".yml", ".toml")
    if not named and not (readable and parent.session.isinitpath(file_path)):
        return None
    from pytest_promptreg.suite_file import SuiteFile

    return SuiteFile.from_parent(parent, path=file_path, state=_state(parent.config))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Turn a marked function into one test per template and slice."""
    if metafunc.definition.get_closest_marker("promptreg") is not None:
        from pytest_promptreg.marks import expand

        expand(metafunc, _state(metafunc.config))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Make the comparison before the test, so that what keeps it from being made is an error."""
    planned = _planned(item)
    if planned is not None:
        _state(item.config).prepare(item, planned)
    elif item.get_closest_marker("promptreg") is not None:
        pytest.fail(
            "promptreg: the mark promptreg works on plain test functions and classes; this is a "
            f"{type(item).__name__}",
            pytrace=False,
        )


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> None:
    """Decide a marked test before its body runs; the body may ask for more."""
    if _planned(pyfuncitem) is not None:
        _state(pyfuncitem.config).decide(pyfuncitem)


def _planned(item: pytest.Item) -> Planned | None:
    """Return the check that a marked function was turned into."""
    callspec = getattr(item, "callspec", None)
    return None if callspec is None else callspec.params.get("promptreg_check")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand a worker's results over, or write the JSON file."""
    config = session.config
    if _STATE in config.stash or config.getoption("promptreg_json"):
        _state(config).results.finish()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what the comparisons of this session decided."""
    config = terminalreporter.config
    if _STATE in config.stash:
        _state(config).results.show(terminalreporter)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over the results of a worker of pytest-xdist."""
    handed = getattr(node, "workeroutput", {}).get("promptreg")
    if handed:
        _state(node.config).results.take(handed)


@pytest.fixture(scope="session")
def promptreg_suite(pytestconfig: pytest.Config) -> Project:
    """The opened suite: of --promptreg-config, ini promptreg_config, or upward from rootdir."""
    return _state(pytestconfig).project()


@pytest.fixture(scope="session")
def promptreg_scenarios(promptreg_suite: Project) -> pd.DataFrame:
    """All scenarios of the suite as a DataFrame; not to be changed in place."""
    from pytest_promptreg.frame import frame_of
    from pytest_promptreg.session import plainly

    with plainly():
        return frame_of(promptreg_suite)


@pytest.fixture(scope="session")
def synthetic_scenarios(promptreg_scenarios: pd.DataFrame) -> pd.DataFrame:
    """The same as promptreg_scenarios; meant to be overridden."""
    return promptreg_scenarios


@pytest.fixture(scope="session")
def scenario_by_type(
    synthetic_scenarios: pd.DataFrame, pytestconfig: pytest.Config
) -> dict[str, pd.DataFrame]:
    """The scenarios by the value of the column that ini promptreg_type_attribute names."""
    from pytest_promptreg.frame import by_type
    from pytest_promptreg.session import plainly

    with plainly():
        return by_type(synthetic_scenarios, pytestconfig.getini("promptreg_type_attribute"))


@pytest.fixture(scope="session")
def evaluate_prompt(promptreg_suite: Project, pytestconfig: pytest.Config) -> Iterator[Evaluator]:
    """A function of a template and a scenario that asks the model, or the store, once."""
    from pytest_promptreg.evaluate import Evaluator

    with Evaluator(promptreg_suite, version=pytestconfig.getini("promptreg_version")) as evaluator:
        yield evaluator


@pytest.fixture
def promptreg_check(request: pytest.FixtureRequest) -> Checked:
    """Of a test with the mark: what the comparison says to this test's template and slice."""
    return _state(request.config).prepared(request.node).checked


@pytest.fixture
def promptreg_comparison(request: pytest.FixtureRequest) -> Comparison:
    """Of a test with the mark: the whole comparison."""
    return _state(request.config).prepared(request.node).comparison
