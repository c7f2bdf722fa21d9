"""What is asked and what came back: templates, scenarios, prompts, completions, answers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

__all__ = ["Answer", "Completion", "Prompt", "Scenario", "ScenarioSet", "Template"]


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
