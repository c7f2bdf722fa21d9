"""The records that travel through promptreg, from template to score.

A `Trial` is one row: (template version, scenario, repeat). It grows from left to right: prompt,
completion *or* failure, answer *or* failure, scores. A failure is a value in the row, never a
missing row, and never a made-up score.

All text is `str`, all durations are seconds, all risk scores are points 0-100 inclusive.
"""

from __future__ import annotations

import enum
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "Answer",
    "Cause",
    "Completion",
    "Direction",
    "Failure",
    "Json",
    "Kind",
    "Outcome",
    "Prompt",
    "Run",
    "RunFacts",
    "Scale",
    "Scenario",
    "ScenarioSet",
    "Score",
    "ScoreColumn",
    "Statistic",
    "Template",
    "Trial",
    "Unscored",
]

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
"""What `json.loads` may return."""

Kind: TypeAlias = Literal["binary", "bounded", "ordinal", "count"]
Direction: TypeAlias = Literal["higher_is_better", "lower_is_better"]
Statistic: TypeAlias = Literal["mean", "signed_ranks", "ratio_of_totals", "aggregate"]


class Cause(enum.StrEnum):
    """Why a trial has no answer. The value is what reports, stores and JSON show."""

    CONNECT = "connect"
    """No connection: refused, unknown host, TLS, connect timeout."""
    NETWORK = "network"
    """The connection broke before the completion was whole."""
    TIMEOUT = "timeout"
    """The server accepted the call and did not finish in time."""
    HTTP_STATUS = "http_status"
    """The server answered with an error status (kept in `Failure.status`)."""
    PROTOCOL = "protocol"
    """The server's body is not what its protocol promises."""
    TOO_LARGE = "too_large"
    """The body is larger than the limit."""
    TRUNCATED = "truncated"
    """The model was cut off by the token limit before its answer was complete."""
    REFUSED = "refused"
    """The provider's filter or the model refused."""
    EMPTY = "empty"
    """The completion holds no text."""
    UNPARSEABLE = "unparseable"
    """No answer could be read from the text."""
    INVALID = "invalid"
    """An answer was read and breaks its rules: missing field, out of range, wrong type."""
    FALLBACK = "fallback"
    """The text is a service's stand-in for an answer ('Analysis unavailable ...')."""
    MISSING = "missing"
    """Recorded completions hold no row for this trial."""
    RECORDED = "recorded"
    """Recorded completions hold an error of another name."""
    PLUGIN = "plugin"
    """A provider plug-in raised something it does not declare."""
    CANCELLED = "cancelled"
    """The run was stopped before this trial was asked or answered."""


_INFRASTRUCTURE = frozenset(
    {Cause.CONNECT, Cause.NETWORK, Cause.PROTOCOL, Cause.PLUGIN, Cause.CANCELLED, Cause.MISSING}
)
_RETRYABLE_STATUS = frozenset({408, 409, 425, 429})


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a trial has no readable answer.

    Attributes:
        cause: the class of failure.
        detail: one line for people, without secrets.
        status: HTTP status, where there was one.
        attempts: network attempts made.
        duration_s: seconds from the first attempt to giving up; None where no call was made.
    """

    cause: Cause
    detail: str
    status: int | None = None
    attempts: int = 0
    duration_s: float | None = None

    @property
    def infrastructure(self) -> bool:
        """Whether the plumbing failed rather than the prompt or the model.

        Such a gap says nothing about the template, so comparisons bound it from both sides;
        every other failure counts as the worst value.
        """
        if self.cause is Cause.HTTP_STATUS:
            status = self.status or 0
            return status in _RETRYABLE_STATUS or (status >= 500 and status != 501)
        return self.cause in _INFRASTRUCTURE


@dataclass(frozen=True)
class Template:
    """One immutable version of a prompt template.

    Attributes:
        name: the template's name in the suite, such as `basic`.
        label: the version's label, such as `v2`, or the reference it was read from.
        engine: `format`, `jinja` or `raw`.
        text: the template's text, newlines normalised to `\\n`, no byte-order mark.
        variables: the names it needs, sorted.
        source: where the text came from, for people.
        provider_name: which of the suite's `providers` is asked; empty where it has one provider.
    """

    name: str
    label: str
    engine: str
    text: str
    variables: tuple[str, ...] = ()
    source: str = ""
    provider_name: str = ""

    @cached_property
    def sha256(self) -> str:
        """Content hash of engine and text (hex)."""
        return hashlib.sha256(f"{self.engine}\n{self.text}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Scenario:
    """One situation to ask about.

    Attributes:
        id: unique in its set.
        variables: every column, by name; what templates may use.
        ground_truth: what is known right (`risk_range`, `key_points`, ...).
        attributes: categorical properties as text, for slices and filters.
        family: scenarios with the same family are not independent; defaults to the id.
        images: paths of images, where the scenario has any.
    """

    id: str
    variables: Mapping[str, Any]
    ground_truth: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    family: str = ""
    images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ScenarioSet:
    """Scenarios of a suite, in file order.

    Attributes:
        scenarios: the scenarios that were kept.
        sha256: content hash of the kept scenarios (hex); order does not matter.
        source: the file, for people.
        total: scenarios in the file before any filter or limit.
        selection: how they were selected, for people; empty when whole.
    """

    scenarios: tuple[Scenario, ...]
    sha256: str
    source: str
    total: int
    selection: str = ""

    @property
    def partial(self) -> bool:
        """Whether a filter or limit left scenarios out."""
        return len(self.scenarios) != self.total


@dataclass(frozen=True, slots=True)
class Prompt:
    """A template rendered for one scenario: exactly what is sent."""

    text: str
    images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Completion:
    """What came back from a provider.

    Attributes:
        text: the model's text, untouched.
        finish: why it ended: `stop`, `length`, `content_filter`, `refusal` or `unknown`.
        model: the model the server says it used; empty when it does not say.
        prompt_tokens, completion_tokens: as counted by the server; None when it does not say.
        latency_s: seconds from sending to the last byte of the successful attempt.
        cost: in the currency of the suite's prices; None when no price is known.
        attempts: network attempts, the successful one included.
        raw: the body as received, for audit and re-reading; empty where there is none.
        extra: anything else worth keeping (timings, log-probabilities), JSON values only.
        scores: scores measured elsewhere, by name (recorded completions only).
        cached: whether it was read from the run store rather than called now.
    """

    text: str
    finish: str = "stop"
    model: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    latency_s: float | None = None
    cost: float | None = None
    attempts: int = 1
    raw: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, float | None] = field(default_factory=dict)
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The structured part of a completion.

    Attributes:
        fields: the answer's values by name, exactly as the model gave them.
        thinking: the text of `<think>` blocks, in order.
        findings: departures that do not invalidate it (duplicate key, text around the object, ...).
        rules: for an *effective* answer, the production rules that changed it (`clamped`,
            `coerced`, `inferred_level`, `defaulted`, `fallback`); always empty for a strict answer.
    """

    fields: Mapping[str, Any]
    thinking: str = ""
    findings: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scale:
    """What a score means: unit, range, direction, and how versions are compared on it.

    Attributes:
        name: the metric's name, `[a-z][a-z0-9_.:-]*`.
        kind: `binary` (0 or 1), `bounded`, `ordinal` or `count`.
        unit: such as `points`, `s`, `tokens`; empty for shares.
        low, high: the range, inclusive; `high` may be infinite for `count`.
        direction: `higher_is_better` or `lower_is_better`.
        margin: the default margin: the largest worsening accepted, in the score's unit; for
            `signed_ranks` and `ratio_of_totals` a ratio above 1, such as 1.10.
        statistic: how two versions are compared; `mean` unless the metric is latency
            (`signed_ranks`), a bill (`ratio_of_totals`) or no average at all (`aggregate`).
        payload: for an aggregate that needs more of a trial than one number: scores are made by
            `coded`, carry a text, and have that text's code as their value.
    """

    name: str
    kind: Kind = "bounded"
    unit: str = ""
    low: float = 0.0
    high: float = 1.0
    direction: Direction = "higher_is_better"
    margin: float | None = None
    statistic: Statistic = "mean"
    payload: bool = field(default=False, repr=False)  # runs are called after a scale's repr

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"scale {self.name!r}: low {self.low} must be below high {self.high}")
        if self.payload and (self.statistic != "aggregate" or (self.low, self.high) != (0.0, 1.0)):
            raise ValueError(f"scale {self.name!r}: a payload is for an aggregate from 0 to 1")

    @property
    def higher_is_better(self) -> bool:
        """Whether a larger score is a better one."""
        return self.direction == "higher_is_better"

    @property
    def worst(self) -> float | None:
        """The worst value on this scale; None where the range is open at that end."""
        value = self.low if self.higher_is_better else self.high
        return value if math.isfinite(value) else None

    @property
    def best(self) -> float | None:
        """The best value on this scale; None where the range is open at that end."""
        value = self.high if self.higher_is_better else self.low
        return value if math.isfinite(value) else None

    def score(self, value: float, note: str = "") -> Score:
        """Return a score on this scale.

        Raises:
            ValueError: the value is not finite or outside the range; nothing is clamped.
        """
        number = float(value)
        if not (math.isfinite(number) and self.low <= number <= self.high):
            raise ValueError(
                f"score {self.name!r} is {value!r}; allowed: {self.low:g} to {self.high:g}"
            )
        return Score(self, number, note)

    def coded(self, payload: str, note: str = "") -> Score:
        """Return a score whose value is the code of what it carries."""
        return Score(self, payload_code(payload), note, payload=payload)

    def unscored(self, reason: str) -> Unscored:
        """Return the statement that this scale cannot be judged here."""
        return Unscored(self, reason)


@dataclass(frozen=True, slots=True)
class Score:
    """One float on a scale, with an optional note for people.

    `votes` are the single opinions behind it, where there are several or may be: per judge one
    number for each time it was asked. They are kept, so that agreement can be measured.

    `payload` is what an aggregate reads in place of the value, which is its code; kept, too.
    """

    scale: Scale
    value: float
    note: str = ""
    votes: tuple[tuple[float, ...], ...] = ()
    payload: str = ""


def payload_code(payload: str) -> float:
    """Return a number strictly between 0 and 1 that stands for a text: 52 bits of its hash.

    Equal texts have equal codes, so rows of codes can be swapped, drawn anew and told to be
    unchanged like any score. The ends stay free for trials of which nothing is known.
    """
    found = hashlib.blake2b(payload.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return ((int.from_bytes(found, "big") >> 12) + 0.5) / 2**52


@dataclass(frozen=True, slots=True)
class Preference:
    """Which of two versions' answers is better, as a value for each side, both on one scale.

    Attributes:
        scale: from 0 to 1.
        baseline, candidate: share of the opinions that prefer this side; both 0 for a tie. Their
            sum is at most 1.
        note: for people.
        votes: the single opinions, per judge one number for each time it was asked: 1 for the
            candidate, -1 for the baseline, 0 for neither; NaN where there is none.
        swapped: opinions that named another answer when the answers changed places; they are ties.
        places: how often the answer shown first, and the one shown second, was preferred.
    """

    scale: Scale
    baseline: float
    candidate: float
    note: str = ""
    votes: tuple[tuple[float, ...], ...] = ()
    swapped: int = 0
    places: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Unscored:
    """No score, and why; never 0."""

    scale: Scale
    reason: str


@dataclass(slots=True)
class Trial:
    """One row from prompt to scores; filled from left to right."""

    template: Template
    scenario: Scenario
    repeat: int
    prompt: Prompt
    completion: Completion | None = None
    failure: Failure | None = None
    answer: Answer | None = None
    effective: Answer | None = None
    scores: dict[str, Score | Unscored] = field(default_factory=dict)

    @property
    def answered(self) -> bool:
        """Whether there is a readable, valid answer."""
        return self.failure is None


class Outcome(enum.IntEnum):
    """What a trial contributes to a metric."""

    SCORED = 0
    """It has a score."""
    FAILED = 1
    """The trial failed: it counts as the worst value."""
    GAP = 2
    """Infrastructure failed, or the scorer could not judge: bounded from both sides."""
    NOT_APPLICABLE = 3
    """The metric does not apply to the scenario; it takes no part."""


@dataclass(frozen=True, slots=True)
class ScoreColumn:
    """One metric over a run.

    Attributes:
        scale: what the values mean.
        values: (scenarios, repeats); for `FAILED` the worst value of that scenario, NaN for gaps
            and where the metric does not apply.
        outcomes: (scenarios, repeats) of `Outcome`.
        worst: (scenarios,) what a failed trial of each scenario counts as; NaN where nothing does.
        aggregate: for `aggregate` scales, the function from scores to the metric.
    """

    scale: Scale
    values: NDArray[np.float64]
    outcomes: NDArray[np.uint8]
    worst: NDArray[np.float64] | None = None
    aggregate: Any = None


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What identifies a run; two runs are comparable if these agree but for the template.

    Attributes:
        suite: suite name.
        template, label, template_sha256: the template version.
        fingerprints: name to hash or value: `scenarios`, `scorers`, `parser`, `provider`,
            `sampling`, `model`, `repeats`, `seed`.
        partial: a filter or limit left scenarios out; such a run can never be a baseline.
        synthetic: answers came from a scripted provider; such a run can never pass a gate.
        provider: one line for people.
        created_at: ISO 8601 UTC time at which the run was finished.
        source: where the template's text came from.
        provider_name: which of the suite's `providers` answered; empty where it had one provider.
    """

    suite: str
    template: str
    label: str
    template_sha256: str
    fingerprints: Mapping[str, str]
    partial: bool
    synthetic: bool
    provider: str
    created_at: str
    source: str = ""
    provider_name: str = ""


@dataclass(frozen=True)
class Run:
    """All trials of one template version on one suite.

    Attributes:
        id: derived from the content, so the same trials give the same id.
        facts: what identifies it.
        scenario_ids, families: (scenarios,) in canonical order (sorted by id).
        attributes: attribute to one value per scenario.
        repeats: askings per scenario.
        columns: metric name to column.
        counts: `planned`, `cached`, `called`, `answered`, `failed`.
        failures: cause to count.
        path: folder that holds `trials.parquet` and `manifest.json`; empty when not stored.
        absent: scenarios of which recorded completions hold no row for some trial.
    """

    id: str
    facts: RunFacts
    scenario_ids: tuple[str, ...]
    families: tuple[str, ...]
    attributes: Mapping[str, tuple[str, ...]]
    repeats: int
    columns: Mapping[str, ScoreColumn]
    counts: Mapping[str, int]
    failures: Mapping[str, int]
    path: str = ""
    absent: tuple[str, ...] = ()
