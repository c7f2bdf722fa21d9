"""The CI job this runs in: its commits, its page, and how to do on a desk what it did."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from promptreg.errors import PromptregError
from promptreg.stages.report.text import one_line

__all__ = ["ForgeError", "Job", "address", "command_line", "number", "wants_comment"]

_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"0", "false", "no", "off"})
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_ADDRESS = re.compile(r"https?://[A-Za-z0-9.:\[\]_~%/@?=-]{1,500}")


class ForgeError(PromptregError):
    """Something could not be shown in GitHub or GitLab; one line, without secrets."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a CI job knows of itself.

    Attributes:
        number: its run's number; later runs have higher ones. 0 where it is not known.
        page: address of the run's page, or empty.
        full_report: where the whole report is, in words.
        commits: what a commit is, and its hash.
        checkout: commands that bring the tested commit into a clone.
        workspace: the checkout's folder.
        name: what keeps its comment apart from others; empty: the suite's name.
    """

    number: int
    page: str
    full_report: str
    commits: tuple[tuple[str, str], ...]
    checkout: tuple[str, ...]
    workspace: Path
    name: str = ""

    def with_commits(self, *commits: tuple[str, object]) -> Job:
        """Return the job with those of the commits that are some."""
        kept = [(what, c) for what, c in commits if isinstance(c, str) and _COMMIT.fullmatch(c)]
        return replace(self, commits=tuple(kept))

    def path_of(self, file: str) -> str:
        """Return a file's path from the checkout's top, with slashes; empty if it is outside."""
        if not file:
            return ""
        try:
            return Path(file).resolve().relative_to(self.workspace.resolve()).as_posix()
        except (ValueError, OSError, RuntimeError):
            return ""


def command_line() -> str:
    """Return the command as it was given, one line; empty where this is another program."""
    if Path(sys.argv[0]).name not in ("promptreg", "promptreg.exe", "__main__.py"):
        return ""
    return one_line(shlex.join(["promptreg", *sys.argv[1:]]), 1_000)


def number(text: str | None) -> int:
    """Return a number of decimal digits, or 0."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else 0


def address(text: str) -> str:
    """Return an address that may stand in Markdown, or nothing."""
    return text if _ADDRESS.fullmatch(text) else ""


def wants_comment(env: Mapping[str, str], own: str, shared: str) -> tuple[str, str]:
    """Return the token to comment with, and where there is none, why that deserves a word.

    Args:
        env: the environment.
        own: the variable whose token is meant for comments.
        shared: the variable whose token is taken only if `PROMPTREG_COMMENT` says so; or empty.

    Raises:
        ForgeError: `PROMPTREG_COMMENT` is neither yes nor no.
    """
    switch = env.get("PROMPTREG_COMMENT", "").strip().lower()
    if switch and switch not in _YES | _NO:
        raise ForgeError(
            f"PROMPTREG_COMMENT is {one_line(switch, 40)!r}; allowed: "
            f"{', '.join(sorted(_YES))} or {', '.join(sorted(_NO))}"
        )
    if switch in _NO:
        return "", ""
    token = env.get(own, "").strip()
    if not token and switch in _YES and shared:
        token = env.get(shared, "").strip()
    if token:
        if not token.isascii() or not token.isprintable() or " " in token:
            raise ForgeError(f"the token in {own} holds signs that no token has")
        return token, ""
    if own in env or switch in _YES:
        names = f"{own} or {shared}" if shared else own
        return "", (
            f"no comment was written: there is no token in {names} (a change from a fork is "
            "given no secrets)"
        )
    return "", ""
