"""The one thing that API and pages talk to, as a protocol; `engine` has the real one.

Methods are coroutines: what blocks (files, databases, suites) runs in threads. All refusals are
errors of `promptreg_plugins.web.problems`, which know their HTTP status.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

from promptreg_plugins.web.model import (
    Event,
    Job,
    JobKind,
    JobRequest,
    JobState,
    Page,
    Role,
    RunInfo,
    ScenarioRow,
    SuiteInfo,
    TemplateInfo,
    TokenInfo,
    TrialRow,
    Who,
)

__all__ = ["Service"]


class Service(Protocol):
    """Suites, jobs, runs and results, whoever asks for them and however they are shown.

    Raises (any method): NotFoundError for an unknown id or name (404); InvalidError for what the
    request may not say, naming field, value and what is allowed (422); ConflictError for what the
    state does not allow, such as cancelling a finished job (409); UnavailableError when database or
    store do not answer (503).
    """

    async def suites(self) -> list[SuiteInfo]:
        """Return the suites that are served; one that cannot be opened says its problem."""
        ...

    async def suite(self, name: str) -> SuiteInfo:
        """Return one suite."""
        ...

    async def templates(self, suite: str) -> list[TemplateInfo]:
        """Return a suite's templates with versions and aliases."""
        ...

    async def template_text(self, suite: str, template: str, ref: str) -> str:
        """Return the text of a version: a label, an alias or `sha256:` and the hash's beginning."""
        ...

    async def scenarios(
        self, suite: str, *, where: Mapping[str, str], query: str, offset: int, limit: int
    ) -> Page[ScenarioRow]:
        """Return those with these attribute values whose text holds `query`, in file order."""
        ...

    async def scenario(self, suite: str, scenario_id: str) -> ScenarioRow:
        """Return one scenario with all that is known of it."""
        ...

    async def image(self, suite: str, scenario_id: str, place: int) -> tuple[bytes, str]:
        """Return the bytes and media type of one of `ScenarioRow.images`; 404 if not shown."""
        ...

    async def runs(self, suite: str) -> list[RunInfo]:
        """Return the stored runs of a suite, the newest first."""
        ...

    async def trials(
        self,
        suite: str,
        run_id: str,
        *,
        where: Mapping[str, str],
        failed: bool | None,
        offset: int,
        limit: int,
    ) -> Page[TrialRow]:
        """Return a run's trials in scenario order; `failed`: only those that failed, or did not."""
        ...

    async def trial(self, suite: str, run_id: str, scenario_id: str, repeat: int) -> TrialRow:
        """Return one trial, prompt included."""
        ...

    async def plan(self, request: JobRequest, who: Who) -> dict[str, Any]:
        """Return what a comparison would cost, as `promptreg plan --json`; nothing is kept.

        Raises:
            TooManyError: many plans are being made.
        """
        ...

    async def submit(self, request: JobRequest, who: Who, key: str | None = None) -> Job:
        """Check a request and queue it; it is durable when this returns.

        Args:
            request: what is asked for.
            who: who asks.
            key: the same key of the same `who` gives the job of the first time, whichever
                process is asked, for a week; with another request it is refused (409). A request
                that is refused leaves its key unused.
        """
        ...

    async def jobs(
        self,
        *,
        suite: str | None,
        state: JobState | None,
        offset: int,
        limit: int,
        kind: JobKind | None = None,
    ) -> Page[Job]:
        """Return jobs, the newest first."""
        ...

    async def job(self, job_id: str) -> Job:
        """Return one job."""
        ...

    async def cancel(self, job_id: str, who: Who) -> Job:
        """Stop a job that is queued or running; what was paid for is kept."""
        ...

    async def resume(self, job_id: str, who: Who) -> Job:
        """Queue a failed or cancelled job again; it goes on where it stopped."""
        ...

    def events(self, job_id: str, *, after: int = 0) -> AsyncIterator[Event]:
        """Yield all after event `after`, then what happens, until the job's state is final."""
        ...

    async def report(self, job_id: str) -> dict[str, Any]:
        """Return the comparison's JSON document, as `promptreg compare --json` prints it."""
        ...

    async def artifact(self, job_id: str, name: str) -> bytes:
        """Return the bytes of one of `Job.artifacts`."""
        ...

    async def trend(self, suite: str, metric: str, template: str | None) -> list[dict[str, Any]]:
        """Return a metric over the finished jobs of a suite, the oldest first.

        Keys: at, template, label, share, value, low, high, verdict, job_id.
        """
        ...

    async def plugins(self) -> list[dict[str, str]]:
        """Return what is registered (kind, name, distribution), and what is broken, with why."""
        ...

    async def healthy(self) -> Mapping[str, str]:
        """Return what readiness asks: part (database, store, suites...) to "ok" or why not."""
        ...

    async def authenticate(self, token: str) -> Who:
        """Return whose token it is, in the same time whether or not it is one.

        Raises:
            UnauthorizedError: it is unknown, malformed or revoked.
        """
        ...

    async def tokens(self) -> list[TokenInfo]:
        """Return all tokens, the newest first, those that are revoked included."""
        ...

    async def create_token(self, name: str, role: Role) -> tuple[TokenInfo, str]:
        """Make a token; the second part is what its owner sends, and is kept nowhere."""
        ...

    async def revoke_token(self, token_id: str) -> TokenInfo:
        """Make a token invalid, by its id or name, for good."""
        ...
