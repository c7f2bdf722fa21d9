"""The command line of a job: built from what was checked, one word at a time, for no shell."""

from __future__ import annotations

import sys
from pathlib import Path

from promptreg_plugins.web.jobs.options import arguments
from promptreg_plugins.web.model import JobKind, JobRequest

__all__ = ["REPORTS", "command_of"]

REPORTS = ("report.json", "report.html", "report.md")


def command_of(request: JobRequest, suite_file: Path) -> list[str]:
    """Return program and arguments of a job.

    Args:
        request: checked against suite and options.
        suite_file: the suite's file.
    """
    words = [sys.executable, "-m", "promptreg_plugins.web.jobs.child", str(request.kind)]
    words.append(f"--config={suite_file.resolve()}")
    if request.kind is JobKind.RUN:
        words.append("--json")
    else:
        words += [f"--output={name}" for name in REPORTS]  # in the job's folder, where it starts
    return [*words, *arguments(request.options), "--", *request.refs]
