"""How many of the points that matter an answer says, in whatever words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from promptreg import BatchScorer, Scale, Scenario, Score, Services, Trial, Unscored
from promptreg.records import Json
from promptreg_scorers.key_points import KeyPoints

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["SemanticKeyPoints"]

_ENDS = re.compile(r"[.!?;\n]+")
_MISSED = 3
_MOST = 200
"""Sentences of one answer that are embedded; reasonings have a few."""


class SemanticKeyPoints(BatchScorer):
    """Share of the scenario's key points that the answer says, in its words or others, 0 to 1.

    A point is said if `key_points` finds one of its alternatives, or if the cosine between an
    alternative and a sentence of the fields is at least `threshold`, by the suite's embedder.
    Higher is better. The threshold is a choice and no law: it depends on the embedder, and a
    negated sentence is as near as the plain one. Look at the notes of some trials, which name the
    nearest cosine of points that were missed, before gating on it.

    Example: points `["parcel"]`, reasoning "A package is left": 0 by `key_points`; 1 here with the
    model `minilm` if their cosine reaches `threshold`.

    A failed trial counts 0. Does not apply to scenarios without key points. Unscored where the
    ground truth is no list of texts, or the answer has more than 200 sentences. Needs `embedder`
    in the suite.

    Args:
        threshold: the smallest cosine that counts as said, above 0, at most 1.
        field: the field, or fields, in which points may be said.
        truth: the ground-truth column with the list of points.
        name: the metric's name.
    """

    batch_size = 64

    def __init__(
        self,
        threshold: float = 0.5,
        field: str | list[str] | None = None,
        truth: str = "key_points",
        name: str = "semantic_key_points",
    ) -> None:
        if not 0 < threshold <= 1:
            raise ValueError(f"threshold is {threshold:g}; allowed: above 0, at most 1")
        self._threshold = threshold
        self._literal = KeyPoints(field, truth, name)
        self.scales = self._literal.scales

    async def identity(self, services: Services) -> Mapping[str, Json]:
        """Return the embedder."""
        return {"embedder": await services.embedder()}

    def applies(self, scenario: Scenario, scale: Scale) -> bool:
        """Return whether the scenario has key points."""
        return self._literal.applies(scenario, scale)

    def worst(self, scenario: Scenario, scale: Scale) -> float | None:
        """Return 0; nothing where the key points cannot be read."""
        return self._literal.worst(scenario, scale)

    async def score_batch(
        self, trials: Sequence[Trial], services: Services
    ) -> list[Score | Unscored]:
        """Return each trial's share; the note names points that are missing."""
        open_: list[tuple[Sequence[Sequence[str]], list[str]] | None] = []
        for trial in trials:
            points = self._literal.points(trial.scenario)
            sentences = _sentences(self._literal.texts(trial))
            if isinstance(points, str) or len(sentences) > _MOST:
                open_.append(None)
                continue
            missed = self._literal.missed(trial, points)
            open_.append((missed, sentences if missed else []))
        wanted = list(
            dict.fromkeys(
                text
                for item in open_
                if item is not None and item[1]
                for text in (*(a for point in item[0] for a in point), *item[1])
            )
        )
        vectors = await services.embed(wanted) if wanted else None
        at = {text: i for i, text in enumerate(wanted)}
        return [
            self._result(trial, item, vectors, at)
            for trial, item in zip(trials, open_, strict=True)
        ]

    def _result(
        self,
        trial: Trial,
        item: tuple[Sequence[Sequence[str]], list[str]] | None,
        vectors: NDArray[np.float32] | None,
        at: Mapping[str, int],
    ) -> Score | Unscored:
        scale = self.scales[0]
        points = self._literal.points(trial.scenario)
        if isinstance(points, str):
            return scale.unscored(points)
        if item is None:
            return scale.unscored(f"the answer has more than {_MOST} sentences")
        unsaid, sentences = item
        notes = []
        for point in unsaid:
            nearest = -1.0
            if sentences and vectors is not None:
                rows = vectors[[at[a] for a in point]]
                nearest = float((rows @ vectors[[at[s] for s in sentences]].T).max())
            if nearest < self._threshold:
                notes.append(f"{point[0]} ({nearest:.2f})" if sentences else point[0])
        note = f"missing: {', '.join(notes[:_MISSED])}" if notes else ""
        return Score(scale, 1.0 - len(notes) / len(points), note)


def _sentences(texts: Sequence[str]) -> list[str]:
    parts = (part.strip() for text in texts for part in _ENDS.split(text))
    return list(dict.fromkeys(part for part in parts if part))
