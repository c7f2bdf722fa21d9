"""What a generator must be able to do, and what crosses between it and the core."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

from promptreg.records import Json

__all__ = ["Generated", "GenerationPlan", "GenerationRequest", "Generator"]


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
    rubrics: bool = True
    """Whether the rubrics of a home-security assistant fit the scenarios; they are frozen too."""

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
