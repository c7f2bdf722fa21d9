"""Compares what a change touches with what it was, and decides."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from promptreg.errors import TemplateError, UsageError
from promptreg.pipeline.base_ref.alone import judge_alone, with_alone
from promptreg.pipeline.base_ref.base import Base, open_base
from promptreg.pipeline.base_ref.nothing import nothing_compared
from promptreg.pipeline.base_ref.prepared import Prepared, prepare
from promptreg.pipeline.base_ref.terms import Terms, agree
from promptreg.pipeline.base_ref.touched import Touched, find_touched
from promptreg.pipeline.conclude import conclude
from promptreg.pipeline.execute import Executed, execute
from promptreg.pipeline.judging.labelled import labelled_by
from promptreg.pipeline.looks import Member, Watch, watch_for
from promptreg.pipeline.parts import answering, make_scoring, policy_for
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.sides import Sides
from promptreg.records import Run, ScenarioSet, Template
from promptreg.stages.load import is_tracked, narrow
from promptreg.store.calls import FILE_NAME
from promptreg.verdicts import Comparison

__all__ = ["gate_base_ref"]

_CANDIDATE = "work tree"
_SAME = "the template changed and every prompt is identical, so nothing was asked"


def gate_base_ref(
    project: Project,
    ref: str,
    labels: Sequence[str],
    options: Options,
    *,
    allow_policy_change: bool = False,
    handle_signals: bool = False,
) -> Comparison:
    """Return the comparison of every template version a change touches with what it was.

    The baseline is read from git at the merge base of `ref` and HEAD, the candidate is the work
    tree. Policy and scenarios are those of the base. A version without a baseline is held to the
    absolute limits alone; where all prompts are the same, nothing is asked.

    Args:
        project: the work tree's suite.
        ref: a branch, tag or commit, such as `origin/main`.
        labels: only versions of these labels; empty: all.
        options: the command line's word.
        allow_policy_change: take the work tree's policy and scenarios.
        handle_signals: stop cleanly on SIGINT and SIGTERM (only in the main thread).

    Raises:
        UsageError: git, the suite, a template or a label is not as it must be.
        NotComparableError: HEAD and `ref` share no history, or too much is missing.
        ExecutionError: the provider, the store or the budget stopped the work.
    """
    started = time.perf_counter()
    base = open_base(project, ref)
    touched = find_touched(project, base, labels, options.templates)
    terms = agree(project, base, touched.renamed, allow_policy_change=allow_policy_change)
    project = terms.project
    chosen = narrow(
        terms.scenarios,
        filters=options.filters,
        limit=options.limit,
        served=_served(project, touched),
        seed=project.seed(options),
    )
    with terms.blame(base):
        scoring = make_scoring(project)
        policy = policy_for(project, scoring, terms.scenarios, options)
        people = labelled_by(project, scoring)
    prepared = _prepare(terms, touched, chosen)
    executed: Executed | None = None
    watch: Watch | None = None
    looks: tuple[str, ...] = ()
    if prepared.versions:
        _check_providers(project, [v.template for v in prepared.versions])
        if options.cache:
            _check_store(project)
        members = _members(prepared)
        watch, looks = watch_for(
            project, policy, prepared.versions, members, chosen, options, scoring
        )
        executed = execute(
            project,
            prepared.versions,
            chosen,
            options,
            scoring,
            handle_signals=handle_signals,
            watch=watch,
        )
    sides, alone = _sorted(prepared, executed)
    sides.watch = watch
    sides.warnings = [*terms.warnings, *touched.notes, *prepared.notes, *looks]
    sides.warnings += executed.warnings if executed else ()
    names = (ref, _CANDIDATE)
    if sides.baseline:
        sides.warnings += [f"{name}: {_SAME}" for name in prepared.identical]
        beside = tuple(alone.values())
        comparison = conclude(
            project, names, sides, chosen, options, scoring, policy, started, beside, people
        )
    else:
        comparison = nothing_compared(
            project,
            names,
            policy,
            tuple(_reasons(base, touched, prepared)),
            _unasked(touched, prepared),
            sides.warnings,
            diffs=sides.diffs,
            executed=executed,
            alone=tuple(alone.values()),
            scenarios=chosen,
            duration_s=time.perf_counter() - started,
        )
    if alone:
        limits = judge_alone(alone, scoring, chosen, policy)
        comparison = with_alone(comparison, alone, limits, policy)
    comparison = replace(comparison, revisions=base.sides)
    project.tell(comparison)
    return comparison


def _served(project: Project, touched: Touched) -> list[Mapping[str, Any]]:
    """Return what selects the scenarios of touched templates; nothing if one takes all."""
    names = dict.fromkeys(edit.candidate.name for edit in touched.edits)
    rules = [project.suite.select.get(name, {}) for name in names]
    return list(rules) if all(rules) else []


def _prepare(terms: Terms, touched: Touched, chosen: ScenarioSet) -> Prepared:
    try:
        return prepare(terms.project, touched.edits, terms.scenarios, chosen)
    except TemplateError as e:
        edited = any(c.startswith("scenarios ") for c in terms.changed)
        if not (terms.of_base and edited):
            raise
        raise TemplateError(
            f"{e}\nThe scenarios are those of the base; the change edits them, and "
            "--allow-policy-change takes the edit"
        ) from e


def _check_providers(project: Project, versions: Sequence[Template]) -> None:
    for name, provider in answering(project, versions).items():
        if provider.cacheable:
            continue
        raise UsageError(
            f"provider {project.suite.provider_of(name).use}: looks completions up by a version's "
            "label, and a baseline from git has the label of its candidate; --base-ref needs a "
            "provider that answers prompts"
        )


def _check_store(project: Project) -> None:
    """Refuse answers that the change may have brought along.

    Raises:
        UsageError: git holds the store's file of completions.
    """
    for name in (FILE_NAME, f"{FILE_NAME}-wal"):  # SQLite reads what the second adds to the first
        path = (Path(project.suite.store) / name).as_posix()
        if is_tracked(project.base, path):
            raise UsageError(
                f"the run store is in git ({path}), so its completions may be the change's own; "
                "take it out ('git rm --cached', and into .gitignore), or use --no-cache"
            )


def _members(prepared: Prepared) -> list[Member | None]:
    """Return each version's place in the comparison; a new version has none."""
    return [
        None if name in prepared.new else Member(name, version.side)
        for version, name in zip(prepared.versions, prepared.shown, strict=True)
    ]


def _sorted(prepared: Prepared, executed: Executed | None) -> tuple[Sides, dict[str, Run]]:
    """Return the runs as sides of pairs, and those without a baseline.

    They get the names that reports show; the stored runs keep the templates' own.
    """
    sides = Sides({}, {}, executed, prepared.diffs)
    alone: dict[str, Run] = {}
    for version, name, run in zip(
        prepared.versions, prepared.shown, executed.runs if executed else (), strict=True
    ):
        renamed = replace(run, facts=replace(run.facts, template=name))
        if name in prepared.new:
            alone[name] = renamed
        elif version.side == "baseline":
            sides.baseline[name] = renamed
        else:
            sides.candidate[name] = renamed
    return sides, alone


def _reasons(base: Base, touched: Touched, prepared: Prepared) -> Iterator[str]:
    """Say why nothing had to be compared."""
    yield from (f"{name}: {_SAME}" for name in prepared.identical)
    if not touched.edits:
        same = touched.unchanged
        versions = "version is" if same == 1 else "versions are"
        yield (
            f"no template is touched: {same} {versions} the same as at {base.commit}"
            if same
            else "no template version is left to compare"
        )


def _unasked(touched: Touched, prepared: Prepared) -> tuple[str, ...]:
    """Say what keeps a change from passing of which nothing was asked."""
    if touched.edits and not prepared.identical and not prepared.versions:
        return ("what the change touches serves none of the chosen scenarios",)
    return ()
