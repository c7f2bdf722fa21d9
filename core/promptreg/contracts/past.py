"""Records to try histories with: one as real ones look, one with hostile text everywhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from promptreg.past import (
    Line,
    Measure,
    Origin,
    PastComparison,
    PastEvent,
    PastRun,
    PastTemplate,
    Record,
)

__all__ = ["hostile_record", "sample_event", "sample_record"]

_HOSTILE = "a/b..\\ =:%'\"`;--\u202e\u00e4\u732b {{x}} <b> $HOME \n\t" + "long " * 60


def sample_record(folder: Path, number: int = 0) -> Record:
    """Return two runs of one template and what compared them.

    Args:
        folder: where files of the runs are put.
        number: records of different numbers have nothing in common but the suite; a higher one
            is newer.
    """
    runs = tuple(_run(folder, number, label) for label in ("v1", "v2"))
    templates = tuple(
        PastTemplate(
            "basic",
            label,
            "format",
            f"Text {number} {label} of {{x}}.",
            _sha(number, label),
            ("x",),
            f"{label}.txt",
        )
        for label in ("v1", "v2")
    )
    comparison = PastComparison(
        id=f"c{number:04d}",
        suite="contract",
        created_at=_at(number, 30),
        baseline="v1",
        candidate="v2",
        baseline_runs={"basic": runs[0].id},
        candidate_runs={"basic": runs[1].id},
        template_sha256={"basic": (_sha(number, "v1"), _sha(number, "v2"))},
        verdict="fail" if number % 2 else "pass",
        exit_code=number % 2,
        reasons=("overall is no worse",),
        provider="recorded",
        synthetic=False,
        policy_sha256="ab" * 32,
        lines=(
            Line("basic", "overall", "no_worse", True, 0.5, 0.51, 0.01, -0.02, 0.04),
            Line("basic", "latency", "inconclusive", False, 1.25, None, None, None, None),
            Line(
                *("basic", "overall", "regressed", True, 0.5, 0.25, -0.25, -0.5, -0.125),
                slice=("scenario_type", "threat"),
            ),
        ),
        warnings=("a warning",),
        origin=Origin("c0ffee" * 6, "main", False, "0.1"),
        command="gate --base-ref origin/main",
        report='{"schema_version": "1"}\n',
        page="<!doctype html><title>x</title>\n",
    )
    return Record("contract", runs, templates, comparison)


def sample_event(number: int = 0) -> Record:
    """Return a promotion, as the template registry tells of it."""
    event = PastEvent(
        id=f"e{number:04d}",
        suite="contract",
        template="basic",
        kind="promotion",
        created_at=_at(number, 40),
        summary="basic@production moved to v2",
        facts={"alias": "production", "override": "a reason = 'of' `many` words\n<b>"},
        template_sha256=_sha(number, "v2"),
        origin=Origin("c0ffee" * 6, "main", None, "0.1"),
        report='{"schema_version": "1"}\n',
        page="# basic@production\n",
    )
    return Record("contract", (), (), None, event)


def _run(folder: Path, number: int, label: str) -> PastRun:
    import pyarrow as pa
    import pyarrow.parquet as pq

    id_ = f"basic-{label}-{number:04d}"
    place = folder / id_
    place.mkdir(parents=True, exist_ok=True)
    table, manifest = place / "trials.parquet", place / "manifest.json"
    pq.write_table(
        pa.table({"scenario_id": ["a", "b", "c"], "score.overall": [1.0, 0.0, 0.5]}), table
    )
    manifest.write_text("{}\n", "utf-8")
    return PastRun(
        id=id_,
        suite="contract",
        template="basic",
        label=label,
        template_sha256=_sha(number, label),
        fingerprints={"scenarios": "cd" * 32, "model": "m"},
        created_at=_at(number, 10),
        provider="recorded",
        partial=False,
        synthetic=False,
        repeats=1,
        scenarios=3,
        trials=3,
        failures={"timeout": 1},
        measures=(
            Measure("overall", 0.5, 0.1, 0.9, 3),
            Measure("latency", 1.25, None, None, 3),
            Measure("overall", 0.25, 0.0, 0.75, 2, ("scenario_type", "threat")),
        ),
        scales={"overall": ("bounded", "", "higher_is_better")},
        origin=Origin("c0ffee" * 6, "main", True, "0.1"),
        source=f"{label}.txt",
        scenario_source="scenarios.jsonl",
        settings={"temperature": "0.7"},
        table=table,
        manifest=manifest,
    )


def hostile_record(folder: Path) -> Record:
    """Return a record in which everything that a user or a model may name is hostile."""
    record = sample_record(folder, 777)
    where = (f"attribute {_HOSTILE}", f"value {_HOSTILE}")
    measures = (
        *record.runs[0].measures,
        Measure("overall", 0.125, 0.0, 0.25, 1, ("story", "../../x=y'z")),
        Measure("overall", 0.5, None, None, 1, where),
    )
    runs = tuple(
        replace(run, provider=_HOSTILE, source=_HOSTILE, measures=measures) for run in record.runs
    )
    comparison = record.comparison
    assert comparison is not None  # noqa: S101 - for the type checker
    told = replace(comparison, reasons=(_HOSTILE * 40,), warnings=(_HOSTILE,), candidate=_HOSTILE)
    texts = tuple(replace(t, source=_HOSTILE, label=_HOSTILE) for t in record.templates)
    return Record(record.suite, runs, texts, told)


def _sha(number: int, label: str) -> str:
    import hashlib

    return hashlib.sha256(f"{number}{label}".encode()).hexdigest()


def _at(number: int, minute: int) -> str:
    return f"2026-{1 + number % 12:02d}-{1 + number % 28:02d}T08:{minute}:00+00:00"
