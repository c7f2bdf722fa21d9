"""The opinions behind scores, read back from stored runs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from promptreg.errors import UsageError
from promptreg.records import Run
from promptreg.store.runs import read_trials

__all__ = ["Ballots", "ballots_of", "stack", "vote_rows"]


@dataclass(slots=True)
class Ballots:
    """Opinions on one metric: one row per trial.

    Attributes:
        families: of each trial.
        votes: per trial, per judge, one number for each time it was asked; NaN for unreadable.
    """

    families: list[str]
    votes: list[Sequence[Sequence[float]]]


def vote_rows(run: Run) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Yield the trials of a run that were voted on, with their votes by metric.

    Nothing for runs of versions that kept no votes.
    """
    try:
        for row in read_trials(run, columns=["scenario_id", "family", "repeat", "votes"]):
            if row["votes"]:
                found = json.loads(row["votes"])
                if isinstance(found, dict):
                    yield row, found
    except UsageError:  # a run of an older version has no such column
        return


def ballots_of(runs: Sequence[Run]) -> dict[str, Ballots]:
    """Return the opinions of several runs by metric."""
    found: dict[str, Ballots] = {}
    for run in runs:
        for row, by_metric in vote_rows(run):
            for metric, said in by_metric.items():
                ballots = found.setdefault(metric, Ballots([], []))
                ballots.families.append(row["family"])
                ballots.votes.append(
                    [[math.nan if v is None else float(v) for v in j] for j in said["votes"]]
                )
    return found


def stack(
    rows: Sequence[Sequence[float]], families: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return rows of ratings as a matrix, filled up with NaN, and families as numbers."""
    width = max((len(row) for row in rows), default=0)
    matrix = np.full((len(rows), width), np.nan)
    for i, row in enumerate(rows):
        matrix[i, : len(row)] = row
    index = {name: i for i, name in enumerate(sorted(set(families)))}
    return matrix, np.array([index[name] for name in families], dtype=np.intp)
