"""Both halves of an A/A: one version asked about the same scenarios twice as often as in a gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from promptreg.errors import UsageError
from promptreg.pipeline.execute import Executed, execute
from promptreg.pipeline.parts import answering
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.stored import with_worst
from promptreg.pipeline.versions import lookup, make_version, serves
from promptreg.pipeline.work import Version
from promptreg.records import Run, Scenario, ScenarioSet
from promptreg.stages.compare import RunPair, check_comparable, matched
from promptreg.stages.load import RunRef
from promptreg.stages.score import Scoring

__all__ = ["Asked", "ask_twice", "default_label"]


@dataclass(frozen=True, slots=True)
class Asked:
    """Both halves of each template, the scenarios each was asked, and how they came to be."""

    pairs: tuple[RunPair, ...]
    scenarios: tuple[Sequence[Scenario], ...]
    executed: Executed


def default_label(project: Project, options: Options) -> str:
    """Return the first label of the first template that was chosen.

    Raises:
        UsageError: it has none.
    """
    name = next(iter(options.templates or project.suite.templates))
    entry = project.suite.templates.get(name)
    labels = list(entry.versions) if entry else []
    if not labels:
        raise UsageError(
            f"no version of the template {name!r} has a label in {project.path}; name a version: "
            "'promptreg calibrate REF'"
        )
    return labels[0]


def ask_twice(
    project: Project,
    ref: str,
    scenarios: ScenarioSet,
    options: Options,
    scoring: Scoring,
    *,
    handle_signals: bool,
) -> Asked:
    """Return both halves, asked interleaved as `compare REF REF` asks them, with its completions.

    Raises:
        UsageError: the version cannot be asked anew, and too few repeats of it are recorded.
        NotComparableError: too much is missing.
        ExecutionError: the provider, the store or the budget stopped the work.
    """
    versions = _versions(project, ref, scenarios, options)
    executed = execute(
        project, versions, scenarios, options, scoring, handle_signals=handle_signals
    )
    halves = list(zip(executed.runs[::2], executed.runs[1::2], strict=True))
    if not all(
        made.cacheable for made in answering(project, (v.template for v in versions)).values()
    ):
        _check_recorded(project, halves, project.repeats(options))
    worst = {s.id: scoring.worst(s) for s in scenarios.scenarios}
    pairs = []
    for half in halves:
        first, second = (with_worst(run, worst) for run in half)
        check_comparable(first, second)
        pairs.append(matched(first, second, allow_unmatched=False)[0])
    return Asked(tuple(pairs), tuple(v.scenarios for v in versions[::2]), executed)


def _versions(
    project: Project, ref: str, scenarios: ScenarioSet, options: Options
) -> list[Version]:
    found = lookup(project, ref, options)
    if isinstance(found, RunRef):
        raise UsageError(
            f"{ref}: a stored run is one half of an A/A at most; name a version that can be asked "
            "again, such as v1"
        )
    repeats = project.repeats(options)
    versions: list[Version] = []
    for name, template in found.items():
        served = serves(project, name, scenarios)
        for side, first in (("baseline", 0), ("candidate", repeats)) if served else ():
            lane = len(versions)
            versions.append(
                make_version(project, template, served, side=side, lane=lane, first_repeat=first)
            )
    if not versions:
        raise UsageError(
            "no template serves any of the chosen scenarios; see 'select' and --filter"
        )
    return versions


def _check_recorded(project: Project, halves: Sequence[tuple[Run, Run]], repeats: int) -> None:
    """Refuse recorded completions that do not hold two halves.

    Raises:
        UsageError: says what is held and what is needed.
    """
    for first, second in halves:
        lacking = sorted({*first.absent, *second.absent})
        if not lacking:
            continue
        name = f"{first.facts.template}@{first.facts.label}"
        shown = ", ".join(lacking[:3]) + (", ..." if len(lacking) > 3 else "")
        raise UsageError(
            f"calibration compares a version with itself and needs {2 * repeats} completions of "
            f"each scenario ({repeats} for each side of a gate). The provider "
            f"{project.suite.provider.use!r} cannot be asked anew, and of {name} it does not hold "
            f"the repeats 0 to {2 * repeats - 1} for {len(lacking)} of "
            f"{len(first.scenario_ids)} scenarios ({shown}). Record every scenario that often "
            "(column 'repeat'), or use a provider that can be asked"
        )
