"""Measures what metrics made of all scenarios cost: draws made together against one by one.

    python tests/benchmarks/aggregates.py [--scenarios 400] [--draws 9999]

Reports CPU seconds of a whole analysis with one such metric, and the ratio; asserts nothing.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

from promptreg.records import payload_code
from promptreg.stages.score.aggregate import Aggregate
from promptreg.stats.analysis import analyse
from promptreg.stats.model import PairedScores
from promptreg_scorers.calibration.auroc import Auroc
from promptreg_scorers.calibration.ece import Ece
from promptreg_scorers.calibration.monotonicity import Monotonicity
from promptreg_scorers.iou import AveragePrecision
from promptreg_scorers.iou.boxes import Box
from promptreg_scorers.iou.pooled import pack
from promptreg_scorers.level_distribution import LevelDistribution

Columns = list[NDArray[np.float64]]


def coded(scorer: Any, kinds: int, n: int, rng: np.random.Generator) -> Columns:
    """Return both versions' codes of a kind of scenario and a place."""
    kind = rng.integers(kinds, size=n)
    sides = []
    for _ in range(2):
        place = np.clip(np.round(kind / kinds + rng.normal(0.2, 0.2, n), 2), 0, 1)
        pairs = zip(kind.tolist(), place.tolist(), strict=True)
        sides.append(np.array([[scorer._codes.pack(k, p)] for k, p in pairs]))
    return sides


def levels(scorer: Any, n: int, rng: np.random.Generator) -> Columns:
    """Return both versions' codes of levels."""
    return [
        np.array([[scorer._code(0, int(k))] for k in rng.choice(4, n, p=[0.7, 0.2, 0.06, 0.04])])
        for _ in range(2)
    ]


def moved(box: Box, jitter: float, draw: random.Random) -> Box:
    """Return a box as a detector finds it."""
    left, top, right, bottom = (
        side + draw.uniform(-jitter, jitter) for side in (box.left, box.top, box.right, box.bottom)
    )
    return Box(left, top, right, bottom, box.label, round(draw.random(), 3))


def boxes(aggregate: Aggregate, n: int, draw: random.Random) -> Columns:
    """Return both versions' codes of images with up to three boxes."""
    sides: list[list[list[float]]] = [[], []]
    for _ in range(n):
        expected = []
        for _ in range(draw.randrange(4)):
            x, y = draw.uniform(0, 300), draw.uniform(0, 200)
            label = draw.choice(("person", "car", "dog"))
            expected.append(Box(x, y, x + 60, y + 80, label))
        for side, jitter in zip(sides, (8, 10), strict=True):
            found = [moved(b, jitter, draw) for b in expected if draw.random() < 0.9]
            payload = pack(expected, found)
            aggregate.learn(payload)
            side.append([payload_code(payload)])
    return [np.array(side) for side in sides]


def seconds(scorer: Any, function: Callable[[Any], float], sides: Columns, draws: int) -> float:
    """Return the CPU seconds of an analysis."""
    scale = scorer.scales[-1]
    scores = PairedScores(
        name=scale.name,
        kind=scale.kind,
        baseline=sides[0],
        candidate=sides[1],
        families=np.arange(len(sides[0])),
        low=0,
        high=1,
        higher_is_better=scale.higher_is_better,
        margin=0.03,
        statistic="aggregate",
        aggregate=function,
    )
    started = time.process_time()
    analyse([scores], alpha=0.05, draws=draws, seed=1, exact=False)
    return time.process_time() - started


def main() -> None:
    """Print a row for each metric."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenarios", type=int, default=400)
    parser.add_argument("--draws", type=int, default=9999)
    given = parser.parse_args()
    n, rng = given.scenarios, np.random.default_rng(1)
    print(f"{'metric':20} {'together':>10} {'one by one':>11} {'ratio':>7}")
    for scorer, kinds in ((Ece(), 2), (Auroc(), 2), (Monotonicity(), 4), (LevelDistribution(), 0)):
        made: Any = scorer
        sides = coded(made, kinds, n, rng) if kinds else levels(made, n, rng)
        aggregate = Aggregate(made, made.scales[-1])
        seconds(made, aggregate, sides, 999)  # what is imported is imported
        many = seconds(made, aggregate, sides, given.draws)
        one = seconds(made, made.aggregate, sides, given.draws)
        print(f"{made.scales[-1].name:20} {many:9.2f}s {one:10.2f}s {one / many:6.1f}x")
    scorer_ap = AveragePrecision()
    aggregate = Aggregate(scorer_ap, scorer_ap.scales[-1])
    sides = boxes(aggregate, n, random.Random(1))
    many = seconds(scorer_ap, aggregate, sides, given.draws)
    print(f"{scorer_ap.scales[-1].name:20} {many:9.2f}s {'-':>11} {'-':>7}")


if __name__ == "__main__":
    main()
