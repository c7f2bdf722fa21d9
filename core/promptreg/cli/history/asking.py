"""What the commands on the history share: opening it, its filters, and finding one entry."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from promptreg.errors import StoreError, UsageError

if TYPE_CHECKING:
    from promptreg.past import Past
    from promptreg.pipeline.project import Project
    from promptreg.protocols import History

__all__ = ["NoSync", "Since", "TemplateName", "find_one", "moment", "open_history"]

Since = Annotated[
    str | None,
    typer.Option("--since", metavar="WHEN", help="Not older: 30d, 12h, 2026-10-01."),
]
TemplateName = Annotated[
    str, typer.Option("--template", metavar="NAME", help="Only of this template.")
]
NoSync = Annotated[
    bool, typer.Option("--no-sync", help="Do not record first what waits in the outbox.")
]


def open_history(config: str | None, *, no_sync: bool) -> tuple[Project, History]:
    """Open the suite's history and record what waits; what cannot be recorded is said on stderr.

    Raises:
        StoreError: the history cannot be reached.
        SuiteError, PluginError: it is named wrongly.
    """
    from promptreg.pipeline.history.sync import make_history
    from promptreg.pipeline.history.sync import sync as record_waiting
    from promptreg.pipeline.project import open_project
    from promptreg.stages.report.text import clean

    project = open_project(config)
    history = make_history(project)
    probe = history.probe()
    if not probe.ready:
        raise StoreError(f"the history cannot be reached: {probe.detail}")
    if not no_sync:
        done = record_waiting(project, history)
        for line in (done.problem, *done.notes):
            if line:
                print(f"promptreg: {clean(line)}", file=sys.stderr)
    return project, history


def moment(text: str | None, option: str = "--since") -> str:
    """Return a time as ISO 8601 in UTC; empty for none.

    Raises:
        UsageError: it is neither an age nor a date.
    """
    if not text:
        return ""
    found = re.fullmatch(r"(\d{1,5})([dhmw])", text)
    if found:
        unit = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes"}[found[2]]
        return (datetime.now(UTC) - timedelta(**{unit: int(found[1])})).isoformat()
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{option} {text!r}: must be an age (30d, 12h, 90m, 4w) or a date (2026-10-01, "
            "2026-10-01T08:00)"
        ) from None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


def find_one(project: Project, history: History, id_: str) -> Past:
    """Return the run, comparison or event of an id, or of the beginning of just one.

    Raises:
        UsageError: nothing, or more than one, is called so.
    """
    from promptreg.past import Wanted

    wanted = Wanted(project.suite.suite)
    asked = id_.removeprefix("run:")
    every: list[Past] = [
        *history.comparisons(wanted),
        *history.runs(wanted),
        *history.events(wanted),
    ]
    exact = [one for one in every if one.id == asked]
    found = exact or [one for one in every if asked and one.id.startswith(asked)]
    if len(found) == 1:
        return found[0]
    if found:
        some = ", ".join(one.id for one in found[:5])
        raise UsageError(f"{id_!r} begins {len(found)} entries: {some}; give more of the id")
    raise UsageError(
        f"nothing in the history of {project.suite.suite!r} is called {id_!r:.80}; it holds "
        f"{len(every)} entries: 'promptreg history list' shows them"
    )
