"""What a provider must be able to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, runtime_checkable

from promptreg.records import Completion, Json, Prompt

__all__ = ["Call", "Probe", "Provider"]


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
