"""A whole service in memory, on recorded real data: for tests of the API and of the pages.

Jobs that are submitted advance by themselves (`tick_s` apart) unless `tick_s` is None; then
`advance(job_id)` takes one step. `down = True` is a database that does not answer.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

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
from promptreg_plugins.web.problems import (
    ConflictError,
    InvalidError,
    NotFoundError,
    UnauthorizedError,
    UnavailableError,
)
from service_fake_data import (
    NOW,
    SUITE,
    recorded_artifacts,
    recorded_plan,
    runs,
    scenarios,
    suite_info,
    template_texts,
    trials,
)

__all__ = ["ADMIN", "FAILED", "FINISHED", "READ", "RUN", "RUNNING", "FakeService"]

FINISHED = "0b6f4a52-7c39-4f0e-9f5f-3f1c2a77d101"
FAILED = "0b6f4a52-7c39-4f0e-9f5f-3f1c2a77d102"
RUNNING = "0b6f4a52-7c39-4f0e-9f5f-3f1c2a77d103"
READ, RUN, ADMIN = (f"prt_{digit * 12}_{digit * 43}" for digit in "123")
"""Tokens of the fake: of `dora` who reads, `ci` who runs, `anna` who administers."""
_HEADLINE = "FAIL: risk_level regressed; in_range is shown to miss its limit (at least 0.8)"
_RUNS = ("basic-v1-9ec9c47e25", "basic-v2-81097c920d")
_PLANNED = 2 * 132


def _seeded() -> list[Job]:
    compare = JobRequest(JobKind.COMPARE, SUITE, ("v1", "v2"), {"template": ["basic"]})
    at = NOW - timedelta(hours=2)
    finished = Job(
        FINISHED, compare, JobState.FINISHED, "ci", at, at, at + timedelta(seconds=4), 1,
        _PLANNED, _PLANNED, _PLANNED, 2, "fail", _HEADLINE, 0, None, _RUNS,
        ("report.json", "report.html", "report.md", "log.txt"),
    )  # fmt: skip
    gate = replace(compare, kind=JobKind.GATE)
    failed = Job(
        FAILED, gate, JobState.FAILED, "ci", NOW - timedelta(hours=1), attempts=1, done=40,
        started_at=NOW - timedelta(hours=1), ended_at=NOW - timedelta(minutes=50),
        planned=_PLANNED, exit_code=5, artifacts=("log.txt",),
        problem="the provider at http://127.0.0.1:8091 refuses every call: Connection refused",
    )  # fmt: skip
    running = Job(
        RUNNING, replace(compare, kind=JobKind.RUN, refs=("v2",)), JobState.RUNNING, "anna",
        NOW - timedelta(minutes=1), NOW - timedelta(minutes=1), attempts=1, done=17, planned=132,
    )  # fmt: skip
    return [running, failed, finished]


class FakeService:
    """Implements `promptreg_plugins.web.service.Service`; jobs are lost when it goes.

    Attributes:
        down: every call is refused as when the database is gone.
        tick_s: how long a step of a submitted job takes, in seconds; None: nothing moves alone.
        open_streams: followers of events at present.
        plans: what was planned, for whom.
        files: artifacts in place of those of the recording, which take a second to make.
    """

    def __init__(self, *, tick_s: float | None = None, seeded: bool = True) -> None:
        self.down = False
        self.broken_suite = ""
        self._keys: dict[tuple[str, str], tuple[JobRequest, str]] = {}
        self.tick_s = tick_s
        self.open_streams = 0
        self.files: dict[str, bytes] = {}
        self.plans: list[tuple[JobRequest, Who]] = []
        self._tokens = {
            token: TokenInfo(token[4:16], name, role, NOW - timedelta(days=30))
            for token, name, role in (
                (READ, "dora", Role.READ),
                (RUN, "ci", Role.RUN),
                (ADMIN, "anna", Role.ADMIN),
            )
        }
        self._jobs: dict[str, Job] = {}
        self._events: dict[str, list[Event]] = {}
        self._moved = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        for job in reversed(_seeded() if seeded else []):
            self._jobs[job.id] = job
            self._events[job.id] = []
            self._note(job.id, "log", {"line": "reading 132 scenarios"})
            self._note(job.id, "state", _state(job))

    def _up(self) -> None:
        if self.down:
            raise UnavailableError("the database does not answer: connection refused")

    def _note(self, job_id: str, kind: str, data: Mapping[str, Any]) -> None:
        events = self._events[job_id]
        events.append(Event(len(events) + 1, NOW + timedelta(seconds=len(events)), kind, data))

    async def suites(self) -> list[SuiteInfo]:
        self._up()
        return suite_info()

    async def suite(self, name: str) -> SuiteInfo:
        self._up()
        for suite in suite_info():
            if suite.name == name:
                return suite
        raise NotFoundError(f"no suite is called {name!r}; there is: {SUITE}", field="suite")

    async def _open(self, name: str) -> SuiteInfo:
        suite = await self.suite(name)
        if suite.problem:
            raise InvalidError(suite.problem, field="suite")
        return suite

    async def templates(self, suite: str) -> list[TemplateInfo]:
        return list((await self._open(suite)).templates)

    async def template_text(self, suite: str, template: str, ref: str) -> str:
        found = [t for t in (await self._open(suite)).templates if t.name == template]
        if not found:
            raise NotFoundError(f"no template is called {template!r}", field="template")
        label = found[0].aliases.get(ref, ref)
        for version in found[0].versions:
            by_hash = ref.startswith("sha256:") and (version.hash or "").startswith(ref[7:])
            if version.label == label or (by_hash and len(ref) > 12):
                return template_texts()[template, version.label]
        raise NotFoundError(f"{template} has no version {ref!r}; there are: v1, v2", field="ref")

    async def scenarios(
        self, suite: str, *, where: Mapping[str, str], query: str, offset: int, limit: int
    ) -> Page[ScenarioRow]:
        info = await self._open(suite)
        _check_where(info, where)
        rows = [
            row
            for row in scenarios()
            if all(row.attributes.get(k) == v for k, v in where.items())
            and query.lower() in json.dumps(row.variables, ensure_ascii=False).lower()
        ]
        return Page(tuple(rows[offset : offset + limit]), len(rows), offset, limit)

    async def scenario(self, suite: str, scenario_id: str) -> ScenarioRow:
        await self._open(suite)
        for row in scenarios():
            if row.id == scenario_id:
                return row
        raise NotFoundError(f"no scenario is called {scenario_id!r}", field="scenario")

    async def image(self, suite: str, scenario_id: str, place: int) -> tuple[bytes, str]:
        row = await self.scenario(suite, scenario_id)
        if not 0 <= place < len(row.images):
            raise NotFoundError(f"no image {place}")
        return b"\x89PNG\r\n\x1a\n", "image/png"

    async def runs(self, suite: str) -> list[RunInfo]:
        await self._open(suite)
        return runs()

    async def _trials(self, suite: str, run_id: str) -> tuple[TrialRow, ...]:
        await self._open(suite)
        for run in runs():
            if run.id == run_id and run.label:
                return trials(run.label)
        raise NotFoundError(f"there is no run {run_id!r}", field="run")

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
        _check_where(await self._open(suite), where)
        rows = [
            replace(row, prompt=None)
            for row in await self._trials(suite, run_id)
            if all(row.attributes.get(k) == v for k, v in where.items())
            and failed in (None, row.failure is not None)
        ]
        return Page(tuple(rows[offset : offset + limit]), len(rows), offset, limit)

    async def trial(self, suite: str, run_id: str, scenario_id: str, repeat: int) -> TrialRow:
        for row in await self._trials(suite, run_id):
            if (row.scenario_id, row.repeat) == (scenario_id, repeat):
                return row
        raise NotFoundError(f"{run_id} has no trial of {scenario_id!r}, repeat {repeat}")

    async def plan(self, request: JobRequest, who: Who) -> dict[str, Any]:
        await self._open(request.suite)
        _check_refs(request)
        self.plans.append((request, who))
        return recorded_plan()

    async def submit(self, request: JobRequest, who: Who, key: str | None = None) -> Job:
        if key and (kept := self._keys.get((who.name, key))):
            if kept[0] != request:
                raise ConflictError("the key came with another request", field="Idempotency-Key")
            return self._jobs[kept[1]]
        await self._open(request.suite)
        _check_refs(request)
        job = Job(str(uuid.uuid4()), request, JobState.QUEUED, who.name, NOW)
        self._jobs[job.id] = job
        if key:
            self._keys[who.name, key] = (request, job.id)
        self._events[job.id] = []
        self._start(job)
        return job

    def _start(self, job: Job) -> None:
        self._note(job.id, "state", _state(job))
        if self.tick_s is not None:
            task = asyncio.create_task(self._play(job.id, self.tick_s))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _play(self, job_id: str, tick_s: float) -> None:
        while not self._jobs[job_id].state.final:
            await asyncio.sleep(tick_s)
            if not self._jobs[job_id].state.final:
                await self.advance(job_id)

    async def advance(self, job_id: str) -> Job:
        """Take one step: queued to running, running on by 66 trials, and to the verdict."""
        job = self._jobs[job_id]
        if job.state is JobState.QUEUED:
            job = replace(
                job, state=JobState.RUNNING, started_at=NOW, attempts=job.attempts + 1,
                planned=_PLANNED,
            )  # fmt: skip
            self._note(job_id, "state", _state(job))
        elif job.done < _PLANNED:
            done = min(_PLANNED, job.done + 66)
            job = replace(job, done=done, cached=done)
            counts = {"done": done, "planned": _PLANNED, "cached": done, "failed": 0}
            left = (_PLANNED - done) / 330
            self._note(job_id, "progress", {**counts, "rate": 330.0, "left_s": left})
            self._note(job_id, "log", {"line": f"{done} of {_PLANNED} trials"})
        else:
            gate = job.request.kind is JobKind.GATE
            job = replace(
                job, state=JobState.FINISHED, failed=2, ended_at=NOW + timedelta(seconds=4),
                verdict="fail", headline=_HEADLINE, exit_code=1 if gate else 0, run_ids=_RUNS,
                artifacts=("report.json", "report.html", "report.md", "log.txt"),
            )  # fmt: skip
            self._note(job_id, "state", _state(job))
        return await self._put(job)

    async def _put(self, job: Job) -> Job:
        self._jobs[job.id] = job
        async with self._moved:
            self._moved.notify_all()
        return job

    async def jobs(
        self,
        *,
        suite: str | None,
        state: JobState | None,
        offset: int,
        limit: int,
        kind: JobKind | None = None,
    ) -> Page[Job]:
        self._up()
        rows = [
            job
            for job in reversed(self._jobs.values())
            if suite in (None, job.request.suite)
            and state in (None, job.state)
            and kind in (None, job.request.kind)
        ]
        return Page(tuple(rows[offset : offset + limit]), len(rows), offset, limit)

    async def job(self, job_id: str) -> Job:
        self._up()
        if job_id not in self._jobs:
            raise NotFoundError(f"there is no job {job_id!r}", field="job")
        return self._jobs[job_id]

    async def cancel(self, job_id: str, who: Who) -> Job:
        job = await self.job(job_id)
        if job.state.final:
            raise ConflictError(f"the job is {job.state}; only one that goes on can be cancelled")
        job = replace(job, state=JobState.CANCELLED, ended_at=NOW, exit_code=130)
        self._note(job_id, "state", _state(job))
        return await self._put(job)

    async def resume(self, job_id: str, who: Who) -> Job:
        job = await self.job(job_id)
        if job.state not in {JobState.FAILED, JobState.CANCELLED}:
            raise ConflictError(f"the job is {job.state}; only failed or cancelled ones resume")
        job = replace(job, state=JobState.QUEUED, ended_at=None, exit_code=None, problem=None)
        self._jobs[job_id] = job
        self._start(job)
        return await self._put(job)

    async def events(self, job_id: str, *, after: int = 0) -> AsyncIterator[Event]:
        await self.job(job_id)
        self.open_streams += 1
        try:
            seen = after
            while True:
                for event in self._events[job_id][seen:]:
                    yield event
                    seen = event.id
                if self._jobs[job_id].state.final:
                    return
                async with self._moved:
                    while len(self._events[job_id]) <= seen and not self._jobs[job_id].state.final:
                        await self._moved.wait()
        finally:
            self.open_streams -= 1

    async def report(self, job_id: str) -> dict[str, Any]:
        content = await self.artifact(job_id, "report.json")
        document: dict[str, Any] = json.loads(content)
        return document

    async def artifact(self, job_id: str, name: str) -> bytes:
        job = await self.job(job_id)
        if name not in job.artifacts:
            there = ", ".join(job.artifacts) or "none yet"
            raise NotFoundError(f"the job has no {name!r}; there is: {there}", field="name")
        if name == "log.txt":
            return f"{job.headline or job.problem}\n".encode()
        if name in self.files:
            return self.files[name]
        return (await asyncio.to_thread(recorded_artifacts))[name]

    async def trend(self, suite: str, metric: str, template: str | None) -> list[dict[str, Any]]:
        info = await self._open(suite)
        if metric not in info.metrics:
            there = ", ".join(info.metrics)
            raise InvalidError(
                f"no metric is called {metric!r}; there are: {there}", field="metric"
            )
        point = {"template": "basic", "share": True, "low": 0.38, "high": 0.57, "verdict": "fail"}
        return [
            {
                "at": (NOW - timedelta(days=days)).isoformat(),
                "label": label,
                "value": value,
                "job_id": FINISHED,
                **point,
            }
            for days, label, value in ((9, "v1", 0.2803), (5, "v1", 0.2803), (0, "v2", 0.4773))
            if template in (None, "basic")
        ]

    async def plugins(self) -> list[dict[str, str]]:
        self._up()
        return [
            {"kind": "provider", "name": "llama_cpp", "distribution": "promptreg-gate"},
            {"kind": "scorer", "name": "risk_range", "distribution": "promptreg-gate"},
            {"kind": "plugin", "name": "shout", "problem": "No module named 'shout'"},
        ]

    async def healthy(self) -> Mapping[str, str]:
        gone = "does not answer: connection refused"
        database = gone if self.down else "ok"
        parts = {"store": "ok", "suites": self.broken_suite or "ok", "workers": "ok"}
        return {"database": database, **parts}

    async def authenticate(self, token: str) -> Who:
        self._up()
        found = self._tokens.get(token)
        if found is None or found.revoked_at:
            raise UnauthorizedError("this token is not known, or was revoked")
        return Who(found.name, found.role)

    async def tokens(self) -> list[TokenInfo]:
        self._up()
        return list(reversed(self._tokens.values()))

    async def create_token(self, name: str, role: Role) -> tuple[TokenInfo, str]:
        self._up()
        if any(one.name == name and not one.revoked_at for one in self._tokens.values()):
            raise ConflictError(f"a token is called {name!r} already", field="name")
        number = f"{len(self._tokens):012x}"
        token = f"prt_{number}_{'f' * 43}"
        self._tokens[token] = TokenInfo(number, name, role, NOW)
        return self._tokens[token], token

    async def revoke_token(self, token_id: str) -> TokenInfo:
        self._up()
        for token, one in self._tokens.items():
            if token_id in (one.id, one.name) and not one.revoked_at:
                self._tokens[token] = replace(one, revoked_at=NOW)
                return self._tokens[token]
        raise NotFoundError(f"no valid token is called {token_id!r}")


def _state(job: Job) -> dict[str, Any]:
    return {
        "state": job.state.value,
        "verdict": job.verdict,
        "exit_code": job.exit_code,
        "problem": job.problem,
    }


def _check_refs(request: JobRequest) -> None:
    for ref in request.refs:
        if ref.rpartition("@")[2] not in {"v1", "v2", "production"}:
            raise InvalidError(f"{ref!r} names no version; there are: v1, v2", field="refs")


def _check_where(suite: SuiteInfo, where: Mapping[str, str]) -> None:
    for name, value in where.items():
        if name not in suite.attributes:
            raise InvalidError(
                f"no attribute is called {name!r}; there are: {', '.join(suite.attributes)}",
                field=f"where.{name}",
            )
        if value not in suite.attributes[name]:
            allowed = ", ".join(suite.attributes[name])
            raise InvalidError(
                f"{name} is never {value!r}; there are: {allowed}", field=f"where.{name}"
            )
