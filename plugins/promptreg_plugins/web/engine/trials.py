"""Trials of stored runs, a page at a time, however large the run is."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from promptreg.records import Outcome, Run
from promptreg.store.runs import StoredRun, list_runs, read_trials
from promptreg_plugins.web.engine.telling import plain, told
from promptreg_plugins.web.model import Page, TrialRow
from promptreg_plugins.web.problems import ConflictError, InvalidError, NotFoundError

__all__ = ["RunTrials"]

_KEPT = 8
_LISTED = (
    *("scenario_id", "repeat", "text", "answer", "error_cause", "error_detail"),
    *("latency_s", "prompt_tokens", "completion_tokens"),
)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a trial stands, and what it is chosen by."""

    scenario_id: str
    repeat: int
    failed: bool
    attributes: Mapping[str, str]


class RunTrials:
    """The trials of stored runs; what they are chosen by is kept of the runs last looked at.

    A run's id is made of its content: what was read of it once stays true.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], list[_Place]] = OrderedDict()

    def page(
        self,
        store: Path,
        run_id: str,
        order: Mapping[str, int],
        *,
        where: Mapping[str, str],
        failed: bool | None,
        offset: int,
        limit: int,
    ) -> Page[TrialRow]:
        """Return trials in the order of the suite's scenarios.

        Args:
            store: the run store.
            run_id: the run.
            order: scenario id to its place; those that the suite no longer has come last.
            where: attribute to value.
            failed: only those that failed, or only those that did not.
            offset: how many are left out.
            limit: how many follow.

        Raises:
            NotFoundError: there is no such run.
            InvalidError: the run has no such attribute.
        """
        run = _run(store, run_id)
        places = self._places(run)
        if places:
            known = {name for place in places for name in place.attributes}
            for name in where:
                if name not in known:
                    raise InvalidError(
                        f"no trial has an attribute {name!r:.120}; there are: "
                        f"{', '.join(sorted(known)) or 'none'}",
                        field=f"where.{name:.80}",
                    )
        chosen = [
            p
            for p in places
            if (failed is None or p.failed is failed)
            and all(p.attributes.get(k) == v for k, v in where.items())
        ]
        last = len(order)
        chosen.sort(key=lambda p: (order.get(p.scenario_id, last), p.scenario_id, p.repeat))
        wanted = chosen[offset : offset + limit]
        rows = self._rows(run, wanted, prompt=False)
        return Page(tuple(rows), len(chosen), offset, limit)

    def one(self, store: Path, run_id: str, scenario_id: str, repeat: int) -> TrialRow:
        """Return one trial, prompt included.

        Raises:
            NotFoundError: there is no such run or trial.
        """
        run = _run(store, run_id)
        place = next(
            (p for p in self._places(run) if (p.scenario_id, p.repeat) == (scenario_id, repeat)),
            None,
        )
        if place is None:
            raise NotFoundError(
                f"run {run.id} has no trial of scenario {scenario_id!r:.200}, repeat {repeat}"
            )
        return self._rows(run, [place], prompt=True)[0]

    def _places(self, run: Run) -> list[_Place]:
        key = (run.path, run.id)
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        names = [f"attr.{name}" for name in run.attributes]
        shared: dict[tuple[str | None, ...], dict[str, str]] = {}
        places = []
        with told():
            for row in read_trials(run, columns=["scenario_id", "repeat", "error_cause", *names]):
                words = tuple(row[name] for name in names)
                if words not in shared:
                    pairs = zip(run.attributes, words, strict=True)
                    shared[words] = {k: v for k, v in pairs if v is not None}
                failed = row["error_cause"] is not None
                places.append(_Place(row["scenario_id"], row["repeat"], failed, shared[words]))
        self._known[key] = places
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return places

    def _rows(self, run: Run, places: Sequence[_Place], *, prompt: bool) -> list[TrialRow]:
        if not places:
            return []
        metrics = tuple(run.columns)
        columns = [*_LISTED, *(["prompt"] if prompt else [])]
        columns += [f"{part}.{m}" for m in metrics for part in ("score", "outcome", "reason")]
        found: dict[tuple[str, int], dict[str, Any]] = {}
        with told():
            for row in read_trials(run, {p.scenario_id for p in places}, columns):
                found[row["scenario_id"], row["repeat"]] = row
        return [
            _trial(run.id, metrics, p, found[p.scenario_id, p.repeat])
            for p in places
            if (p.scenario_id, p.repeat) in found
        ]


def _trial(run_id: str, metrics: Sequence[str], place: _Place, row: Mapping[str, Any]) -> TrialRow:
    scores: dict[str, float | None] = {}
    unscored: dict[str, str] = {}
    for metric in metrics:
        outcome = Outcome(row[f"outcome.{metric}"])
        scored = outcome is Outcome.SCORED
        scores[metric] = plain(row[f"score.{metric}"]) if scored else None
        if outcome is Outcome.GAP:
            unscored[metric] = row[f"reason.{metric}"] or "could not be judged"
        elif outcome is Outcome.NOT_APPLICABLE:
            unscored[metric] = row[f"reason.{metric}"] or "does not apply to this scenario"
    failure = None
    if row["error_cause"] is not None:
        detail = row["error_detail"]
        failure = f"{row['error_cause']}: {detail}" if detail else row["error_cause"]
    answer = None if row["answer"] is None else json.loads(row["answer"])
    return TrialRow(
        run_id=run_id,
        scenario_id=place.scenario_id,
        repeat=place.repeat,
        attributes=place.attributes,
        text=row["text"],
        answer=plain(answer) if isinstance(answer, Mapping) else None,
        failure=failure,
        scores=scores,
        unscored=unscored,
        latency_s=plain(row["latency_s"]),
        prompt_tokens=row["prompt_tokens"],
        completion_tokens=row["completion_tokens"],
        prompt=row.get("prompt"),
    )


def _run(store: Path, run_id: str) -> Run:
    """Return a stored run without its scores: rows are read one by one."""
    stored = _stored(store, run_id)
    if stored.facts is None:
        raise ConflictError(stored.problem)
    from promptreg.store.manifest import MANIFEST, read_manifest

    with told():
        manifest = read_manifest(Path(stored.path) / MANIFEST)
    return Run(
        id=stored.id,
        facts=stored.facts,
        scenario_ids=(),
        families=(),
        attributes=dict.fromkeys(manifest.attributes, ()),
        repeats=stored.repeats,
        columns=dict.fromkeys((scale.name for scale in manifest.scales), None),  # type: ignore[arg-type] # names alone are used here
        counts=stored.counts,
        failures={},
        path=stored.path,
    )


def _stored(store: Path, run_id: str) -> StoredRun:
    with told():
        for found in list_runs(store):
            if found.id == run_id:
                return found
    raise NotFoundError(f"no run is called {run_id!r:.120}")
