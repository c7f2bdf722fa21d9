"""What all forges share in showing a decision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from promptreg.errors import PromptregError, StoppedError
from promptreg.stages.load.gitsource import run_git
from promptreg.verdicts import Comparison, GateVerdict
from promptreg_plugins.forge.job import ForgeError
from promptreg_plugins.forge.output import say, warn

__all__ = [
    "COMMENT_LIMIT",
    "COMMENT_SCENARIOS",
    "SkippedError",
    "found_something",
    "reported",
    "tested_commit",
    "worth_saying",
]

COMMENT_LIMIT = 64_000
"""GitHub refuses comments above 65,536 characters."""
COMMENT_SCENARIOS = 5


class SkippedError(ForgeError):
    """There is nowhere to write to, and nothing is wrong with that."""


@contextmanager
def reported(what: str, *, command: bool = True) -> Iterator[None]:
    """Say what goes wrong in the block; it changes nothing else.

    Args:
        what: is shown in the block.
        command: whether the runner takes commands, so that a warning appears beside the job.
    """
    try:
        yield
    except SkippedError as e:
        say(f"{what}: {e}")
    except (ForgeError, OSError) as e:
        (warn if command else say)(f"{what}: {e}")


def found_something(comparison: Comparison) -> bool:
    """Return whether there is more to say than that a change touches no template.

    Of such changes old comments are updated, and no new one is written.
    """
    c = comparison
    if c.gate.verdict is not GateVerdict.PASS:
        return True
    return bool(c.differences or c.limits or c.template_diffs or c.candidate.run_ids)


def worth_saying(suite: str, error: Exception) -> bool:
    """Return whether a failure deserves a comment of its own; an old one is always updated.

    Not where a newer push stopped the run, nor where the suite has no name to keep it by.
    """
    return bool(suite) and not isinstance(error, StoppedError)


def tested_commit(workspace: Path) -> str:
    """Return the commit that is checked out, or nothing."""
    try:
        done = run_git(workspace, "rev-parse", "--verify", "--quiet", "HEAD")
    except PromptregError:
        return ""
    return done.stdout.decode("ascii", "replace").strip() if not done.returncode else ""
