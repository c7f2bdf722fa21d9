"""Takes the trials of every version in: on disk, and in memory where somebody looks meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from promptreg.pipeline.facts import settled_facts
from promptreg.pipeline.looks import Ledger, Watch
from promptreg.pipeline.parts import told
from promptreg.pipeline.project import Project
from promptreg.pipeline.stored import with_absent
from promptreg.pipeline.work import Work
from promptreg.records import Run, RunFacts, ScenarioSet, Trial
from promptreg.stages.score import Given, Scoring
from promptreg.store.runs import RunWriter

__all__ = ["Recorder"]


class Recorder:
    """Records the runs of one execution.

    Args:
        project: the opened suite.
        work: what is run at the most.
        scenarios: the set the versions' scenarios come from.
        scoring: the suite's scorers.
        facts: what identifies each version's run.
        watch: who looks at the trials while they come, if anybody does.
    """

    def __init__(
        self,
        project: Project,
        work: Work,
        scenarios: ScenarioSet,
        scoring: Scoring,
        facts: Sequence[RunFacts],
        watch: Watch | None,
    ) -> None:
        self._project = project
        self._work = work
        self._scenarios = scenarios
        self._scoring = scoring
        self._facts = tuple(facts)
        self._watch = watch
        self._writers: list[RunWriter] = []
        self._ledgers: list[Ledger] = []
        metrics, aggregates = scoring.scales, scoring.aggregates
        attributes = sorted({a for s in scenarios.scenarios for a in s.attributes})
        for told_of, version in zip(facts, work.versions, strict=True):
            self._writers.append(
                RunWriter(
                    project.store,
                    told_of,
                    work.repeats,
                    metrics,
                    attributes=attributes,
                    aggregates=aggregates,
                )
            )
            if watch is not None:
                self._ledgers.append(
                    Ledger(
                        told_of, version.scenarios, work.repeats, metrics, attributes, aggregates
                    )
                )

    def add(
        self, version: int, trial: Trial, key: str, batched: Mapping[int, Given] | None = None
    ) -> None:
        """Score a trial of a version (by its index) and take it in.

        `batched` holds what scorers said that are asked in batches.
        """
        outcomes = told(self._scoring, trial, batched)
        self._writers[version].add(trial, outcomes, key=key)
        if self._ledgers:
            self._ledgers[version].add(trial, outcomes)

    def so_far(self, repeats: int) -> list[Run]:
        """Return each version's run of the scenarios that were asked so often."""
        return [ledger.run(repeats) for ledger in self._ledgers]

    def close(self) -> tuple[Run, ...]:
        """Finish and announce the runs."""
        runs = []
        for at in range(len(self._writers)):
            run = with_absent(self._finish(at))
            self._project.plugins.emit("promptreg_run_finished", run=run)
            runs.append(run)
        return tuple(runs)

    def _finish(self, at: int) -> Run:
        writer, watch = self._writers[at], self._watch
        if watch is None:
            return writer.finish()
        repeats = watch.repeats_of(at)
        whole = watch.members[at] is None
        asked = self._scenarios if whole else watch.asked(self._scenarios)
        facts = settled_facts(self._facts[at], self._work.versions[at], asked, repeats)
        return writer.finish(facts=facts, repeats=repeats)

    def abandon(self) -> None:
        """Remove what is not finished; after `close` this does nothing."""
        for writer in self._writers:
            writer.abandon()
