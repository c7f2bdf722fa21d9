"""Writes small suites for tests that go through the real command line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["KINDS", "RANGES", "answer_text", "good_score", "record", "scenario_ids", "write_suite"]

KINDS = ("normal", "suspicious", "threat", "edge_case")
RANGES = ((0, 25), (30, 55), (70, 100), (20, 60))
TEMPLATE = "[{id} LABEL] Seen: {detections}. Answer with JSON."
"""Starts with what the model server looks for: which scenario, which version."""


def scenario_ids(n: int) -> list[str]:
    """Return the ids of the scenarios that `write_suite` makes."""
    return [f"s{i:04d}" for i in range(n)]


def scenarios(n: int) -> list[dict[str, Any]]:
    """Return scenarios with risk range and key points."""
    return [
        {
            "id": name,
            "detections": f"person {i} at the door with a package",
            "scenario_type": KINDS[i % 4],
            "ground_truth": {"risk_range": RANGES[i % 4], "key_points": ["door", "package"]},
        }
        for i, name in enumerate(scenario_ids(n))
    ]


def good_score(scenario: str) -> int:
    """Return a risk score inside the scenario's range."""
    low, high = RANGES[int(scenario[1:]) % 4]
    return (low + high) // 2


def answer_text(score: object, reasoning: str = "A package is left at the door.") -> str:
    """Return an answer as a model gives it."""
    return json.dumps(
        {"risk_score": score, "risk_level": _level(score), "summary": "s", "reasoning": reasoning}
    )


def _level(score: object) -> str:
    value = score if isinstance(score, (int, float)) else 0
    return next(
        word
        for limit, word in ((30, "low"), (60, "medium"), (85, "high"), (1e9, "critical"))
        if value < limit
    )


def write_suite(
    folder: Path,
    url: str = "",
    *,
    n: int = 30,
    rows: Sequence[Mapping[str, Any]] | None = None,
    provider: Mapping[str, Any] | None = None,
    scorers: Iterable[Mapping[str, Any]] = ({"use": "risk_range"}, {"use": "key_points"}),
    templates: Mapping[str, str] | None = None,
    **keys: Any,
) -> Path:
    """Write a suite with the versions v1 and v2 and return its folder.

    Args:
        folder: made where there is none.
        url: of a llama.cpp server.
        n: scenarios.
        rows: the scenarios, where others than the usual ones are wanted.
        provider: settings that are added to, or stand in for, those of `llama_cpp`.
        scorers: as in a suite file.
        templates: label to text of the one template, `basic`.
        keys: further keys of the suite file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data = scenarios(n) if rows is None else rows
    lines = "".join(json.dumps(row, ensure_ascii=True) + "\n" for row in data)
    (folder / "scenarios.jsonl").write_text(lines, "utf-8")
    texts = templates or {label: TEMPLATE.replace("LABEL", label) for label in ("v1", "v2")}
    for label, text in texts.items():
        (folder / f"{label}.txt").write_text(text, "utf-8")
    settings: dict[str, Any] = dict(provider or {})
    if "use" not in settings:
        # Quick to give up: nothing in these tests needs to wait for a real model.
        settings = {
            "use": "llama_cpp",
            "url": url,
            "concurrency": 4,
            "timeout": {"connect": 20, "read": 60},
            "ready_timeout": 2,
        } | settings
    suite = {
        "suite": "faults",
        "scenarios": "scenarios.jsonl",
        "templates": {"basic": {"versions": {label: f"{label}.txt" for label in texts}}},
        "provider": settings,
        "answer": {"require": ["risk_score", "risk_level", "summary", "reasoning"]},
        "scorers": list(scorers),
    } | keys
    # JSON is YAML, too.
    (folder / "promptreg.yaml").write_text(json.dumps(suite, indent=1), "utf-8")
    return folder


def record(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write recorded completions."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
