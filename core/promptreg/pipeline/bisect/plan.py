"""What a bisection would ask, at most, before any call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from promptreg.errors import TemplateError, UsageError
from promptreg.pipeline.bisect.ends import Ends, find_ends
from promptreg.pipeline.bisect.halfway import Halfway
from promptreg.pipeline.bisect.run import terms_of
from promptreg.pipeline.bisect.wish import Wish
from promptreg.pipeline.parts import make_provider
from promptreg.pipeline.plan import key_maker
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.versions import make_version, serves
from promptreg.pipeline.work import Version, Work
from promptreg.records import Scenario, Template
from promptreg.stages.bisect import Edit, Parts, commit_tests, most_tests
from promptreg.stages.bisect.search import FEW
from promptreg.stages.load import State
from promptreg.store.calls import CallStore

__all__ = ["BisectPlan", "PlannedText", "plan_bisection"]


@dataclass(frozen=True, slots=True)
class PlannedText:
    """One text that may be tested.

    Attributes:
        label: what it is called.
        trials: trials of its test.
        cached: those whose completions are in the store.
        calls: what is left once texts before it in the plan have been asked as well.
        problem: why it cannot be tested.
    """

    label: str
    trials: int = 0
    cached: int = 0
    calls: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class BisectPlan:
    """What a bisection may do.

    Attributes:
        template, good, bad: what would be looked into.
        edit, parts: the edit's pieces; None where commits would be searched.
        states: the commits' texts; empty where the edit would be cut.
        tests_at_most: tests between both ends that are planned for.
        level: error of one accusation.
        texts: both ends, then the texts that are tested first; a search goes on from what they
            say.
        calls_at_most: calls if every planned test is made and no two texts share a prompt.
        notes: what a reader must know.
    """

    template: str
    good: str
    bad: str
    edit: Edit | None
    parts: Parts | None
    states: tuple[State, ...]
    tests_at_most: int
    level: float
    texts: tuple[PlannedText, ...]
    calls_at_most: int
    notes: tuple[str, ...] = ()


def plan_bisection(
    project: Project, good: str, bad: str, options: Options, wish: Wish
) -> BisectPlan:
    """Return what a bisection would ask; no model is called.

    Raises:
        UsageError: a reference, the suite, or the wish is wrong.
    """
    ends = find_ends(project, good, bad, options, wish.by)
    options = replace(options, templates=(ends.good.name,))
    scenarios, _, policy = terms_of(project, options, wish)
    served = serves(project, ends.good.name, scenarios)
    if not served:
        raise UsageError(f"template {ends.good.name} serves none of the chosen scenarios")
    halfway = None if ends.states else Halfway.of(project, ends, wish.split, served)
    if halfway is None:
        most = commit_tests([s.content for s in ends.states])
    else:
        most = most_tests(len(halfway.parts.units))
    most = most if wish.most is None else wish.most
    notes = list(ends.notes)
    texts = [(ends.good.label, ends.good), (ends.bad.label, ends.bad), *_between(ends, halfway)]
    planned = _count(project, texts, served, options, notes)
    per_test = len(served) * project.repeats(options)
    return BisectPlan(
        template=ends.good.name,
        good=good,
        bad=bad,
        edit=halfway.edit if halfway else None,
        parts=halfway.parts if halfway else None,
        states=ends.states,
        tests_at_most=most,
        level=policy.alpha / max(1, most),
        texts=tuple(planned),
        calls_at_most=sum(t.calls for t in planned[:2]) + most * per_test,
        notes=tuple(notes),
    )


def _between(ends: Ends, halfway: Halfway | None) -> Iterator[tuple[str, Template | str]]:
    """Yield the texts a search begins with: all it may need where they are few."""
    if halfway is None:
        inner = ends.states[1:-1]
        for state in inner if len(inner) <= FEW else (inner[(len(inner) - 1) // 2],):
            yield f"git:{state.commit.hash[:10]}", state.template or state.problem
        return
    parts = halfway.parts
    every = range(len(parts.units))
    subsets = [parts.needs[u] for u in every] + [parts.without((u,)) for u in every]
    if len(every) > FEW:
        half = (len(every) + 1) // 2
        subsets = [parts.closed(every[:half]), parts.closed(every[half:])]
    for units in dict.fromkeys(subsets):
        if 0 < len(units) < len(every):
            yield halfway.label(units), halfway.template(units)


def _count(
    project: Project,
    texts: Sequence[tuple[str, Template | str]],
    served: Sequence[Scenario],
    options: Options,
    notes: list[str],
) -> list[PlannedText]:
    name = next((t.provider_name for _, t in texts if not isinstance(t, str)), "")
    provider = make_provider(project, name)
    keys = key_maker(project, provider, notes, name)
    if not provider.cacheable:
        notes.append(
            f"provider {project.suite.provider_of(name).use} looks completions up by a version's "
            "label: only texts that are recorded under these labels can be tested"
        )
    readable = keys is not None and options.cache and CallStore.exists(project.store)
    store = CallStore.open(project.store) if readable else None
    asked: set[str] = set()
    found = []
    try:
        for label, template in texts:
            version = _version(project, template, served)
            if isinstance(version, str):
                found.append(PlannedText(label, problem=version))
                continue
            images = (getattr(provider, "takes_images", False),)
            work = Work((version,), project.repeats(options), project.seed(options), images=images)
            wanted = [keys.key(p, r) if keys else f"{r}:{p}" for _, _, r, p in work.order()]
            cached = set(store.get_many(wanted)) if store else set()
            new = set(wanted) - cached - asked
            asked |= new
            calls = len(new) if provider.cacheable else 0
            cached_trials = sum(k in cached for k in wanted) if provider.cacheable else len(wanted)
            found.append(PlannedText(label, len(wanted), cached_trials, calls))
    finally:
        if store is not None:
            store.close()
    return found


def _version(
    project: Project, template: Template | str, served: Sequence[Scenario]
) -> Version | str:
    if isinstance(template, str):
        return template
    try:
        return make_version(project, template, served)
    except TemplateError as e:
        return str(e)
