"""How alike an answer's text and the expected one are in meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from promptreg import BatchScorer, Scale, Scenario, Score, Services, Trial, Unscored
from promptreg.records import Json
from promptreg_scorers._values import fields_of, shown
from promptreg_scorers._values import truth as truth_of

__all__ = ["Similarity"]


class Similarity(BatchScorer):
    """Cosine between the answer's text and the expected one, by the suite's embedder, -1 to 1.

    Higher is better: 1 for the same meaning, about 0 for texts that have nothing to do with each
    other; below 0 is rare. It tells whether an answer is about the right thing, not whether it is
    right: "a man breaks in" and "nobody breaks in" are alike. Vectors are kept by their text, so
    nothing is embedded twice. What the embedder is becomes part of the run's fingerprints.

    Example: reasoning "A delivery driver puts a package on the porch", expected "a courier leaves a
    parcel": 0.53 with the model `minilm`; reasoning "A cat walks over the lawn": 0.14.

    A failed trial counts 0, as does an empty text, and a field that is no text. Does not apply to
    scenarios without the expected text. Unscored where that is no text. Needs `embedder` in
    the suite.

    Args:
        field: the answer's field.
        truth: the ground-truth column with the expected text.
        name: the metric's name.
    """

    batch_size = 64

    def __init__(
        self,
        field: str = "reasoning",
        truth: str = "expected_summary",
        name: str = "similarity",
    ) -> None:
        self._field, self._truth = field, truth
        self.needs = (field,)
        self.scales = (Scale(name, "bounded", "", -1.0, 1.0, margin=0.02),)

    async def identity(self, services: Services) -> Mapping[str, Json]:
        """Return the embedder."""
        return {"embedder": await services.embedder()}

    def applies(self, scenario: Scenario, scale: Scale) -> bool:
        """Return whether the scenario has an expected text."""
        expected = truth_of(scenario, self._truth)
        return expected is not None and not (isinstance(expected, str) and not expected.strip())

    def worst(self, scenario: Scenario, scale: Scale) -> float | None:
        """Return 0, nothing in common; nothing where the expected text cannot be read."""
        return 0.0 if isinstance(scenario.ground_truth.get(self._truth), str) else None

    async def score_batch(
        self, trials: Sequence[Trial], services: Services
    ) -> list[Score | Unscored]:
        """Return each trial's cosine."""
        scale = self.scales[0]
        found: list[Score | Unscored | None] = []
        pairs: list[tuple[str, str]] = []
        for trial in trials:
            expected = trial.scenario.ground_truth.get(self._truth)
            text = fields_of(trial).get(self._field)
            if not isinstance(expected, str) or not expected.strip():
                found.append(scale.unscored(f"{self._truth} is {shown(expected)}; allowed: a text"))
            elif not isinstance(text, str):
                found.append(Score(scale, 0.0, f"{self._field} is {shown(text)}, no text"))
            elif not text.strip():
                found.append(Score(scale, 0.0, f"{self._field} is empty"))
            else:
                found.append(None)
                pairs.append((text, expected))
        texts = list(dict.fromkeys(text for pair in pairs for text in pair))
        if texts:
            vectors = await services.embed(texts)
            at = {text: i for i, text in enumerate(texts)}
            cosines = iter([float(vectors[at[a]] @ vectors[at[b]]) for a, b in pairs])
            # Lengths are 1 up to rounding, and so is the cosine of a text with itself.
            found = [
                Score(scale, min(1.0, max(-1.0, next(cosines)))) if item is None else item
                for item in found
            ]
        return [item for item in found if item is not None]
