"""How pages say states, times and jobs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any

from promptreg.stages.report.text import one_line
from promptreg_plugins.web.model import Job, JobRequest, JobState

__all__ = [
    "command_line",
    "decision_words",
    "job_title",
    "moment",
    "option_words",
    "short_path",
    "stamp",
    "state_tone",
    "what_to_do",
]

_STATES = {
    JobState.QUEUED: "fine",
    JobState.RUNNING: "fine",
    JobState.FINISHED: "good",
    JobState.FAILED: "bad",
    JobState.CANCELLED: "unsure",
}
_FLAGS = {"limit": "--limit", "where": "--filter"}
_DECISION = re.compile(r"(?:GATE )?(?:PASS|FAIL|INCONCLUSIVE)(?: — |: )")
_EXITS = {
    2: "The suite or the request is at fault: mend what is named above, then ask again.",
    4: "The two sides cannot be compared: something besides the template differs, or too many "
    "trials are missing.",
    5: "Provider or store did not answer, or the budget is spent. What was paid for is kept: "
    "resume goes on where it stopped.",
}


def state_tone(state: str) -> str:
    """Return the colour class of a job's state."""
    return _STATES.get(JobState(state), "fine")


def moment(at: datetime | str | None) -> str:
    """Return a time to the minute in UTC: `2026-03-01 14:05 UTC`; `-` for none."""
    if at is None:
        return "-"
    if isinstance(at, str):
        try:
            return moment(datetime.fromisoformat(at))
        except ValueError:
            return one_line(at, 40)
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return f"{at:%Y-%m-%d %H:%M} UTC"


def stamp(at: datetime | str | None) -> str:
    """Return a time as machines read it."""
    return at.isoformat() if isinstance(at, datetime) else at or ""


def job_title(job: Job | JobRequest) -> str:
    """Return what a job is about: `v2 against v1`, the candidate first; or all that it runs."""
    request = job.request if isinstance(job, Job) else job
    refs = [one_line(ref, 60) for ref in request.refs]
    if len(refs) == 2 and request.kind != "run":
        return f"{refs[1]} against {refs[0]}"
    return ", ".join(refs)


def option_words(options: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return a request's options for people, in a stable order."""
    return [
        (one_line(name.replace("_", " "), 40), one_line(_plain(value), 200))
        for name, value in sorted(options.items())
        if value not in (None, [], (), {}, "", False)
    ]


def decision_words(headline: str | None) -> str:
    """Return why a gate decided so, without the verdict, which stands beside it as a badge."""
    text = one_line(headline or "", 400)
    found = _DECISION.match(text)
    return text[found.end() :].partition(" · ")[0].rstrip(" ·") if found else text


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k}={v}" for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(str(v) for v in value)
    return "yes" if value is True else str(value)


def short_path(file: str) -> str:
    """Return a file and its folder: where on the machine they lie is nobody's business."""
    return "/".join(PurePath(file).parts[-2:])


def command_line(request: JobRequest, file: str) -> str:
    """Return the command that does the same in a terminal, in the suite's folder."""
    words = ["promptreg", str(request.kind), *request.refs]
    words += ["-c", PurePath(file).name] if file else []
    for name, value in sorted(request.options.items()):
        flag = _FLAGS.get(name, "--" + name.replace("_", "-"))
        if isinstance(value, bool):
            words += [flag] if value else []
        elif isinstance(value, Mapping):
            for key, one in value.items():
                words += [flag, f"{key}={one}"]
        elif isinstance(value, (list, tuple)):
            for one in value:
                words += [flag, str(one)]
        elif value is not None:
            words += [flag, str(value)]
    return shlex.join(words)


def what_to_do(job: Job) -> str:
    """Return what somebody can do about a job that gave no result; empty if there is one."""
    if job.state is JobState.CANCELLED:
        return "Somebody stopped it. What was paid for is kept; resume goes on where it stopped."
    if job.state is not JobState.FAILED:
        return ""
    return _EXITS.get(job.exit_code or 0, "The log below says more.")
