"""The decision as a page: for a comment, and for the summary of a step."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Callable

from promptreg.errors import ExitCode
from promptreg.stages.report.text import clean
from promptreg.verdicts import Comparison
from promptreg_plugins.forge.job import Job, command_line
from promptreg_plugins.markdown.escaping import escape, fenced
from promptreg_plugins.markdown.fitting import Section, characters, fit
from promptreg_plugins.markdown.sections import ending, headline, sections

__all__ = ["decision_page", "failure_page"]

_WORDS = {
    ExitCode.USAGE: "usage, suite or plug-in error",
    ExitCode.NOT_COMPARABLE: "not comparable",
    ExitCode.EXECUTION: "the provider, the store or the budget stopped the work",
    ExitCode.INTERRUPTED: "interrupted",
    ExitCode.TERMINATED: "interrupted",
}


def decision_page(
    comparison: Comparison,
    job: Job,
    limit: int,
    *,
    shown: int,
    marker: str = "",
    size: Callable[[str], int] = characters,
) -> str:
    """Return the decision, at most `limit` large.

    What does not fit is left out in this order: template diffs, failures by cause, notes on
    metrics, scenarios, slices, warnings, limits, metrics; what was left out is said.
    """
    pieces = [
        *_hidden(marker),
        headline(comparison),
        *_where(job),
        *sections(comparison, shown=shown),
        *_again(job),
        ending(comparison),
    ]
    return fit(pieces, limit, escape(f"The whole report: {job.full_report}."), size)


def failure_page(suite: str, error: Exception, job: Job, *, marker: str = "") -> str:
    """Return that there is no decision, why, and with which exit code the job ends."""
    code = getattr(error, "exit_code", ExitCode.EXECUTION)
    said = clean(str(error), 3_000) or type(error).__name__
    why = "\n".join(textwrap.fill(line, 96, break_long_words=False) for line in said.split("\n"))
    what = _WORDS.get(code, "not finished")
    about = f"**{escape(suite)}**: " if suite else ""
    rows = (
        f"## ⛔ GATE NOT DECIDED — exit {int(code)}: {what}\n",
        f"{about}there is no verdict for this commit, and an earlier one does not hold for it.\n",
        fenced(why),
    )
    pieces = [*_hidden(marker), Section("error", rows), *_where(job), *_again(job)]
    return fit(pieces, 20_000, "")


def _hidden(marker: str) -> list[Section]:
    return [Section("marker", (marker,))] if marker else []


def _where(job: Job) -> list[Section]:
    parts = [f"{escape(what, 40)} {commit[:10]}" for what, commit in job.commits]
    parts += [f"[{escape(job.full_report, 100)}]({job.page})"] if job.page else []
    return [Section("commits", (" · ".join(parts),))] if parts else []


def _again(job: Job) -> list[Section]:
    command = command_line()
    if not command:
        return []
    place = job.path_of(".")
    there = (f"cd {shlex.quote(place)}",) if place not in ("", ".") else ()
    block = fenced("\n".join((*job.checkout, *there, command)), "sh", 3_000)
    title = "<details><summary>How to reproduce</summary>\n\n"
    hashes = ", ".join(f"{escape(what, 40)} {commit}" for what, commit in job.commits)
    return [
        Section(
            "how to reproduce", (block, hashes), head=title, tail="\n\n</details>", between="\n\n"
        )
    ]
