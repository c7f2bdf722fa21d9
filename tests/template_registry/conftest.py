"""A suite on recorded completions, and the command line inside this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from promptreg.cli.app import run
from suite_factory import answer_text, good_score, record, scenario_ids, write_suite


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


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Say:
    """Return a function that runs one command in the current folder."""
    monkeypatch.setenv("PROMPTREG_USER", "Ann")
    monkeypatch.setenv("COLUMNS", "120")

    def call(*args: str) -> Done:
        capsys.readouterr()
        code = run(list(args))
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        assert "internal error" not in err, err
        return Done(code, out, err)

    return call


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


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A suite of v1, v2 (as good) and v3 (worse), with a limit; the current folder."""
    folder = recorded(tmp_path / "suite", ["v1", "v2", "v3"], bad="v3")
    monkeypatch.chdir(folder)
    return folder
