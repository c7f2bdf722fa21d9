"""The runs that `judge agreement` looks at: stored ones, or versions whose verdicts are known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from promptreg.errors import UsageError
from promptreg.pipeline.judging.agreement import JudgeReport, judge_agreement
from promptreg.pipeline.parts import make_scoring
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.stored import stored_run
from promptreg.pipeline.summary import run_versions
from promptreg.pipeline.versions import lookup
from promptreg.records import Run
from promptreg.stages.load import RunRef, read_labels

__all__ = ["agreement_of"]


def agreement_of(
    project: Project, refs: Sequence[str], labels: Path, options: Options
) -> list[JudgeReport]:
    """Return the agreement of the judge with people, one report per template.

    Args:
        project: the opened suite.
        refs: one run or version, or baseline and candidate. Versions are run as `run` does: what
            is in the store is not asked again.
        labels: the file of labels.
        options: the command line's word.

    Raises:
        UsageError: the references or labels are wrong, or fit nothing.
        NotComparableError: two runs were judged differently.
        ExecutionError: a version could not be run.
    """
    if len(refs) > 2:
        raise UsageError(f"{len(refs)} references; allowed: one, or baseline and candidate")
    found = read_labels(labels)
    level = options.alpha or project.suite.gate.alpha
    groups = _runs(project, refs, options)
    if len(groups) > 1 and any(not label.template for label in found):
        raise UsageError(
            f"{', '.join(groups)}: several templates have these versions, and labels do not say of "
            "which they are; add a column 'template', or name one with --template"
        )
    reports = []
    for name, runs in groups.items():
        own = [label for label in found if label.template in ("", name)]
        if own:
            reports.append(judge_agreement(runs, own, alpha=level, seed=project.suite.seed))
    if not reports:
        raise UsageError(f"{labels}: no label is of {', '.join(groups)}")
    return reports


def _runs(project: Project, refs: Sequence[str], options: Options) -> dict[str, list[Run]]:
    """Return the runs by template, in the order of the references."""
    stored = [isinstance(lookup(project, ref, options), RunRef) for ref in refs]
    if any(stored) and not all(stored):
        raise UsageError("name stored runs (run:ID) or versions, not one of each")
    groups: dict[str, list[Run]] = {}
    if all(stored):
        aggregates = make_scoring(project).aggregates
        runs = [stored_run(project, ref.removeprefix("run:"), aggregates) for ref in refs]
        return {runs[0].facts.template: runs}
    executed, _, _ = run_versions(project, refs, options, handle_signals=True)
    for run in executed.runs:
        groups.setdefault(run.facts.template, []).append(run)
    whole = {name: runs for name, runs in groups.items() if len(runs) == len(refs)}
    if not whole:
        raise UsageError(f"no template has both {' and '.join(refs)}")
    return whole
