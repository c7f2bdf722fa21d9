"""An opened suite whose failure plug-ins hear of: nobody shall go on reading an old verdict."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from promptreg.errors import PromptregError, StoppedError

if TYPE_CHECKING:
    from promptreg.pipeline.project import Project

__all__ = ["opened"]


@contextmanager
def opened(config: str | None, *, purpose: str = "decision") -> Iterator[Project]:
    """Open the suite for a comparison; what ends the block early is told to every plug-in.

    Args:
        config: the suite file, or None to find it.
        purpose: what the comparison is for; see `promptreg_comparison_finished`.

    Raises:
        SuiteError: there is no suite file, or it says something it may not.
        PluginError: plug-ins contradict each other.
    """
    from promptreg.pipeline.project import open_project

    try:
        project = open_project(config, purpose=purpose)
    except PromptregError as e:
        _tell_unopened(config, e, purpose)
        raise
    try:
        yield project
    except (Exception, KeyboardInterrupt) as e:
        _tell(project, e if isinstance(e, Exception) else StoppedError("interrupted"))
        raise


def _tell(project: Project, error: Exception) -> None:
    from promptreg.cli.show import complain

    path = str(project.path.resolve())
    project.plugins.emit(
        _EVENT,
        suite=project.suite.suite,
        suite_file=path,
        error=error,
        purpose=project.purpose,
    )
    complain(project.plugins)


def _tell_unopened(config: str | None, error: PromptregError, purpose: str) -> None:
    """Tell of a suite that cannot be opened; plug-ins are loaded for that alone."""
    from promptreg.cli.show import complain
    from promptreg.discovery import load_plugins
    from promptreg.suite import find_suite

    try:
        plugins = load_plugins()
    except PromptregError:  # perhaps the very error: then nobody can be told
        return
    try:
        path = str(find_suite(config).resolve())
    except PromptregError:
        path = ""
    plugins.emit(_EVENT, suite="", suite_file=path, error=error, purpose=purpose)
    complain(plugins)


_EVENT = "promptreg_comparison_failed"
