"""Runs template versions: opens the provider and the store, loops, and returns finished runs."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from promptreg.errors import (
    BudgetError,
    CallError,
    ExitCode,
    ProviderError,
    StoppedError,
)
from promptreg.pipeline.facts import provider_facts, scorer_facts
from promptreg.pipeline.keys import KeyMaker, digest
from promptreg.pipeline.loop import Loop, Tally
from promptreg.pipeline.opening import make_caller, probed
from promptreg.pipeline.parts import make_provider, told
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.stored import with_absent
from promptreg.pipeline.work import Item, Version, Work
from promptreg.protocols import Probe
from promptreg.records import (
    Completion,
    Failure,
    Run,
    RunFacts,
    ScenarioSet,
    Trial,
)
from promptreg.stages.call import Budget, Caller, Spent, Stop, StopKind
from promptreg.stages.parse import AnswerReader
from promptreg.stages.score import Scoring
from promptreg.store.calls import CallStore
from promptreg.store.runs import RunWriter

__all__ = ["Executed", "execute"]


@dataclass(frozen=True, slots=True)
class Executed:
    """What came of running versions.

    Attributes:
        runs: one per version, in the order given.
        tally: what was read and called.
        provider: one line for people.
        synthetic: whether answers were made up.
        warnings: what a reader must know.
        duration_s: seconds, from the first to the last trial.
        spent: what counts against a budget; calls that failed as well.
    """

    runs: tuple[Run, ...]
    tally: Tally
    provider: str
    synthetic: bool
    duration_s: float
    warnings: tuple[str, ...] = field(default=())
    spent: Spent = field(default_factory=Spent)


def execute(
    project: Project,
    versions: Sequence[Version],
    scenarios: ScenarioSet,
    options: Options,
    scoring: Scoring,
    *,
    handle_signals: bool = False,
    budget: Budget | None = None,
) -> Executed:
    """Run versions, interleaved, and store the finished runs.

    Args:
        project: the opened suite.
        versions: what to run.
        scenarios: the set the versions' scenarios come from.
        options: the command line's word.
        scoring: the suite's scorers.
        handle_signals: stop cleanly on SIGINT and SIGTERM (only in the main thread).
        budget: what is left to spend, where it is not the options' for this execution alone.

    Raises:
        ProviderError, BudgetError, StoppedError: the work is not finished; what was completed is
            kept and the next call goes on from there.
        StoreError: a completion could not be kept.
    """
    session = _Session(project, versions, scenarios, options, scoring, budget)
    return asyncio.run(session.run(handle_signals))


class _Session:
    """One execution; lives as long as its event loop."""

    def __init__(
        self,
        project: Project,
        versions: Sequence[Version],
        scenarios: ScenarioSet,
        options: Options,
        scoring: Scoring,
        budget: Budget | None,
    ) -> None:
        self.project = project
        self.options = options
        self.scenarios = scenarios
        suite = project.suite
        self.provider = make_provider(project)
        self.work = Work(
            versions=tuple(versions),
            images=getattr(self.provider, "takes_images", False),
            repeats=project.repeats(options),
            seed=project.seed(options),
            allow_role_tokens=suite.allow_role_tokens,
        )
        self.scoring = scoring
        self.reader = AnswerReader(suite.answer)
        self.budget = budget or (Budget.parse(options.budget) if options.budget else None)
        self.writers: list[RunWriter] = []
        self.signal = 0
        self.warnings: list[str] = []
        self._tell = project.plugins.listens("promptreg_trial_finished")

    async def run(self, handle_signals: bool) -> Executed:
        try:
            return await self._run(handle_signals)
        finally:
            for writer in self.writers:
                writer.abandon()  # does nothing where the run was finished
            with suppress(Exception):
                await self.provider.aclose()

    async def _run(self, handle_signals: bool) -> Executed:
        suite, options, provider = self.project.suite, self.options, self.provider
        entry = suite.provider
        width = options.concurrency or entry.concurrency
        caller = make_caller(entry, provider, concurrency=width, budget=self.budget)
        probe = await probed(self.project, provider)
        identity = provider.identity()
        nonce = "" if options.cache else f"{time.time_ns():x}"
        server = {"model": probe.model, **probe.fingerprint}
        keys = KeyMaker(entry.use, identity, server, nonce)
        facts = self._facts(identity, server, probe)
        metrics = self.scoring.scales
        attributes = sorted({a for s in self.scenarios.scenarios for a in s.attributes})
        for told_of in facts:
            writer = RunWriter(
                self.project.store,
                told_of,
                self.work.repeats,
                metrics,
                attributes=attributes,
                aggregates=self.scoring.aggregates,
            )
            self.writers.append(writer)
        self.project.plugins.emit(
            "promptreg_run_started", suite=suite.suite, planned=self.work.planned
        )
        store = CallStore.open(self.project.store) if provider.cacheable else None
        started = time.perf_counter()
        warm_up = self._warm_up if entry.warm_up and probe.ready else None
        loop = Loop(self.work, keys, caller, store, self._finish, width, warm_up)
        try:
            if handle_signals:
                self._on_signals(loop)
            if probe.ready:
                await loop.run()
            else:
                await self._offline(loop, caller, probe)
        finally:
            if store is not None:
                store.close()
        if caller.stopped is not None:
            self._raise_stopped(caller.stopped, loop.tally)
        runs = tuple(self._close(i) for i in range(len(self.writers)))
        tally = loop.tally
        self._check_models(tally, probe)
        return Executed(
            runs=runs,
            tally=tally,
            provider=facts[0].provider if facts else entry.use,
            synthetic=provider.synthetic,
            duration_s=time.perf_counter() - started,
            warnings=tuple(self.warnings),
            spent=caller.spent,
        )

    async def _warm_up(self) -> None:
        """Make the provider's tiny call, if it has one; whether it can answer trials will show."""
        warm_up = getattr(self.provider, "warm_up", None)
        if warm_up is not None:
            with suppress(CallError, TimeoutError):
                await asyncio.wait_for(warm_up(), self.project.suite.provider.timeout.read)

    async def _offline(self, loop: Loop, caller: Caller, probe: Probe) -> None:
        """Do what the store alone can do; the first call that would be needed ends it."""
        caller.refuse(f"provider {self.project.suite.provider.use}: not ready: {probe.detail}")
        await loop.run()
        if caller.stopped is None:
            self.warnings.append(
                f"the provider was not reachable ({probe.detail}); every completion was read from "
                "the run store, for the model it named last"
            )

    def _facts(
        self, identity: Mapping[str, Any], server: Mapping[str, Any], probe: Probe
    ) -> list[RunFacts]:
        suite = self.project.suite
        line, prints = provider_facts(suite.provider.use, identity, server, probe.model)
        prints |= {
            "scorers": scorer_facts(suite.scorers, self.project.plugins),
            "parser": digest(suite.answer.model_dump(mode="json")),
            "repeats": str(self.work.repeats),
            "seed": str(self.work.seed),
        }
        now = datetime.now(UTC).isoformat(timespec="seconds")
        found = []
        for version in self.work.versions:
            ids = digest(sorted(s.id for s in version.scenarios))
            found.append(
                RunFacts(
                    suite=suite.suite,
                    template=version.template.name,
                    label=version.template.label,
                    template_sha256=version.template.sha256,
                    fingerprints=prints | {"scenarios": digest([self.scenarios.sha256, ids])},
                    partial=self.scenarios.partial,
                    synthetic=self.provider.synthetic,
                    provider=line,
                    created_at=now,
                    source=version.template.source,
                )
            )
        return found

    def _finish(self, item: Item, outcome: Completion | Failure) -> None:
        version = self.work.versions[item.version]
        trial = Trial(version.template, item.scenario, item.repeat, item.prompt)
        if isinstance(outcome, Completion):
            trial.completion = outcome
            read = self.reader.read(outcome)
            if isinstance(read, Failure):
                trial.failure = read
            else:
                trial.answer = read
        else:
            trial.failure = outcome
        if self.project.suite.answer.effective:
            trial.effective = self.reader.effective(trial.completion, trial.failure)
        self.writers[item.version].add(trial, told(self.scoring, trial), key=item.key)
        if self._tell:
            self.project.plugins.emit("promptreg_trial_finished", trial=trial)

    def _close(self, index: int) -> Run:
        run = with_absent(self.writers[index].finish())
        self.project.plugins.emit("promptreg_run_finished", run=run)
        return run

    def _check_models(self, tally: Tally, probe: Probe) -> None:
        models = sorted(tally.models)
        if len(models) > 1:
            self.warnings.append(
                f"completions name {len(models)} models: {', '.join(models[:4])}; differences may "
                "come from the model rather than from the template"
            )
        elif models and probe.model and models[0] != probe.model:
            self.warnings.append(
                f"completions name the model {models[0]!r}, the server announced {probe.model!r}"
            )

    def _on_signals(self, loop: Loop) -> None:
        running = asyncio.get_running_loop()

        def stop(number: int) -> None:
            if self.signal:  # the second time: at once; the store survives that
                signal.signal(number, signal.SIG_DFL)
                signal.raise_signal(number)
            self.signal = number
            loop.stop("interrupted")

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            running.add_signal_handler(number, stop, number)

    def _raise_stopped(self, stop: Stop, tally: Tally) -> None:
        done = f"{tally.kept:,} of {tally.planned:,} trials are answered" + (
            " and kept; the same command goes on from there"
            if self.options.cache
            else "; with --no-cache the next call asks all of them anew"
        )
        if self.signal:
            code = ExitCode.INTERRUPTED if self.signal == signal.SIGINT else ExitCode.TERMINATED
            raise StoppedError(f"interrupted: {done}", code)
        if stop.kind is StopKind.BUDGET:
            raise BudgetError(f"stopped: {stop.reason}; {done}")
        raise ProviderError(f"stopped: {stop.reason}; {done}")
