"""The shape of a suite file: every key, its type, default and meaning."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from promptreg.errors import did_you_mean
from promptreg.suite.design_entry import DesignEntry
from promptreg.suite.gate_entry import GateEntry
from promptreg.suite.gate_parts import (
    GuardEntry,
    LimitEntry,
    MoreEntry,
    SequentialEntry,
)
from promptreg.suite.several import (
    check_asked,
    check_providers,
    with_provider_by_name,
    with_sources_apart,
)
from promptreg.suite.strict import Part, Scalar
from promptreg.suite.strict import Strict as _Strict

__all__ = [
    "AnswerEntry",
    "DesignEntry",
    "EmbedderEntry",
    "FieldRule",
    "GateEntry",
    "GenerateEntry",
    "GenerationFile",
    "GuardEntry",
    "HistoryEntry",
    "LimitEntry",
    "MoreEntry",
    "ProviderEntry",
    "ScorerEntry",
    "SequentialEntry",
    "Suite",
    "TemplateEntry",
    "TimeoutEntry",
]

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}\Z")


def _name(value: str) -> str:
    if not _LABEL.match(value):
        raise ValueError("must be 1-64 letters, digits, '.', '_', '+' or '-', the first no sign")
    return value


Name = Annotated[str, AfterValidator(_name)]


class _Open(Part):
    """Takes a plug-in's settings besides its own keys."""

    model_config = ConfigDict(extra="allow")

    @property
    def settings(self) -> dict[str, Any]:
        """The keys that belong to the plug-in."""
        return dict(self.model_extra or {})


class TemplateEntry(_Strict):
    """A template and its labelled versions."""

    engine: Literal["format", "jinja", "raw"] = "format"
    versions: dict[Name, str] = Field(default_factory=dict)
    """Label to source: a text file, `module:CONSTANT`, `file.yaml#key.path`, `git:REV:path`."""
    optional: tuple[str, ...] = ()
    """Variables that may be left unused by some version without a finding."""
    providers: dict[Name, Name] = Field(default_factory=dict)
    """Label to the provider that is asked, filled from versions such as
    `{file: templates/basic.v1.txt, provider: large}`."""

    @model_validator(mode="before")
    @classmethod
    def _asked_apart(cls, value: Any) -> Any:
        """Take a version that names its provider apart into source and name."""
        return with_sources_apart(value)


class TimeoutEntry(_Strict):
    """Seconds a call may take."""

    connect: float = Field(default=10.0, gt=0)
    read: float = Field(default=120.0, gt=0)
    total: float | None = Field(default=None, gt=0)
    """All attempts and waits together; default: (retries + 1) x read, and the waits between."""


class ProviderEntry(_Open):
    """Which provider answers, and how calls are made. Other keys are the provider's settings."""

    use: str
    concurrency: int = Field(default=2, ge=1, le=1024)
    retries: int = Field(default=3, ge=0, le=20)
    timeout: TimeoutEntry = TimeoutEntry()
    warm_up: bool = True
    """Let a provider that can make one tiny call before the first trial, so that no trial pays
    for a cold server."""
    requests_per_minute: float | None = Field(default=None, gt=0)
    prices: dict[Literal["prompt", "completion"], Annotated[float, Field(ge=0)]] | None = None
    """Cost of one million tokens, for `cost`, `plan` and budgets."""

    @field_validator("timeout", mode="before")
    @classmethod
    def _seconds(cls, value: Any) -> Any:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return {"read": value}
        return value


class FieldRule(_Strict):
    """What a field of the answer must be."""

    type: Literal["integer", "number", "string", "boolean", "array", "object", "any"] = "any"
    minimum: float | None = None
    maximum: float | None = None
    enum: tuple[Scalar, ...] | None = None
    max_length: int | None = Field(default=None, ge=0)


class AnswerEntry(_Strict):
    """How an answer is read from a completion."""

    parser: Literal["json", "text"] = "json"
    require: tuple[str, ...] = ()
    fields: dict[str, FieldRule] = Field(default_factory=dict)
    """Rules by field; `risk_score` (integer 0-100), `risk_level` (low, medium, high, critical),
    `summary` and `reasoning` (strings) have rules of their own unless given here."""
    fallback: tuple[str, ...] = ("Analysis unavailable",)
    """A `summary` that begins so is a service's stand-in, not an answer."""
    effective: bool = False
    """Also score what the production rules (clamp, coerce, infer, fall back) would have shown."""


class EmbedderEntry(_Open):
    """Which embedder turns scenarios into vectors. Other keys are the embedder's settings."""

    use: str
    text: tuple[str, ...] = ()
    """Columns that say what a scenario is about; default: every text that is no attribute."""


class HistoryEntry(_Open):
    """Which history remembers runs and comparisons. Other keys are the history's settings."""

    use: str = "mlflow"
    record: bool = True
    """Record after each comparison; without it, `promptreg history` records when it is called."""
    wait: float = Field(default=60.0, gt=0, le=3600)
    """Seconds that a comparison waits for its recording at most; what is left is kept."""


class ScorerEntry(_Open):
    """A scorer and its settings."""

    use: str


class GenerateEntry(_Open):
    """Which generator makes the scenarios, and where they are frozen.

    Other keys are the generator's settings.
    """

    use: str
    output: str = "fixtures"
    """The folder, relative to the suite; made or replaced as a whole."""
    seed: int = Field(default=0, ge=0, lt=2**63)
    size: int | None = Field(default=None, ge=1, le=1_000_000)
    """How many scenarios; default: as many as the generator's design needs."""
    max_age_days: float | None = Field(default=None, gt=0)
    """`validate` warns of an older set."""
    max_failed: float = Field(default=0.1, ge=0, lt=1)
    """The largest share of scenarios that may fail to be made; above it nothing is written."""
    prompts: Name | None = None
    """A label: freeze what its templates render, `formatted_prompt_input_TEMPLATE` for each."""
    near_duplicates: float = Field(default=0.8, gt=0, le=1)
    """Texts that share so much of their words, in order, are counted as near-duplicates."""
    near_duplicate_cosine: float = Field(default=0.95, gt=0, le=1)
    """Where an embedder is named: vectors that alike are counted as near-duplicates, too."""
    map_by: str | None = None
    """The attribute that tells marks on the map apart; default: `scenario_type`, or the first."""


class GenerationFile(_Strict):
    """A file that only generates scenarios, without templates to use them."""

    generate: GenerateEntry
    embedder: EmbedderEntry | None = None
    """For the vectors, the map and the near-duplicates of the frozen set."""
    suite: Name | None = None
    store: str = ".promptreg"


class Suite(_Strict):
    """A suite: templates, scenarios, provider, scorers and policy."""

    suite: Name
    scenarios: str
    cluster: str | None = None
    design: DesignEntry = DesignEntry()
    """Whether both versions answer each scenario, or a draw gave each to one (an A/B log)."""
    attributes: tuple[str, ...] | None = None
    """Columns to slice by; default: every column of few distinct words, numbers or booleans."""
    templates: dict[Name, TemplateEntry] = Field(min_length=1)
    select: dict[Name, dict[str, Scalar | tuple[Scalar, ...]]] = Field(default_factory=dict)
    provider: ProviderEntry
    """Who answers; or the name of one of `providers`."""
    providers: dict[Name, ProviderEntry] = Field(default_factory=dict)
    """Several who answer: versions name theirs, and those that name none have `provider`."""
    answer: AnswerEntry = AnswerEntry()
    repeats: int = Field(default=1, ge=1, le=1000)
    seed: int = Field(default=0, ge=0, lt=2**63)
    scorers: tuple[ScorerEntry, ...] = ()
    gate: GateEntry = GateEntry()
    history: HistoryEntry | None = None
    """Default: `mlflow` in the store's folder, or where MLFLOW_TRACKING_URI says; a comparison
    is then recorded when somebody asks for the history."""
    embedder: EmbedderEntry | None = None
    """For `scenarios search`, for maps in reports, and for the vectors of generated scenarios."""
    clock: str | None = None
    """What the template variable `now` says; a running clock is never put into a prompt."""
    allow_role_tokens: bool = False
    """Send values that hold role tokens such as `<|im_end|>` as they are, instead of refusing."""
    store: str = ".promptreg"
    registry: str = "promptreg.registry.jsonl"
    """The journal of registered versions and aliases, relative to the suite; commit it."""
    generate: GenerateEntry | None = None
    """How the scenarios were made, for `promptreg generate`."""

    @field_validator("design", mode="before")
    @classmethod
    def _kind_alone(cls, value: Any) -> Any:
        return {"kind": value} if isinstance(value, str) else value

    @property
    def provider_name(self) -> str:
        """The name of the provider of versions that name none; empty where there is one alone."""
        return next((n for n, entry in self.providers.items() if entry == self.provider), "")

    def asked(self, template: str, label: str) -> str:
        """Return the name of the provider that a version is asked of; empty for the only one."""
        entry = self.templates.get(template)
        named = entry.providers.get(label, "") if entry is not None else ""
        return named or self.provider_name

    def provider_of(self, name: str) -> ProviderEntry:
        """Return the provider of that name; the suite's own for the empty name."""
        return self.providers.get(name, self.provider)

    @model_validator(mode="before")
    @classmethod
    def _provider_by_name(cls, value: Any) -> Any:
        return with_provider_by_name(value)

    @model_validator(mode="after")
    def _known_providers(self) -> Suite:
        check_providers(self.providers)
        for name, entry in self.templates.items():
            check_asked(name, entry.versions, entry.providers, self.providers)
        return self

    @model_validator(mode="after")
    def _more_is_more(self) -> Suite:
        more = self.gate.more
        if more is not None and more.repeats <= self.repeats:
            raise ValueError(
                f"gate.more.repeats is {more.repeats}; it must be above 'repeats', which is "
                f"{self.repeats}"
            )
        return self

    @model_validator(mode="after")
    def _known_templates(self) -> Suite:
        for name in self.select:
            if name not in self.templates:
                known = sorted(self.templates)
                raise ValueError(
                    f"select names the template {name!r}{did_you_mean(name, known)}; "
                    f"there are: {', '.join(known)}"
                )
        return self
