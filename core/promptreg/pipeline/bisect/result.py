"""What a bisection found, for reports."""

from __future__ import annotations

from dataclasses import dataclass

from promptreg.errors import ExitCode
from promptreg.pipeline.bisect.tester import Spending, Tested
from promptreg.records import Template
from promptreg.stages.bisect import CommitFinding, Edit, Finding, Parts
from promptreg.stages.load import State
from promptreg.verdicts import Difference, Slice

__all__ = ["Bisection"]


@dataclass(frozen=True)
class Bisection:
    """What a bisection found.

    Attributes:
        suite, template: what was looked into.
        good, bad: the references of both ends.
        metric, where: what was to be explained, if it was said; else every gating line.
        ends: every gating difference of BAD to GOOD.
        targets: those of them that regressed and were to be explained; empty: nothing to find.
        alpha: error of the premise and of acquittals.
        level: error of one accusation, corrected for all tests.
        most: tests that were planned for, at most.
        tests: those that were made.
        edit, parts, finding: the edit's pieces, what can be told apart, and what was found;
            None where commits were searched or there was nothing to find.
        proofs: for each culprit of the finding the test that accuses it; None where that is the
            whole edit.
        states, commits: the same for commits.
        spending: what it took.
        provider: one line for people.
        synthetic: whether answers were made up.
        duration_s: seconds.
        warnings: what a reader must know.
        runs: ids of the runs of both ends.
        texts: the versions at both ends.
    """

    suite: str
    template: str
    good: str
    bad: str
    metric: str | None
    where: Slice | None
    ends: tuple[Difference, ...]
    targets: tuple[Difference, ...]
    alpha: float
    level: float
    most: int
    tests: tuple[Tested, ...]
    spending: Spending
    provider: str
    synthetic: bool
    duration_s: float
    warnings: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    texts: tuple[Template, ...] = ()
    edit: Edit | None = None
    parts: Parts | None = None
    finding: Finding | None = None
    proofs: tuple[Tested | None, ...] = ()
    states: tuple[State, ...] = ()
    commits: CommitFinding | None = None

    @property
    def named(self) -> bool:
        """Whether a culprit is named."""
        if self.commits is not None:
            return self.commits.named
        return self.finding is not None and self.finding.named

    @property
    def exit_code(self) -> ExitCode:
        """0 only where a culprit is named; 3 where the evidence names none, or none is to find."""
        return ExitCode.OK if self.named else ExitCode.INCONCLUSIVE

    @property
    def scenarios_needed(self) -> int | None:
        """About how many more scenarios would settle the tests that were unclear."""
        open_lines = self.ends if not self.targets else self._unclear
        known = [d.scenarios_needed for d in open_lines if d.scenarios_needed]
        return max(known, default=None)

    @property
    def _unclear(self) -> tuple[Difference, ...]:
        return tuple(d for t in self.tests if t.outcome == "unclear" for d in t.lines)
