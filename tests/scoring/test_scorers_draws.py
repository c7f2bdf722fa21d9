"""Figures of many draws at once are those of each draw alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from promptreg import Scale
from promptreg.stages.score.aggregate import Aggregate
from promptreg.stats.swap import aggregated
from promptreg_scorers.calibration.auroc import Auroc
from promptreg_scorers.calibration.ece import Ece
from promptreg_scorers.calibration.monotonicity import Monotonicity
from promptreg_scorers.level_distribution import LevelDistribution

ROWS, REPEATS, DRAWS = 30, 2, 40
SCALE = Scale("median", statistic="aggregate")


def values_of(scorer: Any, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Return codes of rows, with failures and entries that are lacking."""
    if isinstance(scorer, LevelDistribution):
        codes = [scorer._code(0, int(k)) for k in rng.choice(5, ROWS * REPEATS)]
    else:
        kinds = 4 if isinstance(scorer, Monotonicity) else 2
        fails = not isinstance(scorer, Ece)  # there a failure is a sure mistake
        codes = [
            scorer._codes.pack(
                int(rng.integers(kinds)),
                None if fails and rng.random() < 0.1 else float(rng.integers(8)) / 7,
            )
            for _ in range(ROWS * REPEATS)
        ]
    values = np.array(codes).reshape(ROWS, REPEATS)
    values[rng.random(values.shape) < 0.1] = np.nan
    return values


@pytest.mark.parametrize("kind", [Ece, Auroc, Monotonicity, LevelDistribution])
@pytest.mark.parametrize("seed", range(5))
def test_many_draws_are_each_draw(kind: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scorer = kind()
    values = values_of(scorer, rng)
    counts = rng.integers(0, 4, size=(ROWS, DRAWS))
    counts[:, 0] = 0  # a draw of nothing
    counts[:, 1] = np.arange(ROWS) == 3  # and one of a single row
    many = scorer.aggregate_many(values, counts)
    assert many is not None
    one = [scorer.aggregate(np.repeat(values, drawn, axis=0)) for drawn in counts.T]
    np.testing.assert_allclose(many, one, atol=1e-12)


@pytest.mark.parametrize("kind", [Ece, Auroc, Monotonicity, LevelDistribution])
def test_where_nothing_is_known_of_a_trial_draws_are_made_one_by_one(kind: Any) -> None:
    rng = np.random.default_rng(1)
    scorer = kind()
    values = values_of(scorer, rng)
    best = scorer.scales[0].best
    values[0, 0] = best
    counts = rng.integers(1, 3, size=(ROWS, 4))
    assert scorer.aggregate_many(values, counts) is None
    found = aggregated(Aggregate(scorer, scorer.scales[0]), values, counts)
    one = [scorer.aggregate(np.repeat(values, drawn, axis=0)) for drawn in counts.T]
    np.testing.assert_array_equal(found, one)


def test_a_scorer_need_not_have_many() -> None:
    class Median:
        def aggregate(self, values: Any) -> float:
            return float(np.median(values))

    counts = np.array([[1, 0], [1, 0], [1, 3]])
    values = np.array([[0.1], [0.2], [0.6]])
    assert aggregated(Aggregate(Median(), SCALE), values, counts).tolist() == [0.2, 0.6]


def test_an_answer_of_another_shape_is_refused() -> None:
    class Wrong:
        def aggregate(self, values: Any) -> float:
            return 0.0

        def aggregate_many(self, values: Any, counts: Any) -> Any:
            return np.zeros(1)

    with pytest.raises(ValueError, match="2 draws came as an array of shape"):
        aggregated(Aggregate(Wrong(), SCALE), np.zeros((3, 1)), np.ones((3, 2)))
