"""One attempt at a job: its process is started, watched, stopped, and what came of it is kept."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, TypeVar

from promptreg.errors import ExitCode, PromptregError
from promptreg_plugins.web.engine.figures import figures_of
from promptreg_plugins.web.engine.refs import check_refs
from promptreg_plugins.web.engine.suites import Suites
from promptreg_plugins.web.jobs.command import command_of
from promptreg_plugins.web.jobs.following import Following
from promptreg_plugins.web.jobs.lock import JobLock
from promptreg_plugins.web.jobs.options import check_options
from promptreg_plugins.web.jobs.outcome import Outcome, cancelled, outcome_of
from promptreg_plugins.web.jobs.process import ChildProcess
from promptreg_plugins.web.jobs.redact import redactor
from promptreg_plugins.web.model import JobKind, JobState
from promptreg_plugins.web.problems import ProblemError, UnavailableError
from promptreg_plugins.web.settings import Settings
from promptreg_plugins.web.store.attempts import Attempt, SupersededError, start_attempt
from promptreg_plugins.web.store.database import Database
from promptreg_plugins.web.store.jobs import Waiting
from promptreg_plugins.web.store.orphans import fail_job

__all__ = ["InterruptedJob", "JobRunner"]

T = TypeVar("T")
_LOG = logging.getLogger("promptreg.web.jobs")
_WAIT_S = 0.25
_LONGEST_WAIT_S = 5.0
_LOOK_S = 1.0
_REFUSALS = 5
_SAID = "the service's log says more"


class InterruptedJob(BaseException):
    """The attempt ended before the job did; another one goes on.

    No `Exception`, so that the queue keeps the job as begun instead of noting a result.
    """


@dataclass(frozen=True, slots=True)
class JobRunner:
    """Makes attempts at jobs.

    Attributes:
        settings: of the service.
        database: where jobs are kept.
        suites: those that are served.
        stopping: set when the service ends, or other processes took its jobs over.
        changed: told the id of a job of which there is news.
    """

    settings: Settings
    database: Database
    suites: Suites
    stopping: threading.Event
    changed: Callable[[str], None]

    def attempt(self, job_id: str, generation: int) -> str:
        """Make an attempt; return the state it led to.

        Raises:
            InterruptedJob: the service ends, or another process has the job now.
        """
        try:
            attempt = self._insist(lambda: start_attempt(self.database, job_id, generation))
            if attempt is None:
                return "nothing to do"
            self.changed(job_id)
            return str(self._worked(attempt))
        except SupersededError as e:
            raise InterruptedJob(f"another process has job {job_id}") from e
        except InterruptedJob:
            raise
        except BaseException as e:  # noqa: BLE001 - not even its end could be written as it was
            _LOG.exception("job not recorded", extra={"fields": {"job": job_id}})
            problem = f"what came of it could not be recorded ({type(e).__name__}); {_SAID}"
            self._insist(lambda: fail_job(self.database, Waiting(job_id, generation), problem))
            self.changed(job_id)
            return str(JobState.FAILED)

    def _worked(self, attempt: Attempt) -> JobState:
        job = attempt.job
        folder = self.settings.folder.resolve() / "jobs" / job.id
        facts: dict[str, Any] = {"job": job.id, "attempt": job.attempts}
        try:
            outcome = self._ended(attempt, self._came_to(attempt, folder, facts), folder)
        except (SupersededError, InterruptedJob):
            raise
        except BaseException as e:  # noqa: BLE001 - whatever it is (a plug-in's SystemExit, too),
            # a job must not seem to work for ever.
            _LOG.exception("job failed within the service", extra={"fields": facts})
            problem = f"the service failed ({type(e).__name__}); its log says more"
            outcome = Outcome(JobState.FAILED, {"exit_code": 5, "problem": problem})
            self._ended(attempt, outcome, folder)
        self.changed(job.id)
        told = {**facts, "state": str(outcome.state), "exit_code": outcome.facts.get("exit_code")}
        _LOG.info("job ended", extra={"fields": told})
        return outcome.state

    def _ended(self, attempt: Attempt, outcome: Outcome, folder: Path) -> Outcome:
        """Keep what came of an attempt; its folder goes first, as a resumed job begins there."""
        if refused := self._insist(partial(self._kept, attempt, outcome, [])):
            said = {"job": attempt.job.id, "reason": refused}
            _LOG.error("reports not kept", extra={"fields": said})
            if outcome.state is JobState.FINISHED:
                outcome = outcome.without_files(f"its reports could not be kept: {refused}")
        _remove(folder)
        self._insist(lambda: attempt.finish(outcome.state, outcome.facts))
        return outcome

    def _kept(self, attempt: Attempt, outcome: Outcome, refusals: list[str]) -> str:
        """Keep the files; return why a database that takes anything else does not take them.

        Raises:
            UnavailableError: they are to be tried again.
        """
        try:
            attempt.keep(outcome.files)
        except UnavailableError as e:
            attempt.log(())  # raises the same of a database that is away
            refusals.append(e.detail)
            if len(refusals) < _REFUSALS:
                raise
            return e.detail
        return ""

    def _came_to(self, attempt: Attempt, folder: Path, facts: dict[str, Any]) -> Outcome:
        job = attempt.job
        try:
            served = self.suites.get(job.request.suite)
            check_options(job.request.kind, job.request.options)
            check_refs(served.project, job.request.kind, job.request.refs)
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            command = command_of(job.request, served.path)
        except UnavailableError as e:
            outcome = Outcome(JobState.FAILED, {"exit_code": 5, "problem": str(e)})
        except ProblemError as e:
            outcome = Outcome(JobState.FAILED, {"exit_code": 2, "problem": str(e)})
        except OSError as e:
            outcome = Outcome(JobState.FAILED, {"exit_code": 5, "problem": str(e)})
        else:
            _LOG.info("job started", extra={"fields": {**facts, "kind": str(job.request.kind)}})
            outcome = self._run(attempt, command, folder)
            if outcome.state is JobState.FINISHED:
                figures = self._figures(job.request.suite, outcome.facts.get("run_ids", ()))
                outcome.facts["figures"] = figures
        return outcome

    def _run(self, attempt: Attempt, command: list[str], folder: Path) -> Outcome:
        """Run the command to its end.

        Raises:
            InterruptedJob, SupersededError: it was stopped before that.
        """
        redact = redactor([self.database.url.password or ""])
        lock = JobLock(folder / "lock")
        if not self._locked(lock, attempt):
            return cancelled()
        out: IO[bytes] | None = None
        try:
            for name in ("report.json", "report.html", "report.md", "log.txt"):
                (folder / name).unlink(missing_ok=True)  # of an earlier attempt
            if attempt.job.request.kind is JobKind.RUN:
                out = (folder / "report.json").open("wb")
            grace_s = self.settings.grace_s
            child = ChildProcess(command, folder, lock=lock.descriptor, grace_s=grace_s, out=out)
            try:
                lock.held_by(child.pid)
            except BaseException:
                child.close()
                raise
        except OSError as e:
            return Outcome(JobState.FAILED, {"exit_code": 5, "problem": f"cannot be started: {e}"})
        finally:
            if out is not None:
                out.close()
            lock.release()
        with (folder / "log.txt").open("w", encoding="utf-8") as log:
            following = Following(attempt, redact, log, self.changed)
            try:
                code = self._watched(child, following)
            finally:
                child.close()
        interrupted = code < 0 or code in (ExitCode.INTERRUPTED, ExitCode.TERMINATED)
        if self.stopping.is_set() and interrupted and not following.cancelled:
            self._given_back(attempt)
        return outcome_of(attempt.job, code, following, folder)

    def _watched(self, child: ChildProcess, following: Following) -> int:
        kill_at: float | None = None
        while (code := child.ended()) is None:
            for said in child.said(_WAIT_S):
                following.hear(said)
            following.keep()
            if kill_at is None and (following.cancelled or self.stopping.is_set()):
                child.stop()
                kill_at = time.monotonic() + self.settings.grace_s
            if kill_at is not None and time.monotonic() >= kill_at:
                child.kill()
        for _ in range(1_000):  # what is still in the pipes
            rest = list(child.said(0))
            if not rest:
                break
            for said in rest:
                following.hear(said)
        following.keep(last=True)
        return code

    def _given_back(self, attempt: Attempt) -> None:
        """Let the job wait again.

        Raises:
            InterruptedJob: always.
        """
        try:
            attempt.give_back()
        except (UnavailableError, SupersededError):
            _LOG.warning("job left as it is", extra={"fields": {"job": attempt.job.id}})
        self.changed(attempt.job.id)
        raise InterruptedJob(f"the service ends; job {attempt.job.id} goes on with the next")

    def _locked(self, lock: JobLock, attempt: Attempt) -> bool:
        """Take the job's lock, waiting for a process that a service left behind.

        Returns:
            False if the job was cancelled meanwhile; the lock is not taken then.
        """
        patience = time.monotonic() + self.settings.grace_s + _LONGEST_WAIT_S
        look = 0.0
        while not lock.take():
            if time.monotonic() >= look:
                look = time.monotonic() + _LOOK_S
                with suppress(UnavailableError):
                    if attempt.cancelled():
                        return False
            if self.stopping.wait(_WAIT_S):
                self._given_back(attempt)
            if time.monotonic() > patience:
                lock.end_holder()
        return True

    def _insist(self, write: Callable[[], T]) -> T:
        """Write, however long the database is away.

        Raises:
            InterruptedJob: the service ends meanwhile.
        """
        wait_s = _WAIT_S
        while True:
            try:
                return write()
            except UnavailableError as e:
                _LOG.warning("the database is away", extra={"fields": {"reason": e.detail}})
                if self.stopping.wait(wait_s):
                    raise InterruptedJob("the service ends while the database is away") from e
                wait_s = min(wait_s * 2, _LONGEST_WAIT_S)

    def _figures(self, suite: str, run_ids: Any) -> list[Mapping[str, Any]]:
        try:
            return list(figures_of(self.suites.get(suite).project, run_ids))
        except (ProblemError, PromptregError, OSError, ValueError) as e:
            _LOG.warning("no figures for the trend", extra={"fields": {"reason": str(e)}})
            return []


def _remove(folder: Path) -> None:
    """Remove a job's folder, unless a process that a service left behind still works there."""
    lock = JobLock(folder / "lock")
    with suppress(OSError):
        if lock.take():
            shutil.rmtree(folder, ignore_errors=True)
    lock.release()
