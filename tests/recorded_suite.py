"""Writes suites on recorded completions whose verdicts are known beforehand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from suite_factory import KINDS, answer_text, good_score, record, scenario_ids, write_suite

__all__ = ["MARGINS", "kind_of", "write_recorded"]

MARGINS = {"overall": 0.1, "in_range": 0.2, "deviation": 10, "key_points": 0.2, "answered": 0.2}
"""Wide enough that a slice of forty equal answers is shown to be no worse."""

Answer = Callable[[str, str], str]


def kind_of(scenario: str) -> str:
    """Return the scenario type that `suite_factory` gave a scenario."""
    return KINDS[int(scenario[1:]) % 4]


def right(scenario: str, version: str) -> str:
    """Return an answer in range."""
    return answer_text(good_score(scenario))


def threats_missed(scenario: str, version: str) -> str:
    """Return an answer in range, but for threats under v2."""
    missed = version == "v2" and kind_of(scenario) == "threat"
    return answer_text(5 if missed else good_score(scenario))


def write_recorded(
    folder: Path,
    answer: Answer = threats_missed,
    *,
    n: int = 160,
    gate: Mapping[str, Any] | None = None,
    versions: tuple[str, ...] = ("v1", "v2"),
    **keys: Any,
) -> Path:
    """Write a suite, and what was answered; return its folder.

    Args:
        folder: made where there is none.
        answer: scenario and version to text; an empty text is an error of the cause `timeout`.
        n: scenarios, a quarter of each type.
        gate: keys that are added to the gate's.
        versions: which versions are recorded.
        keys: further keys of the suite file.
    """
    rows = []
    for version in versions:
        for scenario in scenario_ids(n):
            text = answer(scenario, version)
            error = "" if text else "timeout"
            rows.append({"scenario_id": scenario, "version": version, "text": text, "error": error})
    policy = {"slices": ["scenario_type"], "margins": MARGINS, **(gate or {})}
    write_suite(
        folder, n=n, provider={"use": "recorded", "path": "completions.jsonl"}, gate=policy, **keys
    )
    record(folder / "completions.jsonl", rows)
    return folder
