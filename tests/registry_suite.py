"""Suites on recorded completions for tests of the template registry."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite_factory import answer_text, good_score, record, scenario_ids, write_suite

__all__ = ["Done", "Say", "recorded"]


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


Say = Callable[..., Done]


def recorded(
    folder: Path,
    labels: Sequence[str],
    bad: str = "",
    n: int = 120,
    gate: dict[str, Any] | None = None,
) -> Path:
    """Write a suite with recorded completions; every third answer of the label `bad` is wrong."""
    provider = {"use": "recorded", "path": "completions.jsonl"}
    texts = {label: f"[{{id}} {label}] Seen: {{detections}}. JSON, please." for label in labels}
    gate = {"limits": {"in_range": {"at_least": 0.8}}} if gate is None else gate
    gate = {"draws": 999, **gate}  # quick; the verdicts here are far from any border
    write_suite(folder, n=n, provider=provider, templates=texts, gate=gate)
    rows = []
    for label in labels:
        for i, name in enumerate(scenario_ids(n)):
            score = good_score(name)
            if label == bad and i % 3 == 0:
                score = (score + 60) % 101
            rows.append({"scenario_id": name, "version": label, "text": answer_text(score)})
    record(folder / "completions.jsonl", rows)
    return folder
