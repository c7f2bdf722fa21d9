"""What a job is known by when its process ended."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from promptreg_plugins.web.jobs.following import Following
from promptreg_plugins.web.jobs.outcome import outcome_of
from promptreg_plugins.web.model import Job, JobKind, JobRequest, JobState


def test_each_templates_runs_are_named(tmp_path: Path) -> None:
    sides = {
        side: {
            "run_id": f"one-{label}+two-{label}",  # of all templates together: no run's id
            "templates": {name: {"run_id": f"{name}-{label}"} for name in ("one", "two")},
        }
        for side, label in (("baseline", "v1"), ("candidate", "v2"))
    }
    report = {"gate": {"verdict": "pass", "reasons": []}, "trials": {}, **sides}
    (tmp_path / "report.json").write_text(json.dumps(report), "utf-8")
    job = Job(
        "id", JobRequest(JobKind.COMPARE, "s", ("v1", "v2")), JobState.RUNNING, "anna",
        datetime.now(UTC),
    )  # fmt: skip
    silent = Following(cast(Any, None), str, io.StringIO(), lambda _: None)
    outcome = outcome_of(job, 0, silent, tmp_path)
    assert outcome.state is JobState.FINISHED
    assert outcome.facts["run_ids"] == ["one-v1", "two-v1", "one-v2", "two-v2"]
