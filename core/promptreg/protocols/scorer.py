"""What scorers must be able to do: of one trial, of batches, of pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from promptreg.protocols.services import Services
from promptreg.records import Json, Preference, Scale, Scenario, Score, Trial, Unscored

__all__ = ["BatchScorer", "Pair", "PairScorer", "Scorer"]


@runtime_checkable
class Scorer(Protocol):
    """Turns a trial into scores, one per scale.

    Only `scales` and `score` must be written; the rest has defaults, which also hold for an object
    that leaves them out altogether. A scorer of an `aggregate` scale also has a method
    `aggregate(values) -> float`: from all values of one version, shape (scenarios, repeats), NaN
    for none, to the metric, or to NaN where it is not defined. The scale's range is that of the
    metric, and a value is what `aggregate` makes of it. A gap that counts in favour of a side has
    the scale's best end as its value. With `aggregate_many(values, counts)` beside it, from shape
    (rows, repeats) and how often each row is part of each draw, shape (rows, draws), to one number
    per draw, tests and intervals take a tenth of the time; None declines, for these values.

    An aggregate that needs more of a trial than one number has a scale with `payload=True`. Its
    scores come from `scale.coded(text)`, and in place of `worst` and `aggregate` the scorer has
    `worst_payload(scenario, scale) -> str | None` and `aggregate_payloads(scale, payloads, counts)`
    with counts of shape (payloads, draws). Payloads are kept with the run.

    Any scorer may have a method `remarks(scale, baseline, candidate, families) -> Sequence[str]`:
    from both versions' `ScoreColumn` of a scale, and the family of each scenario, to notes for
    people; they are shown beside the metric and decide nothing. And a method `curve(scale, values)
    -> Sequence[tuple[float, float, int]]`: (mean probability stated, share that came true, trials)
    by bin, for a picture. An attribute `labels` names a file of human labels, relative to the
    suite, that comparisons show beside its metrics; the class attribute `beside_scores` names
    settings that shape no score, which are no part of the fingerprint.
    """

    scales: Sequence[Scale]
    needs: Sequence[str] = ()
    """Fields of the answer without which there is nothing to score: an answered trial that lacks
    one counts as failed for this scorer."""
    reads_answer: bool = True
    """Whether scores depend on `trial.answer`; only then do they differ for effective answers."""
    scores_failed: bool = False
    """Whether failed trials are scored too: the bill of a call is real although its answer is
    none. Where the scorer returns no score, the worst value counts, if there is one."""
    in_composite: bool = True
    """Whether its metrics are part of the composite where the suite names no blocks."""
    gates: bool = True
    """Whether its metrics can accuse a version; else they are shown, unless the suite names them
    under `prove`, `guard` or in the composite."""
    breaks_down: bool = False
    """Whether reports count failures of its pass/fail metrics by the suite's first two slices."""

    def score(self, trial: Trial) -> Score | Unscored | Sequence[Score | Unscored]:
        """Return a score, or why there is none, for each scale, in the order of `scales`.

        Called for answered trials, and for failed ones if `scores_failed`. The trial is a
        read-only view: mappings cannot be written to and lists are tuples. Raising leaves the
        trial unscored with the reason.
        """
        ...

    def applies(self, scenario: Scenario, scale: Scale) -> bool:
        """Return whether the metric says anything about this scenario; asked once for each.

        Where not (no ground truth to compare with), its trials take no part.
        """
        return True

    def worst(self, scenario: Scenario, scale: Scale) -> float | None:
        """Return what a failed trial of this scenario counts as; None: it is a gap.

        The default is the worst end of the scale, which an open-ended one does not have.
        """
        return scale.worst


@runtime_checkable
class BatchScorer(Scorer, Protocol):
    """A scorer that needs something from outside: it is asked about several trials and may await.

    Only `scales` and `score_batch` must be written. It may also have `providers`, the settings of
    the models it will ask, for `validate` to check and `plan` to count, and
    `calls_per_trial`, how many answers of models a trial takes.
    """

    batch_size: int = 32
    """Trials it gets at once, at most; so many are held in memory."""

    async def score_batch(
        self, trials: Sequence[Trial], services: Services
    ) -> Sequence[Score | Unscored | Sequence[Score | Unscored]]:
        """Return for each trial, in order, what `Scorer.score` would.

        Which trials come together says nothing and may not matter. A `PromptregError` ends the
        run; anything else that is raised leaves the trials unscored with the reason.
        """
        ...

    async def identity(self, services: Services) -> Mapping[str, Json]:
        """Return what shapes scores besides settings and code: models, embedder, files' hashes.

        It becomes part of the run's fingerprints; asked before the first trial.
        """
        return {}

    def score(self, trial: Trial) -> Score | Unscored | Sequence[Score | Unscored]:
        """Is not asked: trials are scored in batches."""
        return [scale.unscored("scored in batches only") for scale in self.scales]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two versions' answered trials of the same scenario and repeat."""

    baseline: Trial
    candidate: Trial

    @property
    def scenario(self) -> Scenario:
        """The scenario of both."""
        return self.baseline.scenario


@runtime_checkable
class PairScorer(Scorer, Protocol):
    """A scorer of a comparison: it is shown two versions' answers and says which is better.

    Asked when both runs are there, never by a run: what it says belongs to no version alone. It
    has one scale from 0 to 1, the share of opinions that prefer a side; the metric's difference
    is then the net share of wins. Only `scales` and `score_pairs` must be written. A pair of which
    one side failed is lost by that side, and two failed sides are a tie; neither is asked about.

    It may have `providers` and `calls_per_pair`, as a `BatchScorer` has `calls_per_trial`, and
    `gates`: whether its metric may accuse without being named under `prove`.
    """

    batch_size: int = 32
    """Pairs it gets at once, at most."""
    gates: bool = False

    async def score_pairs(
        self, pairs: Sequence[Pair], services: Services
    ) -> Sequence[Preference | Unscored]:
        """Return a preference for each pair, in order, or why there is none.

        With the sides exchanged it says the opposite. A `PromptregError` ends the comparison;
        anything else that is raised leaves the pairs unjudged with the reason.
        """
        ...

    async def identity(self, services: Services) -> Mapping[str, Json]:
        """Return what shapes preferences besides settings and code; reports carry its hash."""
        return {}

    def score(self, trial: Trial) -> Score | Unscored | Sequence[Score | Unscored]:
        """Is not asked: a single trial cannot be preferred."""
        return [scale.unscored("judged in comparisons only") for scale in self.scales]
