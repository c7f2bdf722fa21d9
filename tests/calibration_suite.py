"""Suites for calibrations: completions recorded several times, some of them different."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from suite_factory import answer_text, good_score, record, scenario_ids, write_suite

__all__ = ["recorded_twice", "rewrite"]


def recorded_twice(
    folder: Path, *, n: int = 40, askings: int = 2, seed: int = 0, **keys: Any
) -> Path:
    """Write a suite whose completions differ now and then between askings; return its folder."""
    provider = {"use": "recorded", "path": "completions.jsonl"} | keys.pop("provider", {})
    write_suite(folder, n=n, provider=provider, **({"gate": {"draws": 999}} | keys))
    rewrite(folder, n=n, askings=askings, seed=seed)
    return folder


def rewrite(folder: Path, *, n: int = 40, askings: int = 2, seed: int = 0) -> None:
    """Write other completions."""
    rng = random.Random(seed)
    record(
        folder / "completions.jsonl",
        [
            {
                "scenario_id": name,
                "version": version,
                "repeat": repeat,
                "text": answer_text(good_score(name) if rng.random() < 0.85 else 99),
            }
            for version in ("v1", "v2")
            for name in scenario_ids(n)
            for repeat in range(askings)
        ],
    )
