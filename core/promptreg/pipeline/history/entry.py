"""What an entry of the outbox says by itself, without the run store."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from promptreg.past import Line, Origin, PastComparison, PastEvent, PastRun, PastTemplate
from promptreg.store.outbox import Waiting

__all__ = ["comparison_of", "event_of", "named", "origin_of", "template_of"]


def comparison_of(entry: Mapping[str, Any], waiting: Waiting) -> PastComparison:
    """Return the comparison of an entry."""
    report = entry["report"]
    gate, sides = report["gate"], (report["baseline"], report["candidate"])
    hashes = [{k: str(v["template_hash"]) for k, v in s["templates"].items()} for s in sides]
    return PastComparison(
        id=waiting.id,
        suite=str(report["suite"]),
        created_at=str(report["created_at"]),
        baseline=str(sides[0]["label"]),
        candidate=str(sides[1]["label"]),
        baseline_runs=_runs(sides[0]),
        candidate_runs=_runs(sides[1]),
        template_sha256={
            name: (hashes[0].get(name, ""), hashes[1].get(name, ""))
            for name in sorted({*hashes[0], *hashes[1]})
        },
        verdict=str(gate["verdict"]),
        exit_code=int(gate["exit_code"]),
        reasons=tuple(str(r) for r in gate["reasons"]),
        provider=str(report["provider"]),
        synthetic=bool(report["synthetic"]),
        policy_sha256=str(report["policy_sha256"]),
        lines=tuple(_lines(report["comparisons"])),
        command=str(entry.get("command", "")),
        warnings=tuple(str(w) for w in report["warnings"]),
        origin=origin_of(entry["origin"]),
        report=json.dumps(report, ensure_ascii=False, allow_nan=False, indent=2) + "\n",
        page=waiting.page.read_text("utf-8") if waiting.page.exists() else None,
    )


def _lines(entries: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
    """Give the lines of all scenarios, then guards and the slices that regressed."""
    yield from (_line(c) for c in entries if c["slice"] is None)
    for c in entries:
        if c["slice"] is not None and (c["gating"] or c["verdict"] == "regressed"):
            yield _line(c)


def event_of(entry: Mapping[str, Any], waiting: Waiting) -> PastEvent:
    """Return the event of an entry."""
    facts = {str(k): str(v) for k, v in entry["facts"].items()}
    return PastEvent(
        id=waiting.id,
        suite=str(entry["suite"]),
        template=str(entry["template"]),
        kind=str(entry["event"]),
        created_at=str(entry["created_at"]),
        summary=str(entry["summary"]),
        facts=facts,
        template_sha256=str(entry["template_sha256"]),
        origin=origin_of(entry["origin"]),
        report=json.dumps(entry["report"], ensure_ascii=False, allow_nan=False, indent=2) + "\n",
        page=str(entry["page"]),
    )


def named(template: PastTemplate, runs: Sequence[PastRun]) -> PastTemplate:
    """Return a template under the label of its run; a comparison may show the side's own name."""
    for run in runs:
        if (run.template, run.template_sha256) == (template.name, template.sha256):
            return replace(template, label=run.label, source=run.source or template.source)
    return template


def _runs(side: Mapping[str, Any]) -> dict[str, str]:
    return {k: str(v["run_id"]) for k, v in side["templates"].items() if v["run_id"]}


def _line(entry: Mapping[str, Any]) -> Line:
    low, high = entry["interval"] or (None, None)
    ratio, ratio_low, ratio_high = entry["ratio"] or (None, None, None)
    where = entry["slice"]
    return Line(
        template=str(entry["template"]),
        metric=str(entry["metric"]),
        verdict=str(entry["verdict"]),
        gating=bool(entry["gating"]),
        baseline=entry["baseline"],
        candidate=entry["candidate"],
        difference=entry["difference"],
        low=low,
        high=high,
        slice=None if where is None else (str(where["attribute"]), str(where["value"])),
        kind=str(entry["kind"]),
        unit=str(entry["unit"]),
        ratio=ratio,
        ratio_low=ratio_low,
        ratio_high=ratio_high,
    )


def origin_of(found: Mapping[str, Any]) -> Origin:
    """Return where the work tree stood."""
    return Origin(**{f.name: found[f.name] for f in fields(Origin)})


def template_of(found: Mapping[str, Any]) -> PastTemplate:
    """Return one of an entry's texts."""
    return PastTemplate(
        name=str(found["name"]),
        label=str(found["label"]),
        engine=str(found["engine"]),
        text=str(found["text"]),
        sha256=str(found["sha256"]),
        variables=tuple(str(v) for v in found["variables"]),
        source=str(found["source"]),
    )
