"""What the service knows and hands to its API and its pages; plain data, nothing of HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Generic, TypeVar

__all__ = [
    "SESSION_IDLE",
    "SESSION_LONGEST",
    "Event",
    "Job",
    "JobKind",
    "JobRequest",
    "JobState",
    "Page",
    "Role",
    "RunInfo",
    "ScenarioRow",
    "SuiteInfo",
    "TemplateInfo",
    "TokenInfo",
    "TrialRow",
    "VersionInfo",
    "Who",
]

T = TypeVar("T")
SESSION_IDLE, SESSION_LONGEST = timedelta(hours=8), timedelta(hours=24)
"""How long a browser stays logged in: without a request, and at all."""


class Role(StrEnum):
    """What a token may do; each role may do all that those before it may."""

    READ = "read"
    RUN = "run"
    ADMIN = "admin"

    def allows(self, wanted: Role) -> bool:
        """Whether somebody of this role may do what takes `wanted`."""
        order = list(Role)
        return order.index(self) >= order.index(wanted)


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody who asks: the token's name and role."""

    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """A token as it is listed; the token itself is shown once, when it is made.

    Attributes:
        id: the part of the token that is no secret.
        name: unique among those that are not revoked; what jobs say in `by`.
        role: what it allows.
        created_at, last_used_at, revoked_at: UTC; `last_used_at` to the minute.
    """

    id: str
    name: str
    role: Role
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


class JobKind(StrEnum):
    """What a job does; the command of the same name does the work."""

    COMPARE = "compare"
    GATE = "gate"
    RUN = "run"


class JobState(StrEnum):
    """Where a job stands. The last four are final, but a stopped job can be resumed."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    """It did what it says; for a gate or comparison, `verdict` and `exit_code` tell the result."""
    FAILED = "failed"
    """It ended without a result; `exit_code` and `problem` say why."""
    CANCELLED = "cancelled"
    """Somebody stopped it; what was paid for is kept, and resuming goes on."""

    @property
    def final(self) -> bool:
        """Whether nothing more happens by itself."""
        return self not in {JobState.QUEUED, JobState.RUNNING}


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What somebody wants done.

    Attributes:
        kind: compare, gate or run.
        suite: the suite's name, as `SuiteInfo.name`.
        refs: baseline and candidate, or for `run` one or more; labels, `template@label`,
            `run:ID`. Files and addresses are refused: no request may make the service read them.
        options: the command's options by their Python names, only those in
            `promptreg_plugins.web.jobs.OPTIONS` (template, where, limit, repeats, seed, margin,
            alpha, budget, sequential, looks, anytime, strict, allow_mismatch, record,
            no_cache).
    """

    kind: JobKind
    suite: str
    refs: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Job:
    """A request, and what became of it.

    Attributes:
        id: a UUID.
        by: the name of the token that asked.
        created_at, started_at, ended_at: UTC.
        attempts: how often it was started (restarts of the service, resumptions).
        done, planned: trials; `planned` is None until the plan is known.
        cached, failed: trials among `done`.
        verdict: of the gate: pass, fail, inconclusive; None while there is none and for `run`.
        headline: the decision in one sentence, as in the report.
        exit_code: as of the command line (0-5, 130).
        problem: what stopped it, in one or a few lines; None if nothing did.
        run_ids: the stored runs it made or used, baseline first.
        artifacts: names of what can be fetched: report.json, report.html, report.md, log.txt.
    """

    id: str
    request: JobRequest
    state: JobState
    by: str
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    attempts: int = 0
    done: int = 0
    planned: int | None = None
    cached: int = 0
    failed: int = 0
    verdict: str | None = None
    headline: str | None = None
    exit_code: int | None = None
    problem: str | None = None
    run_ids: tuple[str, ...] = ()
    artifacts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a job; what is sent to those who follow it.

    Attributes:
        id: rises within the job by one; a client that lost the connection names the last it saw.
        kind: `state` (the job's state changed), `progress` (counts; at most a few a second),
            `log` (one line that the command printed for people).
        data: for `state`: state, verdict, exit_code, problem; for `progress`: done, planned,
            cached, failed, rate (trials per second), left_s; for `log`: line.
    """

    id: int
    at: datetime
    kind: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """One label of a template; `hash` is None where it cannot be read, and `problem` says why."""

    label: str
    hash: str | None
    engine: str
    source: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class TemplateInfo:
    """A template of a suite: its versions, and aliases (alias to label or hash) of the journal."""

    name: str
    versions: tuple[VersionInfo, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SuiteInfo:
    """A suite that is served. `problem` says why it cannot be opened; the rest is then empty."""

    name: str
    file: str
    provider: str = ""
    templates: tuple[TemplateInfo, ...] = ()
    scenarios: int = 0
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Categorical attribute to its values: what can filter and slice."""
    metrics: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class ScenarioRow:
    """One scenario: attributes for the list, everything for its page."""

    id: str
    attributes: Mapping[str, str]
    variables: Mapping[str, Any]
    ground_truth: Mapping[str, Any]
    images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A stored run. Fields but `id` are None where the run cannot be read; `problem` says why."""

    id: str
    template: str | None
    label: str | None
    created_at: datetime | None
    scenarios: int | None
    repeats: int | None
    failed: int | None
    partial: bool | None
    synthetic: bool | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One trial: what was sent, what came back, how it scored.

    Attributes:
        failure: the cause (timeout, refused, parse...) with its words; None if answered.
        scores: metric to score; None where unscored.
        unscored: metric to the reason there is no score.
        prompt: exactly what was sent; None in lists.
    """

    run_id: str
    scenario_id: str
    repeat: int
    attributes: Mapping[str, str]
    text: str | None
    answer: Mapping[str, Any] | None
    failure: str | None
    scores: Mapping[str, float | None]
    unscored: Mapping[str, str] = field(default_factory=dict)
    latency_s: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt: str | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list: `items` from `offset` on, of `total`."""

    items: tuple[T, ...]
    total: int
    offset: int
    limit: int
