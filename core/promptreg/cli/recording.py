"""After a comparison or run: into the outbox, and on to the history where that is wanted."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from promptreg.errors import PromptregError, UsageError

if TYPE_CHECKING:
    from promptreg.pipeline.bisect import Bisection
    from promptreg.pipeline.execute import Executed
    from promptreg.pipeline.project import Options, Project
    from promptreg.verdicts import Comparison

__all__ = [
    "Record",
    "record_now",
    "recording",
    "remember",
    "remember_bisection",
    "remember_runs",
]

Record = Annotated[
    bool | None,
    typer.Option(
        "--record/--no-record",
        help="Record in the history when all else is done, or leave it in the outbox until "
        "somebody asks for the history; default: if the suite names one, or PROMPTREG_RECORD=1.",
    ),
]
_VARIABLE = "PROMPTREG_RECORD"


def recording(project: Project, asked: bool | None) -> bool:
    """Return whether the history is to be told at once.

    Raises:
        UsageError: the variable is neither 1 nor 0.
    """
    if asked is not None:
        return asked
    word = os.environ.get(_VARIABLE, "").strip().lower()
    if word:
        if word not in ("1", "0", "true", "false", "yes", "no"):
            raise UsageError(f"{_VARIABLE}={word!r:.40}: must be 1 or 0")
        return word in ("1", "true", "yes")
    entry = project.suite.history
    return entry is not None and entry.record


def remember(
    project: Project,
    comparison: Comparison,
    *,
    at_once: bool,
    quiet: bool = False,
    command: str = "",
    written: Sequence[Path] = (),
) -> None:
    """Keep a comparison for the history, and record it if that is wanted.

    Whatever goes wrong here is said on stderr and changes nothing: the decision has been made.

    Args:
        project: the opened suite.
        comparison: what was decided.
        at_once: record it now.
        quiet: say only what went wrong.
        command: what made it, such as `gate`.
        written: reports that were written: a page among them is kept as it is.
    """
    from promptreg.pipeline.history.keep import keep_comparison

    try:
        kept = keep_comparison(project, comparison, _page(project, comparison, written), command)
    except PromptregError as e:
        _say(f"not kept for the history: {e}")
        return
    if at_once and kept is not None:
        record_now(project, quiet=quiet)


def remember_bisection(
    project: Project, found: Bisection, *, at_once: bool, quiet: bool = False
) -> None:
    """Keep a bisection for the history, with the runs of both ends, and record it if wanted."""
    from promptreg.pipeline.bisect.event import keep_bisection

    try:
        keep_bisection(project, found)
    except PromptregError as e:
        _say(f"not kept for the history: {e}")
        return
    if at_once:
        record_now(project, quiet=quiet)


def remember_runs(
    project: Project,
    executed: Executed,
    refs: Sequence[str],
    options: Options,
    *,
    at_once: bool,
    quiet: bool = False,
) -> None:
    """Keep finished runs of some references for the history, and record them if wanted."""
    from promptreg.pipeline.history.keep import keep_runs
    from promptreg.pipeline.versions import lookup
    from promptreg.stages.load import RunRef

    try:
        found = [lookup(project, ref, options) for ref in refs]
        texts = [t for one in found if not isinstance(one, RunRef) for t in one.values()]
        keep_runs(project, executed.runs, texts)
    except PromptregError as e:
        _say(f"not kept for the history: {e}")
        return
    if at_once:
        record_now(project, quiet=quiet)


def _page(
    project: Project, comparison: Comparison, written: Sequence[Path]
) -> Callable[[Path], None] | None:
    """Return what writes the HTML report, where there is a reporter for it.

    One that was written already is taken as it is. A suite without `history` does without: there
    it may never be asked for, and making it takes longer than deciding.
    """
    made = next((path for path in written if path.suffix.lower() in (".html", ".htm")), None)
    if made is not None:
        return lambda path: _copied(made, path)
    if project.suite.history is None or "html" not in project.plugins.reporters:
        return None

    def write(path: Path) -> None:
        try:
            project.plugins.reporters.create("html", {}).write(comparison, path)
        except Exception as e:  # noqa: BLE001 - a stranger's reporter; the history does without
            _say(f"the history gets no HTML report: {type(e).__name__}: {e}")

    return write


def _copied(made: Path, path: Path) -> None:
    try:
        path.write_bytes(made.read_bytes())
    except OSError as e:
        _say(f"the history gets no HTML report: {e}")


def record_now(project: Project, *, quiet: bool) -> None:
    """Record in a process of its own: its library takes seconds to load, and may hang."""
    import json
    import subprocess

    wait = project.suite.history.wait if project.suite.history else 60.0
    command = [sys.executable, "-m", "promptreg", "history", "sync", "--json", "-c"]
    try:
        done = subprocess.run(  # noqa: S603 - our own command
            [*command, str(project.path)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=wait,
            check=False,
        )
    except subprocess.TimeoutExpired:
        _say(f"not recorded within {wait:g} s; kept: 'promptreg history sync' goes on")
        return
    except OSError as e:
        _say(f"not recorded: {e}; kept: 'promptreg history sync' records it")
        return
    try:
        found: Any = json.loads(done.stdout)
    except ValueError:
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        _say(f"not recorded: {reason.removeprefix('promptreg: ')}")
        return
    _tell(found, quiet=quiet)


def _tell(found: dict[str, Any], *, quiet: bool) -> None:
    from promptreg.cli.history.sync import told
    from promptreg.pipeline.history.sync import Synced

    done = Synced(**found)
    if done.problem:
        _say(f"{told(done)}; 'promptreg history sync' records it")
    elif not quiet:
        _say(told(done))
    notes: Sequence[str] = done.notes if not quiet else ()
    for note in notes:
        _say(note)


def _say(text: str) -> None:
    from promptreg.stages.report.text import clean

    print(f"promptreg: {clean(text)}", file=sys.stderr)
