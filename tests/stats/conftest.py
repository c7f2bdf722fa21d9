"""Short ways to make paired scores for the statistics tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from promptreg.stats.model import PairedScores

Make = Callable[..., PairedScores]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: a simulation that takes many seconds")


def make_paired(baseline: Any, candidate: Any, families: Any = None, **given: Any) -> PairedScores:
    """Return paired scores in [0, 1], unless told otherwise."""
    before = np.asarray(baseline, dtype=float)
    settings: dict[str, Any] = {
        "name": "score",
        "kind": "bounded",
        "low": 0.0,
        "high": 1.0,
        "higher_is_better": True,
        "margin": 0.05,
    } | given
    if settings.get("statistic") in ("signed_ranks", "ratio_of_totals"):
        settings = settings | {"high": np.inf, "margin": settings["margin"]}
        if settings["margin"] <= 1:
            settings["margin"] = 1.10
    labels = np.arange(len(before)) if families is None else np.asarray(families, dtype=np.intp)
    return PairedScores(
        baseline=before, candidate=np.asarray(candidate, dtype=float), families=labels, **settings
    )


@pytest.fixture(scope="session")
def paired() -> Make:
    return make_paired
