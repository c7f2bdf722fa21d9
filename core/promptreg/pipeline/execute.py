"""Runs template versions: opens the provider and the store, loops, and returns finished runs."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from promptreg.errors import BudgetError, ExitCode, ProviderError, StoppedError
from promptreg.pipeline.design import only_logged
from promptreg.pipeline.desk import Desk, check_apart, desks_for, first_stop, several
from promptreg.pipeline.echoes import Echoes
from promptreg.pipeline.event_loop import run_loop
from promptreg.pipeline.facts import run_facts
from promptreg.pipeline.looks import Watch
from promptreg.pipeline.loop import Loop
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.recorder import Recorder
from promptreg.pipeline.services import Batches, SuiteServices
from promptreg.pipeline.tally import Tally
from promptreg.pipeline.work import Item, Version, Work
from promptreg.records import Completion, Failure, Json, Run, ScenarioSet, Trial
from promptreg.stages.call import Budget, Spent, Stop, StopKind
from promptreg.stages.parse import AnswerReader
from promptreg.stages.score import Given, Scoring
from promptreg.store.calls import CallStore
from promptreg.verdicts import JudgeCalls

__all__ = ["Executed", "execute"]


@dataclass(frozen=True, slots=True)
class Executed:
    """What came of running versions.

    Attributes:
        runs: one per version, in the order given.
        tally: what was read and called.
        provider: one line for people; with calls and cost of each where several answered.
        synthetic: whether answers were made up.
        warnings: what a reader must know.
        duration_s: seconds, from the first to the last trial.
        spent: what counts against a budget; calls that failed as well.
        judges: what scorers asked of models; their cost is part of the tally's.
    """

    runs: tuple[Run, ...]
    tally: Tally
    provider: str
    synthetic: bool
    duration_s: float
    warnings: tuple[str, ...] = field(default=())
    spent: Spent = field(default_factory=Spent)
    judges: JudgeCalls = JudgeCalls()


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
        self.desks = desks_for(project, [v.template.provider_name for v in versions], options)
        self.asked = [self.desks[v.template.provider_name] for v in versions]
        self.spent = Spent()
        self.tally = Tally()
        for desk in self.desks.values():
            only_logged(suite, cacheable=desk.cacheable)
        self.work = Work(
            versions=tuple(versions),
            images=tuple(desk.takes_images for desk in self.asked),
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
        self.echoes = [Echoes() for _ in versions]
        self._tell = project.plugins.listens("promptreg_trial_finished")

    async def run(self, handle_signals: bool) -> Executed:
        if handle_signals:
            self._on_signals()
        try:
            return await self._run()
        except asyncio.CancelledError:
            if self.loop is not None or not self.signal:
                raise
            raise StoppedError("interrupted; the next call resumes", self._code) from None
        finally:
            if self.recorder is not None:
                self.recorder.abandon()  # does nothing where the runs were finished
            if self.batches is not None:
                await self.batches.cancel()
            if self.services is not None:
                await self.services.aclose()
            for desk in self.desks.values():
                await desk.aclose()

    async def _run(self) -> Executed:
        for desk in self.desks.values():
            await desk.open(self.budget, self.spent)
        check_apart(self.desks)
        outside = await self._open_services()
        scripted = self.services is not None and self.services.synthetic
        answering = [(d.line, d.prints, d.provider.synthetic or scripted) for d in self.asked]
        facts = run_facts(self.project, self.work, self.scenarios, answering, outside=outside)
        self.recorder = recorder = Recorder(
            self.project, self.work, self.scenarios, self.scoring, facts, self.watch
        )
        works = [self.work] if self.watch is None else self.watch.works(self.work)
        planned = 1 if self.watch is None else self.watch.agenda.scenario_looks
        self.tally.planned = sum(work.planned for work in works[:planned])
        self.project.plugins.emit(
            "promptreg_run_started", suite=self.project.suite.suite, planned=self.tally.planned
        )
        kept = any(desk.cacheable for desk in self.asked)
        self.store = store = CallStore.open(self.project.store) if kept else None
        started = time.perf_counter()
        absent = [desk for desk in self.desks.values() if not desk.probe.ready]
        for desk in absent:  # the store alone; the first call that would be needed ends it
            desk.refuse()
        try:
            await self._ask(works, recorder)
        finally:
            if store is not None:
                store.close()
        if (stopped := self.stopped) is not None:
            self._raise_stopped(stopped)
        self.tally.planned = self.tally.finished
        runs = recorder.close()
        if self.services is not None and self.services.cost is not None:
            self.tally.cost = (self.tally.cost or 0.0) + self.services.cost
        return Executed(
            runs=runs,
            tally=self.tally,
            provider=several(list(self.desks.values())),
            synthetic=any(told[2] for told in answering),
            duration_s=time.perf_counter() - started,
            warnings=tuple(dict.fromkeys(self._warnings(absent))),
            spent=self.spent,
            judges=JudgeCalls() if self.services is None else self.services.calls,
        )

    async def _ask(self, works: Sequence[Work], recorder: Recorder) -> None:
        """Do the work of one look after the other, until a look says that it is enough."""
        for work in works:
            self.loop = self._loop_over(work)
            await self.loop.run()
            if self.batches is not None:
                await self._settle(self.batches)
            if self.stopped is not None or self.watch is None:
                break
            # In a thread, so that an interruption need not wait for the analysis.
            so_far = recorder.so_far(self.watch.next_repeats)
            enough = await asyncio.to_thread(self.watch.look, so_far)
            if enough or self.stopped is not None:
                break
        if self.watch is not None and self.stopped is None:
            left = [works[at] for at in self.watch.left_out()]
            self.watch.calls_saved = sum(self._loop_over(work).unanswered() for work in left)

    def _loop_over(self, work: Work) -> Loop:
        room = self.batches.room if self.batches is not None else None
        return Loop(work, self.asked, self.store, self._finish, self.tally, room)

    def _warnings(self, absent: Sequence[Desk]) -> Iterator[str]:
        for desk in absent:
            yield (
                (f"provider {desk.name}: " if desk.name else "")
                + f"the provider was not reachable ({desk.probe.detail}); every completion was "
                "read from the run store, for the model it named last"
            )
        for desk in self.desks.values():
            yield from desk.remarks()
        for version, echoes in zip(self.work.versions, self.echoes, strict=True):
            yield from echoes.remarks(f"{version.template.name}@{version.template.label}")
        if self.services is not None:
            yield from self.services.warnings

    @property
    def stopped(self) -> Stop | None:
        return first_stop(list(self.desks.values()))

    async def _open_services(self) -> dict[int, Mapping[str, Json]]:
        """Prepare what batched scorers need; return what they say shapes their scores."""
        if not self.scoring.batched:
            return {}
        self.services = SuiteServices(
            self.project, self.options, self.budget, self.spent, lambda: self.store
        )

        def halt(reason: str) -> None:
            if self.loop is not None:
                self.loop.stop(reason)

        self.batches = Batches(self.scoring, self.services, self._record, halt)
        return await self.services.identities(self.scoring)

    async def _settle(self, batches: Batches[tuple[int, str]]) -> None:
        """Have the last trials scored, or give that up where the run was stopped."""
        if self.stopped is None:
            await batches.drain()
        if self.stopped is not None:
            await batches.cancel()
            if not self.signal:
                batches.check()

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
                if item.repeat == 0 and not item.scenario.images:  # "nothing seen" is often right
                    self.echoes[item.version].add(outcome.text)
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

    def _on_signals(self) -> None:
        running, task = asyncio.get_running_loop(), asyncio.current_task()

        def stop(number: int) -> None:
            if self.signal:  # the second time: at once; the store survives that
                signal.signal(number, signal.SIG_DFL)
                signal.raise_signal(number)
            self.signal = number
            if self.loop is not None:
                self.loop.stop("interrupted")
            elif task is not None:  # a server may take half a minute to say what it is
                task.cancel()
            if self.batches is not None:
                self.batches.give_up()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            running.add_signal_handler(number, stop, number)

    @property
    def _code(self) -> ExitCode:
        return ExitCode.INTERRUPTED if self.signal == signal.SIGINT else ExitCode.TERMINATED

    def _raise_stopped(self, stop: Stop) -> None:
        done = f"{self.tally.kept:,} of {self.tally.planned:,} trials are answered" + (
            " and kept; the same command goes on from there"
            if self.options.cache
            else "; with --no-cache the next call asks all of them anew"
        )
        if self.signal:
            raise StoppedError(f"interrupted: {done}", self._code)
        if stop.kind is StopKind.BUDGET:
            raise BudgetError(f"stopped: {stop.reason}; {done}")
        raise ProviderError(f"stopped: {stop.reason}; {done}")
