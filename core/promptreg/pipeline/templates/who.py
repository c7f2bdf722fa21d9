"""Who does something now, at which commit: what the journal says of every event."""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass
from pathlib import Path

from promptreg.clock import utc_now
from promptreg.errors import TemplateError
from promptreg.stages.load.gitsource import run_git
from promptreg.stages.report.text import one_line

__all__ = ["Now", "now"]


@dataclass(frozen=True, slots=True)
class Now:
    """The circumstances of an event: time (UTC), person, commit (empty: no repository)."""

    at: str
    by: str
    commit: str


def now(base: Path) -> Now:
    """Return the time, who works here, and HEAD of the repository around a folder.

    Who: `PROMPTREG_USER`, else git's `user.name`, else the name of the account.
    """
    by = os.environ.get("PROMPTREG_USER", "") or _git(base, "config", "user.name") or _account()
    commit = _git(base, "rev-parse", "--verify", "--quiet", "HEAD")
    return Now(utc_now(), one_line(by, 100), commit)


def _git(base: Path, *arguments: str) -> str:
    try:
        done = run_git(base, *arguments)
    except TemplateError:  # no git here: nothing depends on it
        return ""
    return "" if done.returncode else done.stdout.decode("utf-8", "replace").strip()


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a number without a name, as in some containers
        return "unknown"
