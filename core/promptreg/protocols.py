"""What a plug-in must be able to do.

Each protocol may be subclassed (the optional methods then come with their defaults) or merely
matched. Behaviour is called through these types; pluggy only registers factories.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from promptreg.past import (
    Past,
    PastComparison,
    PastEvent,
    PastRun,
    PastTemplate,
    Record,
    Wanted,
)
from promptreg.records import (
    Completion,
    Failure,
    Json,
    Preference,
    Prompt,
    Scale,
    Scenario,
    Score,
    Trial,
    Unscored,
)
from promptreg.verdicts import Comparison

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "BatchScorer",
    "Call",
    "Embedder",
    "Generated",
    "GenerationPlan",
    "GenerationRequest",
    "Generator",
    "History",
    "Model",
    "Pair",
    "PairScorer",
    "Probe",
    "Provider",
    "Reporter",
    "Scorer",
    "Services",
]


@dataclass(frozen=True, slots=True)
class Call:
    """One call a provider is asked to make.

    Attributes:
        prompt: exactly what is to be sent.
        repeat: the k-th asking of the same prompt, from 0; a provider that takes a seed derives
            one from it, so that repeats differ and can be reproduced.
        key: hex SHA-256 of everything that shapes the completion; stable across attempts and
            restarts, fit as an `Idempotency-Key`.
        template, version, scenario_id: for providers that look completions up.
        lane: small number, equal for calls of the same template version; a provider may use it to
            send them to the same server slot.
    """

    prompt: Prompt
    repeat: int = 0
    key: str = ""
    template: str = ""
    version: str = ""
    scenario_id: str = ""
    lane: int = 0


@dataclass(frozen=True, slots=True)
class Probe:
    """What a provider says about itself before the first call.

    Attributes:
        ready: whether calls may be made now.
        detail: one line for people: what was found, or what is wrong and how to mend it.
        model: the model's name, where the server tells it.
        fingerprint: facts about the server that shape completions (model file, build, slots).
    """

    ready: bool = True
    detail: str = ""
    model: str = ""
    fingerprint: Mapping[str, Json] = field(default_factory=dict)


@runtime_checkable
class Provider(Protocol):
    """Answers prompts.

    A provider may also have `takes_images = True` (prompts then carry the scenario's images; to
    others only text is given), a number `default_requests_per_minute`, and a method
    `limits(*, connect_s, read_s, connections)` that is told the run's timeouts, and an
    `async warm_up()` that makes one tiny call before the first trial.
    """

    synthetic: ClassVar[bool] = False
    """True when answers are made up (scripted): labelled everywhere, can never pass a gate."""
    cacheable: ClassVar[bool] = True
    """False when completions are already local and need no run store."""

    def identity(self) -> Mapping[str, Json]:
        """Return everything but the prompt and the repeat that shapes a completion.

        Kind, endpoint, model and every sampling parameter belong here; timeouts, concurrency and
        retries do not. It becomes part of the cache key and of the run's fingerprints.
        """
        ...

    async def complete(self, call: Call) -> Completion:
        """Make one attempt and return the completion.

        Raises:
            CallError: the attempt failed; says whether another one may succeed. Retries, backoff
                and concurrency are the caller's business.
        """
        ...

    async def probe(self) -> Probe:
        """Return whether calls can be made, without making one that costs anything."""
        return Probe()

    async def aclose(self) -> None:
        """Release connections."""
        return


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


class Model(Protocol):
    """A model that a scorer asks; how it is reached, retried, paid and kept is not its business."""

    async def identity(self) -> Mapping[str, Json]:
        """Return everything but the prompt and the repeat that shapes an answer, without secrets.

        Provider, endpoint, model, sampling, and what the server says of itself.

        Raises:
            ProviderError: it is not ready, and nothing is known of it.
        """
        ...

    async def ask(self, prompt: str, repeat: int = 0) -> Completion | Failure:
        """Return the completion, or why there is none.

        What was answered once is read from the run store. Never raises for a call.

        Args:
            prompt: exactly what is sent; a provider of chats splits ChatML into messages.
            repeat: from 0; another number asks anew, with another seed where one is given.
        """
        ...


class Services(Protocol):
    """What a `BatchScorer` may use of the world outside."""

    def model(
        self,
        provider: Mapping[str, Any],
        *,
        schema: Mapping[str, Json] | None = None,
        sampling: Mapping[str, Json] | None = None,
    ) -> Model:
        """Return the model behind settings; the same settings give the same object.

        Args:
            provider: as the section `provider` of a suite: `use`, the provider's own settings,
                `concurrency`, `retries`, `timeout`, `prices`, ...
            schema: JSON schema that answers are held to, where the provider can do that
                (`json_schema` or `response_format` among its settings) and the settings do not
                say otherwise.
            sampling: what the settings leave open, where the provider takes `sampling`.

        Raises:
            SuiteError, PluginError: the settings are wrong; the message names the key.
        """
        ...

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one vector of length 1 per text, shape (texts, dimensions); kept by text.

        Raises:
            SuiteError, PluginError: the suite names no embedder, or it cannot be made.
        """
        ...

    async def embedder(self) -> Mapping[str, Json]:
        """Return what shapes the vectors: part of the identity of a scorer that embeds.

        Raises:
            SuiteError, PluginError: as `embed`.
        """
        ...


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


@runtime_checkable
class Reporter(Protocol):
    """Writes a comparison for somebody."""

    extensions: ClassVar[Sequence[str]]
    """File-name endings it serves, such as `.html`; the longest match wins."""

    def write(self, comparison: Comparison, path: Path) -> None:
        """Write the report to `path`, whole or not at all."""
        ...


@runtime_checkable
class Embedder(Protocol):
    """Turns texts into vectors whose cosine says how alike they are.

    Used for search, for neighbours of failing scenarios, for coverage, and by scorers that ask for
    it; no verdict depends on it otherwise.
    """

    def identity(self) -> Mapping[str, Json]:
        """Return everything but the text that shapes a vector: model, its files' hash, pooling.

        It becomes part of the key under which vectors are kept.
        """
        ...

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one vector of length 1 per text, shape (texts, dimensions).

        Called with at most a few hundred texts. The same text gets the same vector, whatever it is
        batched with, to within rounding.
        """
        ...


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """What a generator is asked for.

    Attributes:
        seed: whatever is random follows from it.
        size: how many scenarios; None: as many as the generator's design needs.
        limit: only the first so many slots, exactly as they would be in the whole; None: all.
        done: slots that are made already and must not be made again.
        max_calls, max_tokens, max_cost: what may still be spent; None: no limit.
        folder: where it may keep files between two attempts at the same work; None: nowhere.
    """

    seed: int = 0
    size: int | None = None
    limit: int | None = None
    done: frozenset[str] = frozenset()
    max_calls: int | None = None
    max_tokens: int | None = None
    max_cost: float | None = None
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class GenerationPlan:
    """What a generator is going to make.

    Attributes:
        slots: a name for each scenario to be made, in the order of the set; a slot is made or
            fails, and is what an interrupted generation goes on with.
        attributes: the columns whose combinations are designed, with all their values; empty where
            nothing is designed. What the rows really hold is measured against this.
        strength: every possible combination of so many of these attributes is to occur.
        forbidden: combinations that must not occur: attribute to values.
        calls, tokens: what is going to be asked of a model, all slots that are not done together.
        cost: the same in the currency of the generator's prices; None: not known.
        models: the models that are asked.
        text: the columns to look for near-duplicates in; empty: all columns of texts.
        notes: what a person should know beforehand.
        table: the name of the scenarios' file.
    """

    slots: Sequence[str]
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    strength: int = 0
    forbidden: Sequence[Mapping[str, Sequence[str]]] = ()
    calls: int = 0
    tokens: int = 0
    cost: float | None = None
    models: Sequence[str] = ()
    text: Sequence[str] = ()
    notes: Sequence[str] = ()
    table: str = "scenarios.parquet"


@dataclass(frozen=True, slots=True)
class Generated:
    """What became of one slot: a scenario, or the reason why there is none.

    Attributes:
        slot: one of the plan's.
        row: the scenario's columns, JSON values, `scenario_id` and the plan's attributes among
            them; `family` names what it is not independent of. None: it could not be made.
        reasons: why rows made for this slot were thrown away, one line each; the last one says why
            there is no row, if there is none.
        calls, tokens, cost: what was spent on it.
        checks: what was found out about it, by name, such as `validated`; of each, the set says how
            often it was asked and true.
    """

    slot: str
    row: Mapping[str, Json] | None
    reasons: Sequence[str] = ()
    calls: int = 0
    tokens: int = 0
    cost: float = 0.0
    checks: Mapping[str, bool] = field(default_factory=dict)


@runtime_checkable
class Generator(Protocol):
    """Makes scenarios, which are then frozen in files."""

    deterministic: ClassVar[bool] = True
    """Whether the same request leads to the same rows."""
    asks_model: ClassVar[bool] = False
    """Whether making scenarios costs calls: what is made is then kept at once, so that a killed
    generation goes on where it stopped and nothing is paid twice."""
    packages: ClassVar[tuple[str, ...]] = ()
    """Distributions whose versions are noted beside the scenarios that they had a part in."""

    def identity(self) -> Mapping[str, Json]:
        """Return everything but seed and size that shapes the scenarios.

        Name, settings with their defaults, hashes of files it reads, and a version of its own that
        changes when the same settings come to mean other scenarios. Secrets, addresses' credentials
        and timeouts do not belong here. It becomes part of the manifest; where it differs from a
        frozen set's, that set is out of date.
        """
        ...

    def plan(self, request: GenerationRequest) -> GenerationPlan:
        """Return what is going to be made; asks no model.

        Raises:
            SuiteError: settings contradict each other, or do not fit the size.
        """
        ...

    def generate(self, request: GenerationRequest) -> Iterator[Generated]:
        """Yield each slot of the plan that is not done, once, as soon as it is decided, any order.

        A row that could not be made is yielded with the reason. The iterator may be closed before
        its end: when the budget is spent, and when somebody interrupts.

        Raises:
            ExecutionError: nothing more can be made; what was yielded is kept.
        """
        ...


@runtime_checkable
class History(Protocol):
    """Remembers runs and comparisons for good.

    Called apart from any run, by one writer at a time. Libraries it needs are imported in its
    methods, not when it is made.
    """

    def where(self) -> str:
        """Return where it is kept, in a few words and without secrets."""
        ...

    def probe(self) -> Probe:
        """Return whether it can be reached, within a few seconds and without writing."""
        ...

    def record(self, record: Record) -> bool:
        """Take in what is not there yet, whole, and return whether anything was new.

        What is there under its id is left alone; what an interrupted call left half done is
        completed. Before it returns, it counts what it wrote.

        Raises:
            StoreError: it could not be reached, or holds less than it was given.
        """
        ...

    def point(self, suite: str, aliases: Mapping[tuple[str, str], PastTemplate]) -> int:
        """Let aliases of templates ((template, alias) to version) point where they do now.

        Returns how many were moved. Registers versions it does not know.

        Raises:
            StoreError: it could not be reached.
        """
        return 0

    def runs(self, wanted: Wanted) -> Sequence[PastRun]:
        """Return runs, the newest first, with measures and without files.

        Raises:
            StoreError: it could not be reached.
        """
        ...

    def comparisons(self, wanted: Wanted) -> Sequence[PastComparison]:
        """Return comparisons, the newest first, with lines and without reports.

        Raises:
            StoreError: it could not be reached.
        """
        ...

    def events(self, wanted: Wanted) -> Sequence[PastEvent]:
        """Return promotions, rollbacks and bisections, the newest first, without reports.

        Raises:
            StoreError: it could not be reached.
        """
        return ()

    def fetch(self, found: Past, name: str, folder: Path) -> Path | None:
        """Return a file that was recorded with a run, a comparison or an event.

        That is `trials.parquet` or `manifest.json`; `report.json` or `report.html`; `report.json`
        or `report.md`. It lies in `folder`, or wherever it may be read. None: it was never
        recorded.

        Raises:
            StoreError: it could not be reached.
        """
        ...

    def remove(self, found: Sequence[Past]) -> int:
        """Remove runs, comparisons and events, and return how many there were.

        Raises:
            StoreError: it could not be reached.
        """
        ...
