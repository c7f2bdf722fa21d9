"""The decision where people look: in the step's summary, at the changed line, in the pull request.

Nothing here writes outside of a CI job, and no comment is written without a token that was given
for that. What goes wrong here is said and never changes a verdict. The comment is the decision's
alone: a promotion, or a test that looks at some scenarios, must not stand there as the verdict on a
change.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from promptreg.verdicts import Comparison

__all__ = ["comparison_failed", "comparison_finished"]


def comparison_finished(
    comparison: Comparison, env: Mapping[str, str] = os.environ, *, purpose: str = "decision"
) -> None:
    """Show a decision wherever this job can."""
    if env.get("GITHUB_ACTIONS") == "true":
        from promptreg_plugins.forge import github

        github.show(comparison, env, purpose)
    elif env.get("GITLAB_CI") == "true" and purpose == "decision":
        from promptreg_plugins.forge import gitlab

        gitlab.show(comparison, env)


def comparison_failed(
    suite: str,
    suite_file: str,
    error: Exception,
    env: Mapping[str, str] = os.environ,
    *,
    purpose: str = "decision",
) -> None:
    """Show that there is no decision, so that nobody goes on reading an older one."""
    if env.get("GITHUB_ACTIONS") == "true":
        from promptreg_plugins.forge import github

        github.show_failure(suite, suite_file, error, env, purpose)
    elif env.get("GITLAB_CI") == "true" and purpose == "decision":
        from promptreg_plugins.forge import gitlab

        gitlab.show_failure(suite, suite_file, error, env)
