"""Runs template versions: opens the provider and the store, loops, and returns finished runs."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from promptreg.errors import (
    BudgetError,
    CallError,
    ExitCode,
    ProviderError,
    StoppedError,
)
from promptreg.pipeline.design import only_logged
from promptreg.pipeline.facts import provider_facts, run_facts
from promptreg.pipeline.keys import KeyMaker
from promptreg.pipeline.looks import Watch
from promptreg.pipeline.loop import Loop, Tally
from promptreg.pipeline.looping import run_loop
from promptreg.pipeline.opening import make_caller, probed
from promptreg.pipeline.parts import make_provider
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.recorder import Recorder
from promptreg.pipeline.services import Batches, SuiteServices
from promptreg.pipeline.work import Item, Version, Work
from promptreg.protocols import Probe
from promptreg.records import (
    Completion,
    Failure,
    Json,
    Run,
    ScenarioSet,
    Trial,
)
from promptreg.stages.call import Budget, Caller, Spent, Stop, StopKind
from promptreg.stages.parse import AnswerReader
from promptreg.stages.score import Given, Scoring
from promptreg.store.calls import CallStore

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
    watch: Watch | None = None,
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
        watch: looks at the data while they come, and says when they are enough.

    Raises:
        NotComparableError: the watch found the versions not comparable.
        ProviderError, BudgetError, StoppedError: the work is not finished; what was completed is
            kept and the next call goes on from there.
        StoreError: a completion could not be kept.
    """
    session = _Session(project, versions, scenarios, options, scoring, budget, watch)
    return run_loop(session.run(handle_signals))


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
        watch: Watch | None,
    ) -> None:
        self.project = project
        self.watch = watch
        self.options = options
        self.scenarios = scenarios
        suite = project.suite
        self.provider = make_provider(project)
        only_logged(suite, cacheable=self.provider.cacheable)
        self.work = Work(
            versions=tuple(versions),
            images=getattr(self.provider, "takes_images", False),
            repeats=watch.agenda.most_repeats if watch else project.repeats(options),
            seed=project.seed(options),
            allow_role_tokens=suite.allow_role_tokens,
        )
        self.scoring = scoring
        self.reader = AnswerReader(suite.answer)
        self.budget = budget or (Budget.parse(options.budget) if options.budget else None)
        self.recorder: Recorder | None = None
        self.services: SuiteServices | None = None
        self.batches: Batches[tuple[int, str]] | None = None
        self.store: CallStore | None = None
        self.loop: Loop | None = None
        self.signal = 0
        self.warnings: list[str] = []
        self._warm = False
        self._tell = project.plugins.listens("promptreg_trial_finished")

    async def run(self, handle_signals: bool) -> Executed:
        try:
            return await self._run(handle_signals)
        finally:
            if self.recorder is not None:
                self.recorder.abandon()  # does nothing where the runs were finished
            if self.batches is not None:
                await self.batches.cancel()
            if self.services is not None:
                await self.services.aclose()
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
        line, prints = provider_facts(entry.use, identity, server, probe.model)
        outside = await self._open_services(caller)
        synthetic = provider.synthetic or (self.services is not None and self.services.synthetic)
        facts = run_facts(
            self.project,
            self.work,
            self.scenarios,
            line,
            prints,
            synthetic=synthetic,
            outside=outside,
        )
        self.recorder = Recorder(
            self.project, self.work, self.scenarios, self.scoring, facts, self.watch
        )
        works = [self.work] if self.watch is None else self.watch.works(self.work)
        planned = 1 if self.watch is None else self.watch.agenda.scenario_looks
        tally = Tally(planned=sum(work.planned for work in works[:planned]))
        self.project.plugins.emit("promptreg_run_started", suite=suite.suite, planned=tally.planned)
        self.store = store = CallStore.open(self.project.store) if provider.cacheable else None
        started = time.perf_counter()
        warm_up = self._warm_up if entry.warm_up and probe.ready else None

        room = self.batches.room if self.batches is not None else None

        def loop_over(work: Work) -> Loop:
            return Loop(work, keys, caller, store, self._finish, width, warm_up, tally, room)

        try:
            for work in works:
                self.loop = loop = loop_over(work)
                if handle_signals:
                    self._on_signals(loop)
                if probe.ready:
                    await loop.run()
                else:
                    await self._offline(loop, caller, probe)
                if self.batches is not None:
                    await self._settle(self.batches, caller)
                if caller.stopped is not None or self.watch is None:
                    break
                # In a thread, so that an interruption need not wait for the analysis.
                so_far = self.recorder.so_far(self.watch.next_repeats)
                enough = await asyncio.to_thread(self.watch.look, so_far)
                if enough or caller.stopped is not None:
                    break
            if self.watch is not None and caller.stopped is None:
                left = [works[at] for at in self.watch.left_out()]
                self.watch.calls_saved = sum(loop_over(work).unanswered() for work in left)
        finally:
            if store is not None:
                store.close()
        if caller.stopped is not None:
            self._raise_stopped(caller.stopped, tally)
        tally.planned = tally.finished
        runs = self.recorder.close()
        self._check_models(tally, probe)
        if self.services is not None:
            self.warnings += self.services.warnings
            if self.services.cost is not None:
                tally.cost = (tally.cost or 0.0) + self.services.cost
        return Executed(
            runs=runs,
            tally=tally,
            provider=line,
            synthetic=synthetic,
            duration_s=time.perf_counter() - started,
            warnings=tuple(dict.fromkeys(self.warnings)),
            spent=caller.spent,
        )

    async def _warm_up(self) -> None:
        """Make the provider's tiny call, if it has one; whether it can answer trials will show."""
        warm_up, self._warm = (
            (None if self._warm else getattr(self.provider, "warm_up", None)),
            True,
        )
        if warm_up is not None:
            with suppress(CallError, TimeoutError):
                await asyncio.wait_for(warm_up(), self.project.suite.provider.timeout.read)

    async def _open_services(self, caller: Caller) -> dict[int, Mapping[str, Json]]:
        """Prepare what batched scorers need; return what they say shapes their scores."""
        if not self.scoring.batched:
            return {}
        self.services = SuiteServices(
            self.project, self.options, self.budget, caller.spent, lambda: self.store
        )

        def halt(reason: str) -> None:
            if self.loop is not None:
                self.loop.stop(reason)

        self.batches = Batches(self.scoring, self.services, self._record, halt)
        return await self.services.identities(self.scoring)

    async def _settle(self, batches: Batches[tuple[int, str]], caller: Caller) -> None:
        """Have the last trials scored, or give that up where the run was stopped."""
        if caller.stopped is None:
            await batches.drain()
        if caller.stopped is not None:
            await batches.cancel()
            if not self.signal:
                batches.check()

    async def _offline(self, loop: Loop, caller: Caller, probe: Probe) -> None:
        """Do what the store alone can do; the first call that would be needed ends it."""
        caller.refuse(f"provider {self.project.suite.provider.use}: not ready: {probe.detail}")
        await loop.run()
        if caller.stopped is None:
            self.warnings.append(
                f"the provider was not reachable ({probe.detail}); every completion was read from "
                "the run store, for the model it named last"
            )

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
        if self.batches is not None:
            self.batches.add((item.version, item.key), trial)
            return
        self._record((item.version, item.key), trial)

    def _record(
        self, tag: tuple[int, str], trial: Trial, batched: Mapping[int, Given] | None = None
    ) -> None:
        assert self.recorder is not None  # noqa: S101 - for the type checker: made before a call
        self.recorder.add(tag[0], trial, tag[1], batched)
        if self._tell:
            self.project.plugins.emit("promptreg_trial_finished", trial=trial)

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
            if self.batches is not None:
                self.batches.give_up()

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
