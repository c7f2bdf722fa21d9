"""One test: GOOD against another text, with everything GOOD was asked already at hand."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from promptreg.errors import ExecutionError, StoppedError, TemplateError, UsageError
from promptreg.pipeline.bisect.wish import sharpened
from promptreg.pipeline.conclude import paired, resampling_seed
from promptreg.pipeline.execute import Executed, execute
from promptreg.pipeline.parts import make_provider
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.sides import Sides
from promptreg.pipeline.versions import make_version
from promptreg.pipeline.work import Version
from promptreg.policy import Policy
from promptreg.records import Cause, Run, Scenario, ScenarioSet, Template
from promptreg.stages.bisect import Outcome
from promptreg.stages.call import Budget
from promptreg.stages.compare import compare_pairs
from promptreg.stages.render import render
from promptreg.stages.score import Scoring
from promptreg.verdicts import Difference, Slice, Verdict

__all__ = ["Spending", "Tested", "Tester", "accused", "fingerprint"]

_SAME = "every prompt is the same as with {}"


@dataclass(frozen=True, slots=True)
class Tested:
    """What a test said.

    Attributes:
        label: the text that was tested.
        outcome: what the search goes by.
        lines: the differences to GOOD on what is to be explained; empty where nothing was asked.
        note: why nothing was asked.
    """

    label: str
    outcome: Outcome
    lines: tuple[Difference, ...] = ()
    note: str = ""


@dataclass(slots=True)
class Spending:
    """What all tests together took."""

    planned: int = 0
    cached: int = 0
    called: int = 0
    calls: int = 0
    """Calls made, those that failed included."""
    tokens: int = 0
    cost: float | None = None
    paid: float = 0.0

    def add(self, executed: Executed) -> None:
        """Count one execution."""
        tally, spent = executed.tally, executed.spent
        self.planned += tally.planned
        self.cached += tally.cached
        self.called += tally.called
        self.calls += spent.calls
        self.tokens += spent.prompt_tokens + spent.completion_tokens
        self.paid += spent.cost
        if tally.cost is not None:
            self.cost = (self.cost or 0.0) + tally.cost

    def left(self, budget: Budget | None) -> Budget | None:
        """Return what is left of a budget."""
        if budget is None:
            return None
        return Budget(
            None if budget.calls is None else max(0, budget.calls - self.calls),
            None if budget.tokens is None else max(0, budget.tokens - self.tokens),
            None if budget.cost is None else max(0.0, budget.cost - self.paid),
        )


class Tester:
    """Compares texts with GOOD, one after the other.

    Each test is what `compare` would do, but that GOOD's run is not made again, that only the
    lines to be explained are looked at, and that an accusation must stand at a corrected level.

    Args:
        project: the opened suite.
        options: the command line's word; its budget is for all tests together.
        scenarios: the chosen scenarios.
        served: those of them that the template serves.
        scoring: the suite's scorers.
        policy: what gates.
        handle_signals: stop cleanly on SIGINT and SIGTERM (only in the main thread).
        tell: told of each test before it is made.
    """

    def __init__(
        self,
        project: Project,
        options: Options,
        scenarios: ScenarioSet,
        served: Sequence[Scenario],
        scoring: Scoring,
        policy: Policy,
        *,
        handle_signals: bool = False,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.project = project
        self.scoring = scoring
        self.spending = Spending()
        self.tests: list[Tested] = []
        self.warnings: list[str] = []
        self.executed: Executed | None = None
        self._options = replace(options, budget=None)
        self._budget = Budget.parse(options.budget) if options.budget else None
        self._scenarios = scenarios
        self._served = served
        self._scoring = scoring
        self._policy = policy
        self._handle_signals = handle_signals
        self._tell = tell
        self._asked = project.suite.provider_name
        self._cacheable = False
        self._good: Run | None = None
        self._known: dict[str, Tested] = {}

    def first(self, good: Template, bad: Template) -> tuple[Difference, ...]:
        """Run both ends, interleaved, and return every gating difference between them.

        Raises:
            UsageError: the ends send the same prompts, or cannot be rendered.
        """
        self._asked = good.provider_name
        self._cacheable = make_provider(self.project, self._asked).cacheable
        versions = [
            make_version(self.project, template, self._served, side=side, lane=lane)
            for lane, (side, template) in enumerate((("baseline", good), ("candidate", bad)))
        ]
        prints = [fingerprint(self.project, version) for version in versions]
        if prints[0] == prints[1]:
            raise UsageError(
                f"{good.label} and {bad.label} make the same prompt of every scenario: there is "
                "nothing to bisect"
            )
        self._tell(f"{good.label} and {bad.label}")
        executed = self._execute(versions)
        for run, template in zip(executed.runs, (good, bad), strict=True):
            self._check_recorded(run, template)
        self._good = executed.runs[0]
        self._known[prints[0]] = Tested(good.label, Outcome.HARMLESS, note=_SAME.format(good.label))
        self._known[prints[1]] = Tested(bad.label, Outcome.REGRESSED, note=_SAME.format(bad.label))
        return tuple(d for d in self._compare(executed.runs[1], self._policy) if d.gating)

    def test(
        self, template: Template, targets: Sequence[tuple[str, Slice | None]], level: float
    ) -> Tested:
        """Compare a text with GOOD; this is the one place where a subset is judged.

        Regressed: a target is accused with a p-value, adjusted for all gating lines, of at most
        `level`. Harmless: every target is shown no worse at the suite's own alpha. Everything
        else is unclear; a text that cannot be rendered is broken.

        Args:
            template: the text.
            targets: metrics, and slices, that are to be explained.
            level: two-sided level of an accusation, corrected for all tests.
        """
        tested = self._test(replace(template, provider_name=self._asked), targets, level)
        self.tests.append(tested)
        return tested

    def _test(
        self, template: Template, targets: Sequence[tuple[str, Slice | None]], level: float
    ) -> Tested:
        try:
            version = make_version(self.project, template, self._served, side="candidate", lane=1)
        except TemplateError as e:
            return Tested(template.label, Outcome.BROKEN, note=str(e))
        print_ = fingerprint(self.project, version)
        known = self._known.get(print_)
        if known is not None:
            note = known.note or _SAME.format(known.label)
            return Tested(template.label, known.outcome, known.lines, note)
        self._tell(f"{template.label}")
        executed = self._execute([version])
        self._check_recorded(executed.runs[0], template)
        found = self._compare(executed.runs[0], sharpened(self._policy, level))
        lines = tuple(d for d in found if d.gating and (d.metric, d.slice) in targets)
        tested = Tested(template.label, _outcome(lines, level), lines)
        self._known[print_] = tested
        return tested

    def _execute(self, versions: Sequence[Version]) -> Executed:
        left = self.spending.left(self._budget)
        try:
            executed = execute(
                self.project,
                versions,
                self._scenarios,
                self._options,
                self._scoring,
                handle_signals=self._handle_signals,
                budget=left,
            )
        except (ExecutionError, StoppedError) as e:
            done = sum(1 for t in self.tests if t.lines)
            e.args = (f"{e} (in the test of {versions[-1].template.label}, after {done} others)",)
            raise
        self.executed = executed
        self.spending.add(executed)
        self.warnings += executed.warnings
        return executed

    def _compare(self, candidate: Run, policy: Policy) -> tuple[Difference, ...]:
        assert self._good is not None  # noqa: S101 - `first` comes first
        name = candidate.facts.template
        sides = Sides({name: self._good}, {name: candidate}, warnings=[])
        pairs = paired(sides, self._scenarios, self._options, self._scoring)
        self.warnings += sides.warnings
        return compare_pairs(pairs, policy, seed=resampling_seed(pairs))

    def _check_recorded(self, run: Run, template: Template) -> None:
        planned = run.counts.get("planned", 0)
        if not self._cacheable and run.failures.get(Cause.MISSING, 0) >= planned:
            raise UsageError(
                f"provider {self.project.suite.provider_of(self._asked).use}: looks completions up "
                f"by a version's label and holds none for {template.name}@{template.label}; bisect "
                "needs a provider that answers prompts, or completions recorded under that label"
            )


def fingerprint(project: Project, version: Version) -> str:
    """Return a hash of all prompts of a version: equal hashes, equal questions."""
    loose = project.suite.allow_role_tokens
    made = hashlib.sha256()
    for scenario in version.scenarios:
        text = render(version.renderer, scenario, allow_role_tokens=loose).text.encode(
            "utf-8", "surrogatepass"
        )
        made.update(b"%d:" % len(text) + text)
    return made.hexdigest()


def _outcome(lines: Sequence[Difference], level: float) -> Outcome:
    if any(accused(d, level) for d in lines):
        return Outcome.REGRESSED
    if lines and all(d.verdict.proven for d in lines):
        return Outcome.HARMLESS
    return Outcome.UNCLEAR


def accused(d: Difference, level: float) -> bool:
    """Return whether a line regressed at a corrected level."""
    return d.verdict is Verdict.REGRESSED and d.p_adjusted is not None and d.p_adjusted <= level
