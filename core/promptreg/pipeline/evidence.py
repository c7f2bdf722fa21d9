"""The scenarios behind a comparison, read back from the stored runs for people to see."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from promptreg.records import Run, ScenarioSet
from promptreg.stages.compare import Change, RunPair
from promptreg.store.runs import read_trials
from promptreg.verdicts import ScenarioChange, SideTrial

__all__ = ["MAX_CHANGES", "described"]

MAX_CHANGES = 500
"""Scenarios whose trials a report carries, the worst first."""
MAX_TEXT = 20_000
"""Characters of one text a report carries."""


def described(
    changes: Sequence[Change], pairs: Sequence[RunPair], scenarios: ScenarioSet
) -> tuple[ScenarioChange, ...]:
    """Return the first `MAX_CHANGES` changes with both sides' trials."""
    changes = changes[:MAX_CHANGES]
    truths = {s.id: dict(s.ground_truth) for s in scenarios.scenarios}
    trials: dict[tuple[str, str, str], SideTrial] = {}
    for pair in pairs:
        ids = [c.scenario_id for c in changes if c.template == pair.template]
        for side, run in (("baseline", pair.baseline), ("candidate", pair.candidate)):
            for scenario_id, trial in _trials(run, ids):
                trials.setdefault((pair.template, scenario_id, side), trial)
    absent = SideTrial("", "", "", {}, "missing: not stored", {})
    return tuple(
        ScenarioChange(
            template=c.template,
            scenario_id=c.scenario_id,
            family=c.family,
            attributes=c.attributes,
            ground_truth=truths.get(c.scenario_id, {}),
            change=c.change,
            baseline=trials.get((c.template, c.scenario_id, "baseline"), absent),
            candidate=trials.get((c.template, c.scenario_id, "candidate"), absent),
        )
        for c in changes
    )


def _trials(run: Run, ids: Sequence[str]) -> Iterator[tuple[str, SideTrial]]:
    """Yield each scenario's trial; of several repeats the first."""
    codes = frozenset(n for n, c in run.columns.items() if c.scale.statistic == "aggregate")
    for row in read_trials(run, ids=ids):
        if row["repeat"] == 0:
            yield row["scenario_id"], _side_trial(row, codes)


def _side_trial(row: Mapping[str, Any], codes: frozenset[str]) -> SideTrial:
    """Return a stored row as reports show it, long texts cut; `codes` mean nothing to people."""
    cause = row.get("error_cause") or ""
    failure = f"{cause}: {row.get('error_detail') or ''}" if cause else ""
    answer = json.loads(row["answer"]) if row.get("answer") else {}
    return SideTrial(
        prompt=(row.get("prompt") or "")[:MAX_TEXT],
        text=(row.get("text") or "")[:MAX_TEXT],
        thinking=(row.get("thinking") or "")[:MAX_TEXT],
        answer=answer,
        failure=failure,
        scores={
            name: value
            for key, value in row.items()
            if key.startswith("score.") and (name := key.removeprefix("score.")) not in codes
        },
        latency_s=row.get("latency_s"),
        remarks=_remarks(row.get("votes")),
    )


def _remarks(votes: str | None) -> dict[str, str]:
    """Return what judges said besides their grades."""
    found = json.loads(votes) if votes else {}
    return {name: str(v["note"])[:MAX_TEXT] for name, v in found.items() if v.get("note")}
