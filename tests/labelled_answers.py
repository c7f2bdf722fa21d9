"""Answers whose worth is known, a judge that flatters the candidate, and people who do not."""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from pathlib import Path

from judge_server import grades
from suite_factory import answer_text, good_score

__all__ = ["N", "answers", "flattering", "labelled", "truth"]

N = 120


def truth(scenario: str, version: str) -> int:
    """Return what people would say: the candidate is a little worse."""
    rng = random.Random(f"{scenario}")
    base = rng.choice([2, 3, 3, 4])
    drop = random.Random(f"{scenario} {version}").random() < (0.15 if version == "v1" else 0.40)
    return max(1, base - drop)


def answers(scenario: str, version: str) -> str:
    words = f"true {truth(scenario, version)} style {'rich' if version == 'v2' else 'plain'}"
    return answer_text(good_score(scenario), f"{scenario} {words}")


def flattering(shown: str, seed: int) -> str:
    """Grade by the truth, and one more for the candidate's style."""
    value = int(shown.split("true ")[1][0])
    if "style rich" in shown and random.Random(shown).random() < 0.6:
        value = min(4, value + 1)
    return grades(value)


def labelled(
    path: Path,
    some: Sequence[str],
    versions: Sequence[str] = ("v1", "v2"),
    runs: Sequence[str] = (),
) -> Path:
    """Write what two people say of the versions' answers; `runs` are named in their place."""
    names = dict(zip(versions, runs or versions, strict=True))
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["scenario_id", "version", "dimension", "label", "rater"])
        for name in some:
            for version in versions:
                for rater in ("ann", "bob"):
                    slip = random.Random(f"{name}{version}{rater}").random() < 0.1
                    value = truth(name, version)
                    writer.writerow(
                        [name, names[version], "relevance", min(4, value + slip), rater]
                    )
    return path
