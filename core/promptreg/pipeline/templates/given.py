"""What the command line said besides the suite: it is part of a decision's record."""

from __future__ import annotations

from collections.abc import Iterator

from promptreg.pipeline.project import Options, Project

__all__ = ["given_options"]


def given_options(project: Project, options: Options) -> tuple[str, ...]:
    """Return the options that may change a verdict, as they would be typed."""
    return tuple(_given(project, options))


def _given(project: Project, options: Options) -> Iterator[str]:
    if options.alpha is not None:
        yield f"--alpha {options.alpha:g}"
    for metric, margin in options.margins.items():
        yield f"--margin {metric}={margin:g}"
    if options.repeats not in (None, project.suite.repeats):
        yield f"--repeats {options.repeats}"
    if options.seed not in (None, project.suite.seed):
        yield f"--seed {options.seed}"
    if not options.cache:
        yield "--no-cache"
    if options.allow_unmatched:
        yield "--allow-unmatched"
    for name in options.allow_mismatch:
        yield f"--allow-mismatch {name}"
