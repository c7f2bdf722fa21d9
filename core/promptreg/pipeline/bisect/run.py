"""Runs a bisection: both ends, then as few texts between them as tell what did it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from promptreg import numbers
from promptreg.errors import UsageError
from promptreg.pipeline.bisect.ends import Ends, find_ends
from promptreg.pipeline.bisect.halfway import Halfway
from promptreg.pipeline.bisect.result import Bisection
from promptreg.pipeline.bisect.tester import Tested, Tester
from promptreg.pipeline.bisect.wish import Wish, policy_of, regressed_lines
from promptreg.pipeline.design import only_paired
from promptreg.pipeline.judging.labelled import labelled_metrics
from promptreg.pipeline.parts import make_scoring, policy_for
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.versions import serves
from promptreg.policy import Policy
from promptreg.records import ScenarioSet
from promptreg.stages.bisect import (
    Outcome,
    commit_tests,
    most_tests,
    search,
    search_commits,
)
from promptreg.stages.score import Scoring
from promptreg.verdicts import Slice

__all__ = ["Terms", "bisect", "terms_of"]

Terms = tuple[ScenarioSet, Scoring, Policy]


def bisect(
    project: Project,
    good: str,
    bad: str,
    options: Options,
    wish: Wish,
    *,
    handle_signals: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Bisection:
    """Return which pieces of an edit, or which commit, caused a regression.

    First both ends are compared, as `compare` does. What regressed there is explained by tests of
    texts between them, each compared with GOOD. Errors are controlled for the whole search: an
    accusation counts at alpha divided by the number of tests planned for (Bonferroni; every p-value
    is already adjusted for all gating metrics), which bounds the chance that any text is accused
    wrongly by alpha, half of it on the side of regressions, whatever path the search takes and
    however the tests depend on each other through GOOD's answers. An acquittal needs every
    explained line to be shown no worse than its margin at the suite's alpha, one-sided alpha/2. It
    is not corrected: to name a wrong culprit, an acquittal must err as well as an accusation, or
    err on a text that is worse by the margin or more, and it does so at that rate only where the
    loss is exactly the margin. If BAD is not worse at all, the premise alone bounds any error by
    alpha. The simulations in `tests/bisect` measure what comes of it.

    Args:
        project: the opened suite.
        good: reference of the version before.
        bad: reference of the version after.
        options: the command line's word; the budget is for all tests together.
        wish: what to explain, and how.
        handle_signals: stop cleanly on SIGINT and SIGTERM (only in the main thread).
        tell: told of each step before it is made.

    Raises:
        UsageError: a reference, the suite, or the wish is wrong.
        NotComparableError: too much of a run is missing.
        ExecutionError: the provider, the store or the budget stopped the work; the same call
            goes on from there.
    """
    only_paired(project.suite, "a bisection")
    started = time.perf_counter()
    ends = find_ends(project, good, bad, options, wish.by)
    options = replace(options, templates=(ends.good.name,))
    scenarios, scoring, policy = terms_of(project, options, wish)
    served = serves(project, ends.good.name, scenarios)
    if not served:
        raise UsageError(f"template {ends.good.name} serves none of the chosen scenarios")
    halfway = None if ends.states else Halfway.of(project, ends, wish.split, served)
    tester = Tester(
        project,
        options,
        scenarios,
        served,
        scoring,
        policy,
        handle_signals=handle_signals,
        tell=tell,
    )
    lines = tester.first(ends.good, ends.bad)
    targets = regressed_lines(wish, lines)
    planned = _planned(ends, halfway) if wish.most is None else wish.most
    level = policy.alpha / max(1, planned)
    executed = tester.executed
    assert executed is not None  # noqa: S101 - for the type checker; both ends were run
    result = Bisection(
        suite=project.suite.suite,
        template=ends.good.name,
        good=good,
        bad=bad,
        metric=wish.metric,
        where=Slice(",".join(wish.where), ",".join(wish.where.values())) if wish.where else None,
        ends=lines,
        targets=targets,
        alpha=policy.alpha,
        level=level,
        most=planned,
        tests=(),
        spending=tester.spending,
        provider=executed.provider,
        synthetic=executed.synthetic,
        duration_s=0.0,
        states=ends.states,
        runs=tuple(run.id for run in executed.runs),
        texts=(ends.good, ends.bad),
    )
    if targets:
        trials = numbers.count(len(served) * project.repeats(options), "trial")
        tell(f"at most {numbers.count(planned, 'text')} between them, {trials} each")
    found: dict[str, Any] = {}
    wanted = [(d.metric, d.slice) for d in targets]
    if halfway is not None:
        found = {"edit": halfway.edit, "parts": halfway.parts}
    if targets and halfway is not None:

        def judge(units: frozenset[int]) -> Outcome:
            return halfway.judge(tester, units, wanted, level)

        finding = search(halfway.parts, judge, most=planned)
        known = {t.label: t for t in tester.tests}
        labels = [halfway.label(halfway.parts.closed(c)) for c in finding.culprits]
        found |= {"finding": finding, "proofs": tuple(known.get(label) for label in labels)}
    elif targets:
        contents = [state.content for state in ends.states]

        def judge_state(index: int) -> Outcome:
            return _judge_state(tester, ends, index, wanted, level)

        found["commits"] = search_commits(contents, judge_state, most=planned)
    return replace(
        result,
        **found,
        tests=tuple(tester.tests),
        duration_s=time.perf_counter() - started,
        warnings=tuple(_warnings(ends, tester, scenarios, result.synthetic)),
    )


def terms_of(project: Project, options: Options, wish: Wish) -> Terms:
    """Return scenarios, scorers and policy, with the wished line among those that gate."""
    every = project.every_scenario()
    scenarios = project.narrowed(every, options)
    scoring = make_scoring(project)
    policy = policy_for(project, scoring, every, options)
    values: dict[str, set[str]] = {}
    for scenario in every.scenarios:
        for attribute, value in scenario.attributes.items():
            values.setdefault(attribute, set()).add(value)
    if wish.metric in policy.pairwise:
        raise UsageError(
            f"--metric {wish.metric}: it says which of two versions' answers is preferred, and is "
            "not bisected; name a metric that each version has alone"
        )
    return scenarios, scoring, policy_of(wish, policy.of_runs, values)


def _planned(ends: Ends, halfway: Halfway | None) -> int:
    if halfway is None:
        return commit_tests([state.content for state in ends.states])
    return most_tests(len(halfway.parts.units))


def _judge_state(
    tester: Tester, ends: Ends, index: int, wanted: list[tuple[str, Slice | None]], level: float
) -> Outcome:
    state = ends.states[index]
    if state.template is None:
        label = f"git:{state.commit.hash[:10]}"
        tester.tests.append(Tested(label, Outcome.BROKEN, note=state.problem))
        return Outcome.BROKEN
    return tester.test(state.template, wanted, level).outcome


def _warnings(ends: Ends, tester: Tester, scenarios: ScenarioSet, synthetic: bool) -> list[str]:
    found = list(ends.notes)
    found += [
        f"{scale.name}: which of two versions' answers is preferred is not bisected"
        for scale in tester.scoring.pair_scales
    ]
    found += [
        f"{metric}: the judge's own grades are bisected; what people say of both ends is not known "
        "of the texts between them"
        for metric in labelled_metrics(tester.scoring)
    ]
    if synthetic:
        found.append("answers came from a scripted provider: they say nothing about any model")
    if scenarios.partial:
        found.append(
            f"only {len(scenarios.scenarios)} of {scenarios.total} scenarios were asked about "
            f"({scenarios.selection})"
        )
    return list(dict.fromkeys((*found, *tester.warnings)))
