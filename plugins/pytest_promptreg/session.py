"""What one pytest session knows: the opened suites, the comparisons made, what became of checks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from promptreg.errors import ExitCode, PromptregError, StoppedError
from promptreg.pipeline.checks import judge, plan_checks
from promptreg.pipeline.compare import compare
from promptreg.pipeline.parts import make_scoring, policy_for
from promptreg.pipeline.project import Project, open_project
from promptreg.suite import find_suite
from promptreg.verdicts import Comparison, GateVerdict
from pytest_promptreg.options import given_suite
from pytest_promptreg.planned import Planned, Prepared
from pytest_promptreg.results import Results
from pytest_promptreg.sharing import meeting_place, shared
from pytest_promptreg.words import failure_text, inconclusive_text

if TYPE_CHECKING:
    from promptreg.policy import Policy
    from pytest_promptreg.asked import Asked

__all__ = ["State", "plainly"]


_PREPARED: pytest.StashKey[Prepared] = pytest.StashKey()


@contextmanager
def plainly() -> Iterator[None]:
    """Show a deliberate error of promptreg as its message alone, without a traceback."""
    try:
        yield
    except StoppedError as e:
        pytest.exit(f"promptreg: {e}", int(e.exit_code))
    except PromptregError as e:
        raise pytest.fail.Exception(f"promptreg: {e}", pytrace=False) from None
    except OSError as e:
        raise pytest.fail.Exception(f"promptreg: {e}", pytrace=False) from None


class State:
    """Suites, comparisons and results of one session; each is made once, at its first use."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.results = Results(config)
        self._projects: dict[Path, Project] = {}
        self._made: dict[str, tuple[Comparison, Policy] | PromptregError] = {}

    def project(self, path: Path | None = None) -> Project:
        """Return an opened suite; by default the session's own."""
        with plainly():
            given = path or given_suite(self.config)
            found = find_suite(None if given is None else str(given), self.config.rootpath)
            found = found.resolve()
            if found not in self._projects:
                self._projects[found] = open_project(str(found), purpose="tests")
            return self._projects[found]

    def plan(self, asked: Asked) -> list[Planned]:
        """Return the tests of a comparison to come, without a call."""
        with plainly():
            checks = plan_checks(
                self.project(asked.suite),
                asked.baseline,
                asked.candidate,
                asked.options,
                metrics=asked.metrics,
                slices=asked.slices,
            )
            return [Planned(asked, check) for check in checks]

    def prepare(self, item: pytest.Item, planned: Planned) -> None:
        """Make the comparison that a test rests on, or find it made.

        Raises:
            pytest.fail.Exception: it could not be made; without a traceback.
        """
        with plainly():
            try:
                comparison, policy = self._comparison(planned.asked)
            except PromptregError as e:
                self.results.errored(item.nodeid, planned, e)
                raise
            checked = judge(planned.check, comparison, policy)
        item.stash[_PREPARED] = Prepared(planned, comparison, policy, checked)

    def prepared(self, item: pytest.Item) -> Prepared:
        """Return what `prepare` made for a test."""
        found = item.stash.get(_PREPARED, None)
        if found is None:
            pytest.fail(
                "the fixtures promptreg_check and promptreg_comparison are for tests with the mark "
                "promptreg; others can call promptreg.pipeline.compare.compare",
                pytrace=False,
            )
        return found

    def decide(self, item: pytest.Item) -> None:
        """Let a test fail, skip or go on, as its check demands.

        Raises:
            pytest.fail.Exception: the check failed; without a traceback.
            pytest.skip.Exception: it is inconclusive, and that was to be skipped.
        """
        found = self.prepared(item)
        checked, comparison = found.checked, found.comparison
        verdict = checked.gate.verdict
        outcome = "pass"
        if verdict is GateVerdict.FAIL:
            outcome = "fail"
        elif verdict is GateVerdict.INCONCLUSIVE:
            outcome = self._inconclusive(found)
        self.results.decided(item.nodeid, found, outcome)
        if outcome == "fail":
            raise pytest.fail.Exception(failure_text(checked, comparison), pytrace=False)
        if outcome == "skip":
            raise pytest.skip.Exception(inconclusive_text(checked))

    def _inconclusive(self, found: Prepared) -> str:
        code = found.checked.gate.exit_code
        said = found.planned.asked.inconclusive or self.config.getoption("promptreg_inconclusive")
        if said is None:
            said = "pass" if found.policy.inconclusive == "allow" else "fail"
        if code is ExitCode.NOT_COMPARABLE or (said == "pass" and code is not ExitCode.OK):
            return "fail"  # too much is missing; or answers are made up, or scenarios left out
        return str(said)

    def _comparison(self, asked: Asked) -> tuple[Comparison, Policy]:
        """Return the comparison, made once in a session whatever came of it."""
        if asked.key not in self._made:
            try:
                project = self.project(asked.suite)
                every = project.every_scenario()
                policy = policy_for(project, make_scoring(project), every, asked.options)
                comparison = self._compared(project, asked)
                self.results.compared(asked, comparison, project.plugins.complaints)
                self._made[asked.key] = comparison, policy
            except StoppedError:
                raise
            except PromptregError as e:
                self._made[asked.key] = e
        made = self._made[asked.key]
        if isinstance(made, PromptregError):
            raise made.with_traceback(None)
        return made

    def _compared(self, project: Project, asked: Asked) -> Comparison:
        worker = getattr(self.config, "workerinput", None)  # set by pytest-xdist
        if worker is None:
            return compare(project, asked.baseline, asked.candidate, asked.options)
        folder = meeting_place(project, worker["testrunuid"])
        self.results.leaves(folder)
        return shared(folder, project, asked)
