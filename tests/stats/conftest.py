"""Short ways to make paired scores for the statistics tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike

from promptreg.stats.model import PairedScores

Make = Callable[..., PairedScores]


def make_paired(
    baseline: ArrayLike, candidate: ArrayLike, families: ArrayLike | None = None, **given: object
) -> PairedScores:
    """Return paired scores in [0, 1], unless told otherwise."""
    before = np.asarray(baseline, dtype=float)
    settings: dict[str, Any] = {
        "name": "score",
        "kind": "bounded",
        "low": 0.0,
        "high": 1.0,
        "higher_is_better": True,
        "margin": 0.05,
    }
    if given.get("statistic") in ("signed_ranks", "ratio_of_totals"):
        settings |= {"high": np.inf, "margin": 1.10}
    settings |= given
    labels = np.arange(len(before)) if families is None else np.asarray(families, dtype=np.intp)
    return PairedScores(
        baseline=before, candidate=np.asarray(candidate, dtype=float), families=labels, **settings
    )


@pytest.fixture(scope="session")
def paired() -> Make:
    return make_paired
