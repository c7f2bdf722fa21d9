"""Several templates: rank intervals that are right together."""

from __future__ import annotations

import numpy as np
import pytest

from promptreg.stats.model import Floats
from promptreg.stats.ranking import rank


def world(rng: np.random.Generator, n: int, means: list[float]) -> dict[str, Floats]:
    scenario = rng.normal(0, 1, n)
    return {f"t{i}": scenario + rng.normal(m, 1, n) for i, m in enumerate(means)}


def test_clear_differences_are_ordered_and_unclear_ones_share_ranks() -> None:
    rng = np.random.default_rng(1)
    found = rank(world(rng, 300, [0, 0.02, 1.5, -1.5]), np.arange(300), seed=1)
    assert [r.text for r in found] == ["1", "2\u20133", "2\u20133", "4"]
    assert found[0].name == "t2"
    assert found[0].to_best is not None
    assert found[0].to_best[0] > 0
    assert found[-1].to_best is not None
    assert found[-1].to_best[1] < 0
    worst_first = rank(
        world(np.random.default_rng(1), 300, [0, 0.02, 1.5, -1.5]),
        np.arange(300),
        higher_is_better=False,
        seed=1,
    )
    assert worst_first[0].name == "t3"


def test_families_and_few_scenarios_separate_less() -> None:
    rng = np.random.default_rng(2)
    scores = world(rng, 40, [0, 1.2])
    assert rank(scores, np.arange(40), seed=1)[0].text == "1"
    assert rank(scores, np.arange(40) // 10, seed=1)[0].text == "1\u20132"


def test_degenerate_rankings() -> None:
    same = np.ones(20)
    assert {r.text for r in rank({"a": same, "b": same}, np.arange(20), seed=1)} == {"1\u20132"}
    lower = rank({"a": same, "b": same - 0.5}, np.arange(20), seed=1)
    assert [(r.name, r.text) for r in lower] == [("a", "1"), ("b", "2")]
    assert rank({"a": same}, np.arange(20), seed=1)[0].text == "1"
    empty = np.zeros(0)
    assert rank({"a": empty, "b": empty}, np.zeros(0, int), seed=1)[0].text == "1\u20132"
    with pytest.raises(ValueError, match=r"'b'.*finite"):
        rank({"a": same, "b": same * np.nan}, np.arange(20), seed=1)
    with pytest.raises(ValueError, match="no template"):
        rank({}, np.zeros(0, int), seed=1)


@pytest.mark.parametrize(("n", "per_family"), [(30, 1), (100, 5)])
def test_any_rank_is_wrong_in_at_most_5_percent(n: int, per_family: int) -> None:
    rng = np.random.default_rng(3)
    families, repetitions, wrong = np.arange(n) // per_family, 500, 0
    for seed in range(repetitions):
        shared = rng.normal(0, 0.7, (4, n))[:, families]  # a family moves a template as a whole
        scores = {str(i): shared[i] + np.rint(rng.normal(0, 1, n)) for i in range(4)}
        found = rank(scores, families, draws=499, seed=seed)
        wrong += any(r.best > 1 or r.worst < 4 for r in found)
    assert wrong / repetitions <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / repetitions)
