"""An entry of the outbox, made whole from the run store: what the history takes in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from promptreg.errors import PromptregError, StoreError, UsageError
from promptreg.past import Measure, Origin, PastComparison, PastRun, Record
from promptreg.pipeline.history.entry import (
    comparison_of,
    event_of,
    named,
    origin_of,
    template_of,
)
from promptreg.pipeline.history.measures import measures, scales, with_overall
from promptreg.pipeline.keys import digest
from promptreg.pipeline.parts import make_provider, make_scoring, policy_for
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.stored import with_worst
from promptreg.policy import OVERALL, Policy
from promptreg.records import Run
from promptreg.stages.score import Scoring
from promptreg.store.manifest import MANIFEST, TABLE
from promptreg.store.outbox import Outbox, Waiting
from promptreg.store.runs import load_run

__all__ = ["Recall"]


class Recall:
    """Makes records of entries, with the suite as it is now.

    A suite that is out of order does not keep anything from being recorded: then the composite
    and aggregates are left out of the runs.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._scoring: Scoring | None = None
        self._policy: Policy | None = None
        self._sampling: dict[str, Any] | None = None
        self._worst: dict[str, Mapping[str, float]] = {}
        try:
            scoring = make_scoring(project)
            every = project.every_scenario()
            self._policy = policy_for(project, scoring, every, Options()).of_runs
            self._worst = {s.id: scoring.worst(s) for s in every.scenarios}
            self._scoring = scoring
        except PromptregError:
            pass

    def record(self, outbox: Outbox, waiting: Waiting) -> Record:
        """Return what an entry and the run store hold together.

        Raises:
            StoreError: the entry, or a run that it speaks of, is damaged.
        """
        entry = outbox.read(waiting)
        try:
            comparison = comparison_of(entry, waiting) if entry["kind"] == "comparison" else None
            event = event_of(entry, waiting) if entry["kind"] == "event" else None
            found = (self._run(run_id, entry, comparison) for run_id in entry["runs"])
            runs = tuple(run for run in found if run is not None)
            texts = tuple(named(template_of(t), runs) for t in entry["templates"])
            return Record(str(entry["suite"]), runs, texts, comparison, event)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise StoreError(f"{waiting.path}: damaged: {type(error).__name__}: {error}") from error

    def _run(
        self, run_id: str, entry: Mapping[str, Any], comparison: PastComparison | None
    ) -> PastRun | None:
        origin = origin_of(entry["origin"])
        source = str(entry["scenarios"])
        try:
            run = self.load(run_id)
        except UsageError:  # removed since; what the comparison says of it is what is left
            return _gone(run_id, entry, comparison, origin)
        path = Path(run.path)
        facts = run.facts
        found = measures(run, [str(name) for name in entry["slices"]])
        return PastRun(
            id=run.id,
            suite=facts.suite,
            template=facts.template,
            label=facts.label,
            template_sha256=facts.template_sha256,
            fingerprints=dict(facts.fingerprints),
            created_at=facts.created_at,
            provider=facts.provider,
            partial=facts.partial,
            synthetic=facts.synthetic,
            repeats=run.repeats,
            scenarios=len(run.scenario_ids),
            trials=len(run.scenario_ids) * run.repeats,
            failures=dict(run.failures),
            measures=_agreeing(found, run, comparison),
            scales=scales(run),
            origin=origin,
            source=facts.source,
            scenario_source=source,
            settings=self._settings(facts.fingerprints),
            table=path / TABLE,
            manifest=path / MANIFEST,
        )

    def _settings(self, prints: Mapping[str, str]) -> Mapping[str, str]:
        """Return the suite's sampling settings if they are those the run was made with."""
        if self._sampling is None:
            try:
                self._sampling = _plain(make_provider(self._project).identity())
            except PromptregError:
                self._sampling = {}
        if not self._sampling or prints.get("sampling") != digest(self._sampling):
            return {}
        return {str(k): json.dumps(v) for k, v in self._sampling.items()}

    def load(self, run_id: str) -> Run:
        """Return a stored run with the composite that the suite now has.

        Raises:
            UsageError: it is not stored.
            StoreError: it is damaged.
        """
        aggregates = self._scoring.aggregates if self._scoring else {}
        return self.complete(load_run(self._project.store, run_id, aggregates))

    def complete(self, run: Run) -> Run:
        """Return a run with the composite, where it has all that goes into it."""
        try:
            return with_overall(with_worst(run, self._worst), self._policy)
        except (KeyError, ValueError):
            return run


def _plain(identity: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sampling settings of a provider's identity."""
    found = identity.get("sampling")
    return dict(found) if isinstance(found, Mapping) else {}


def _agreeing(
    found: Sequence[Measure], run: Run, comparison: PastComparison | None
) -> tuple[Measure, ...]:
    """Return measures without a composite that is not the one the comparison spoke of.

    The suite may have been edited since: then what the comparison said stands, without interval.
    """
    if comparison is None:
        return tuple(found)
    told = _told(run.id, comparison).get(OVERALL)
    mine = next((m.value for m in found if m.metric == OVERALL and m.slice is None), None)
    if told is None or mine is None or abs(told - mine) <= 1e-9 * max(1.0, abs(told)):
        return tuple(found)
    rest = tuple(m for m in found if m.metric != OVERALL)
    return (Measure(OVERALL, told, n=len(run.scenario_ids)), *rest)


def _told(run_id: str, comparison: PastComparison) -> dict[str, float]:
    """Return what a comparison says of one run: metric to value."""
    found: dict[str, float] = {}
    for line in comparison.lines:
        for runs, value in (
            (comparison.baseline_runs, line.baseline),
            (comparison.candidate_runs, line.candidate),
        ):
            mine = runs.get(line.template) == run_id and line.slice is None
            if mine and value is not None:
                found[line.metric] = value
    return found


def _gone(
    run_id: str, entry: Mapping[str, Any], comparison: PastComparison | None, origin: Origin
) -> PastRun | None:
    """Return what a comparison tells of a run that is no longer stored."""
    if comparison is None:
        return None
    report = entry["report"]
    for name, runs in (
        ("baseline", comparison.baseline_runs),
        ("candidate", comparison.candidate_runs),
    ):
        for shown, found in runs.items():
            if found != run_id:
                continue
            side = report[name]
            entries = [c for c in report["comparisons"] if c["template"] == shown]
            whole = [c for c in entries if c["slice"] is None]
            return PastRun(
                id=run_id,
                suite=comparison.suite,
                template=shown,
                label=str(side["label"]),
                template_sha256=str(side["templates"][shown]["template_hash"]),
                fingerprints={str(k): str(v) for k, v in side["fingerprints"].items()},
                created_at=comparison.created_at,
                provider=comparison.provider,
                partial=False,
                synthetic=comparison.synthetic,
                repeats=max((int(c["repeats"]) for c in whole), default=1),
                scenarios=max((int(c["n_scenarios"]) for c in whole), default=0),
                trials=0,
                measures=tuple(
                    Measure(str(c["metric"]), float(c[name]), n=int(c["n_scenarios"]))
                    for c in whole
                    if c[name] is not None
                ),
                scales={str(c["metric"]): (c["kind"], c["unit"], c["direction"]) for c in whole},
                origin=origin,
                scenario_source=str(entry["scenarios"]),
                notes=("its trials were removed from the run store before they were recorded",),
            )
    return None
