"""One comparison for all workers of pytest-xdist: the first makes it, the others read its runs.

Without that each worker would ask failed calls anew, and tests of one session would rest on
different trials.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from promptreg.errors import ExitCode, PromptregError, StoppedError, StoreError
from promptreg.pipeline.compare import compare
from promptreg.pipeline.project import Project
from promptreg.pipeline.recompare import compare_again
from promptreg.verdicts import Comparison
from pytest_promptreg.asked import Asked

__all__ = ["meeting_place", "shared"]


class _ToldError(PromptregError):
    """An error that another worker met."""

    def __init__(self, message: str, exit_code: ExitCode) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def meeting_place(project: Project, session: str) -> Path:
    """Return the folder in the run store where the workers of one session meet.

    Args:
        project: the opened suite.
        session: the `testrunuid` that all of them share.

    Raises:
        StoreError: it cannot be made.
    """
    folder = project.store / "pytest" / session
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise StoreError(f"{folder}: cannot be made: {e.strerror or e}") from e
    return folder


def shared(folder: Path, project: Project, asked: Asked) -> Comparison:
    """Return the comparison of whichever worker comes first.

    Raises:
        PromptregError: it could not be made, here or there.
    """
    place = folder / f"{asked.key[:32]}.json"
    with _locked(place.with_suffix(".lock")):
        if place.exists():
            return _again(project, asked, json.loads(place.read_text("utf-8")))
        try:
            made = compare(project, asked.baseline, asked.candidate, asked.options)
        except StoppedError:
            raise
        except PromptregError as e:
            place.write_text(json.dumps({"error": str(e), "code": int(e.exit_code)}), "utf-8")
            raise
        runs = [dict(side.run_ids) for side in (made.baseline, made.candidate)]
        # What was judged while it came cannot be judged from the finished runs.
        told = {} if made.stopping is not None else {"runs": runs}
        place.write_text(json.dumps(told), "utf-8")
        return made


def _again(project: Project, asked: Asked, told: dict[str, Any]) -> Comparison:
    if "error" in told:
        raise _ToldError(told["error"], ExitCode(told["code"]))
    labels = (asked.baseline, asked.candidate)
    if "runs" not in told:
        return compare(project, *labels, asked.options)
    baseline, candidate = told["runs"]
    return compare_again(project, labels, (baseline, candidate), asked.options)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # released when the file is closed, or the process dies
        yield
