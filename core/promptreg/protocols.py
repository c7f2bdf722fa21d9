"""What a plug-in must be able to do.

Each protocol may be subclassed (the optional methods then come with their defaults) or merely
matched. Behaviour is called through these types; pluggy only registers factories.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

from promptreg.records import Completion, Json, Prompt, Scale, Scenario, Score, Trial, Unscored
from promptreg.verdicts import Comparison

__all__ = ["Call", "Probe", "Provider", "Reporter", "Scorer"]


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
    """Answers prompts."""

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
    """Turns a trial into scores, one per scale."""

    scales: Sequence[Scale]

    def score(self, trial: Trial) -> Score | Unscored | Sequence[Score | Unscored]:
        """Return a score, or why there is none, for each scale, in the order of `scales`.

        Called only for answered trials. Raising leaves the trial unscored with the reason.
        """
        ...

    def worst(self, scenario: Scenario, scale: Scale) -> float | None:
        """Return what a failed trial of this scenario counts as; None: the metric does not apply.

        The default is the worst end of the scale.
        """
        return scale.worst


@runtime_checkable
class Reporter(Protocol):
    """Writes a comparison for somebody."""

    extensions: ClassVar[Sequence[str]]
    """File-name endings it serves, such as `.html`; the longest match wins."""

    def write(self, comparison: Comparison, path: Path) -> None:
        """Write the report to `path`, whole or not at all."""
        ...


SettingsMapping = Mapping[str, Any]
