"""Runs, comparisons and events, made of the tags and metrics of MLflow runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from promptreg.past import Line, Measure, Origin, PastComparison, PastEvent, PastRun
from promptreg_plugins.mlflow_history.names import metric_parts
from promptreg_plugins.mlflow_history.tags import FACT, PARTS, PREFIX, PRINT, VERDICT

__all__ = ["comparison_from", "event_from", "run_from"]


class _Tags:
    """Tags of one run, read leniently: others may have edited them."""

    def __init__(self, tags: Mapping[str, str]) -> None:
        self.tags = tags

    def text(self, name: str) -> str:
        return str(self.tags.get(f"{PREFIX}{name}", ""))

    def flag(self, name: str) -> bool:
        return self.text(name) == "yes"

    def whole(self, name: str) -> int:
        text = self.text(name)
        return int(text) if text.isdecimal() and len(text) < 10 else 0

    def mapping(self, name: str) -> dict[str, Any]:
        found = self.json(name)
        return {str(k): v for k, v in found.items()} if isinstance(found, dict) else {}

    def words(self, name: str) -> tuple[str, ...]:
        found = self.json(name)
        return tuple(str(v) for v in found) if isinstance(found, list) else ()

    def json(self, name: str) -> Any:
        try:
            return json.loads(self.text(name) or "null")
        except (ValueError, RecursionError):
            return None

    def origin(self) -> Origin:
        dirty = self.text("dirty")
        return Origin(
            commit=self.text("commit"),
            branch=self.text("branch"),
            dirty=None if not dirty else dirty == "yes",
            version=self.text("version"),
        )


def run_from(place: str, tags: Mapping[str, str], metrics: Mapping[str, float]) -> PastRun:
    """Return a run from tags and metrics."""
    t = _Tags(tags)
    parts: dict[tuple[str, tuple[str, str] | None], dict[str, float]] = {}
    for key, value in metrics.items():
        found = metric_parts(key)
        if found is not None:
            metric, part, where = found
            parts.setdefault((metric, where), {})[part] = value
    measures = tuple(
        Measure(metric, p[""], p.get("low"), p.get("high"), int(p.get("n", 0)), where)
        for (metric, where), p in sorted(
            parts.items(), key=lambda item: (item[0][1] or ("", ""), item[0][0])
        )
        if "" in p
    )
    scales = {
        name: (str(v[0]), str(v[1]), str(v[2]))
        for name, v in t.mapping("scales").items()
        if isinstance(v, list) and len(v) == 3
    }
    return PastRun(
        id=t.text("id"),
        suite=t.text("suite"),
        template=t.text("template"),
        label=t.text("label"),
        template_sha256=t.text("template_sha256"),
        fingerprints={k.removeprefix(PRINT): v for k, v in tags.items() if k.startswith(PRINT)},
        created_at=t.text("created_at"),
        provider=t.text("provider"),
        partial=t.flag("partial"),
        synthetic=t.flag("synthetic"),
        repeats=t.whole("repeats"),
        scenarios=t.whole("scenarios"),
        trials=t.whole("trials"),
        failures={k: v for k, v in t.mapping("failures").items() if isinstance(v, int)},
        measures=measures,
        scales=scales,
        origin=t.origin(),
        source=t.text("source"),
        scenario_source=t.text("scenario_source"),
        settings={k: str(v) for k, v in t.mapping("settings").items()},
        notes=t.words("notes"),
        place=place,
    )


def comparison_from(
    place: str, tags: Mapping[str, str], metrics: Mapping[str, float]
) -> PastComparison:
    """Return a comparison from tags and metrics."""
    t = _Tags(tags)
    scales = t.mapping("scales")
    lines = []
    for key, words in sorted(tags.items()):
        if not key.startswith(VERDICT):
            continue
        template, _, metric = key.removeprefix(VERDICT).partition("/")
        names = metric_parts(template), metric_parts(metric)
        if names[0] is None or names[1] is None:
            continue
        numbers = {p: metrics.get(f"{template}/{metric}/{p}") for p in PARTS}
        verdict, _, gating = words.partition(" ")
        own, _, where = names[1]
        scale = scales.get(own)
        kind, unit = scale if isinstance(scale, list) and len(scale) == 2 else ("", "")
        line = Line(
            names[0][0], own, verdict, bool(gating), **numbers, slice=where,
            kind=str(kind), unit=str(unit),
        )  # fmt: skip
        lines.append(line)
    lines.sort(
        key=lambda n: (
            n.slice is not None,
            n.template,
            n.metric != "overall",
            not n.gating,
            n.slice or ("", ""),
        )
    )
    hashes = t.mapping("template_sha256")
    return PastComparison(
        id=t.text("id"),
        suite=t.text("suite"),
        created_at=t.text("created_at"),
        baseline=t.text("baseline"),
        candidate=t.text("candidate"),
        baseline_runs={k: str(v) for k, v in t.mapping("baseline_runs").items()},
        candidate_runs={k: str(v) for k, v in t.mapping("candidate_runs").items()},
        template_sha256={
            k: (str(v[0]), str(v[1])) for k, v in hashes.items() if isinstance(v, list) and v[1:]
        },
        verdict=t.text("verdict"),
        exit_code=t.whole("exit_code"),
        reasons=t.words("reasons"),
        provider=t.text("provider"),
        synthetic=t.flag("synthetic"),
        policy_sha256=t.text("policy_sha256"),
        command=t.text("command"),
        lines=tuple(lines),
        warnings=t.words("warnings"),
        origin=t.origin(),
        place=place,
    )


def event_from(place: str, tags: Mapping[str, str]) -> PastEvent:
    """Return an event from tags."""
    t = _Tags(tags)
    return PastEvent(
        id=t.text("id"),
        suite=t.text("suite"),
        template=t.text("template"),
        kind=t.text("event"),
        created_at=t.text("created_at"),
        summary=t.text("summary"),
        facts={k.removeprefix(FACT): v for k, v in tags.items() if k.startswith(FACT)},
        template_sha256=t.text("template_sha256"),
        origin=t.origin(),
        place=place,
    )
