"""What came of a job's process: its exit code is the contract, its reports say the rest."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from promptreg.errors import ExitCode
from promptreg.stages.report.decision import sentence
from promptreg_plugins.web.document import comparison_of
from promptreg_plugins.web.jobs.command import REPORTS
from promptreg_plugins.web.jobs.following import Following
from promptreg_plugins.web.model import Job, JobKind, JobState

__all__ = ["Outcome", "cancelled", "outcome_of"]

_MAX_FILE = 256 * 2**20
_DECIDED = (ExitCode.OK, ExitCode.REGRESSION, ExitCode.INCONCLUSIVE, ExitCode.NOT_COMPARABLE)
_STOPPED = (ExitCode.INTERRUPTED, ExitCode.TERMINATED)
_COUNTS = ("done", "planned", "cached", "failed")
_CANCELLED = "cancelled; resuming goes on where it stopped"


@dataclass
class Outcome:
    """The state a job ends in.

    Attributes:
        state: finished, failed or cancelled.
        facts: columns of the job.
        files: artifacts, name and bytes.
    """

    state: JobState
    facts: dict[str, Any]
    files: list[tuple[str, bytes]] = field(default_factory=list)

    def without_files(self, problem: str) -> Outcome:
        """Return what it comes to where its reports are lost: no verdict stands without them."""
        kept = {k: self.facts[k] for k in (*_COUNTS, "run_ids") if k in self.facts}
        facts = {**kept, "exit_code": int(ExitCode.EXECUTION), "problem": problem}
        return Outcome(JobState.FAILED, facts)


def outcome_of(job: Job, code: int, following: Following, folder: Path) -> Outcome:
    """Return what an attempt that ended by itself, or was cancelled, came to.

    Args:
        job: the job.
        code: the exit code; negative: the signal that killed it.
        following: what it said.
        folder: where its reports lie.
    """
    facts: dict[str, Any] = {**following.counts, "run_ids": list(dict.fromkeys(following.run_ids))}
    files = [
        (name, (folder / name).read_bytes())
        for name in (*REPORTS, "log.txt")
        if (folder / name).is_file() and 0 < (folder / name).stat().st_size <= _MAX_FILE
    ]
    report = _report(dict(files).get("report.json"))
    facts["exit_code"] = code if code >= 0 else 128 - code
    if code in _DECIDED and report is not None:  # before it could be stopped, maybe
        facts |= _decided(job, report, following)
        return Outcome(JobState.FINISHED, facts, files)
    if following.cancelled and code != ExitCode.OK:
        facts["exit_code"] = facts["exit_code"] if code in _STOPPED else int(ExitCode.INTERRUPTED)
        facts["problem"] = _CANCELLED
        return Outcome(JobState.CANCELLED, facts, _logs(files))
    facts["problem"] = _why(code, following)
    return Outcome(JobState.FAILED, facts, _logs(files))


def cancelled() -> Outcome:
    """Return what an attempt came to that was cancelled before its process was started."""
    facts = {"exit_code": int(ExitCode.INTERRUPTED), "problem": _CANCELLED}
    return Outcome(JobState.CANCELLED, facts)


def _logs(files: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Keep the log alone: a report of a job that did not end well may be half of one."""
    return [(name, body) for name, body in files if name == "log.txt"]


def _report(body: bytes | None) -> dict[str, Any] | None:
    try:
        found = json.loads(body or b"")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _decided(job: Job, report: dict[str, Any], following: Following) -> dict[str, Any]:
    facts: dict[str, Any] = {"problem": None}
    if job.request.kind is JobKind.RUN:
        runs = report.get("runs", [])
        facts["run_ids"] = [run["id"] for run in runs]
        named = ", ".join(f"{run['template']}@{run['label']}" for run in runs)
        facts["headline"] = f"ran {named}"[:500]
    else:
        gate = report["gate"]
        facts["verdict"] = gate["verdict"]
        facts["headline"] = _sentence(report) or "; ".join(gate["reasons"])[:500]
        if run_ids := _run_ids(report):
            facts["run_ids"] = run_ids
    trials = report.get("trials") or {}
    cached, called = trials.get("cached"), trials.get("called")
    if isinstance(cached, int) and isinstance(called, int) and not following.counts["done"]:
        facts |= {"done": cached + called, "planned": trials.get("planned"), "cached": cached}
    return facts


def _sentence(report: dict[str, Any]) -> str:
    """Return the report's own sentence: what is printed is cut to the width of a terminal."""
    try:
        return sentence(comparison_of(report))[:500]
    except (KeyError, TypeError, ValueError, AttributeError):
        return ""  # a report of another shape: its gate's reasons say as much


def _run_ids(report: dict[str, Any]) -> list[str]:
    """Return the runs of every template, all baselines first."""
    found = []
    for side in ("baseline", "candidate"):
        for facts in (report[side].get("templates") or {}).values():
            found += [facts["run_id"]] if facts.get("run_id") else []
    return found


def _why(code: int, following: Following) -> str:
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        hint = " (out of memory?)" if name == "SIGKILL" else ""
        return f"its process was killed by {name}{hint}"
    said = [line.removeprefix("promptreg: ") for line in following.last_words]
    words = "\n".join(said[-5:])
    return words or f"its process ended with exit code {code} and said nothing"
