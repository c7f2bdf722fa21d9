"""The policy of a gate: what was decided before the run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from promptreg.criteria import Bound, Guard, Slicing
from promptreg.records import Scale
from promptreg.verdicts import Criterion

__all__ = ["EFFECTIVE", "DesignPolicy", "LookPolicy", "Policy"]


EFFECTIVE = "effective."
"""Prefix of metrics on the effective answer; they are shown and never gate."""


@dataclass(frozen=True, slots=True)
class LookPolicy:
    """How often the data are looked at, and what is asked further if that decides nothing.

    Attributes:
        looks: at the planned scenarios, after equal shares of them; 1 is no early look.
        futility: also stop where what is left can hardly decide anything.
        more_repeats: askings of each scenario at the most if the gate stays inconclusive; 0: none.
        more_calls: further calls at the most.
        anytime: accuse by e-processes, however many looks there are.
        strict: at any time, judge means of bounded scores whatever their distribution.
    """

    looks: int = 1
    futility: bool = True
    more_repeats: int = 0
    more_calls: int | None = None
    anytime: bool = False
    strict: bool = False

    @property
    def several(self) -> bool:
        """Whether there may be more than one look."""
        return self.looks > 1 or self.more_repeats > 0


@dataclass(frozen=True, slots=True)
class DesignPolicy:
    """Scenarios were answered by one version each, drawn at random.

    Attributes:
        unit: what was drawn as a whole: a column, `scenario`, or empty for the suite's cluster.
        split: label to its declared share.
    """

    unit: str
    split: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that was decided before the run; `sha256` identifies it."""

    alpha: float
    draws: int
    exact: bool
    prove: tuple[str, ...]
    overall: Mapping[str, tuple[str, ...]]
    weights: Mapping[str, float]
    margins: Mapping[str, float]
    gating: tuple[str, ...]
    slices: tuple[str, ...]
    guards: tuple[Guard, ...]
    limits: tuple[Bound, ...]
    inconclusive: str
    scales: Mapping[str, Scale] = field(default_factory=dict)
    slicings: tuple[Slicing, ...] = ()
    """One for each of `slices`, with its margins and size."""
    insufficient: str = "block"
    required: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Attribute to the values that the compared scenarios must have."""
    preset: str = ""
    apart: tuple[Criterion, ...] = ()
    """Criteria of the preset that are not measured, or that the suite drops."""
    looks: LookPolicy = LookPolicy()
    pairwise: tuple[str, ...] = ()
    """Metrics of `scales` that are measured on pairs of answers: no run has them."""
    design: DesignPolicy | None = None
    """How scenarios were drawn for the versions; None: both answered each."""

    @property
    def of_runs(self) -> Policy:
        """The same policy without what is measured on pairs of answers."""
        if not self.pairwise:
            return self
        gone = frozenset(self.pairwise)
        return replace(
            self,
            scales={name: scale for name, scale in self.scales.items() if name not in gone},
            gating=tuple(name for name in self.gating if name not in gone),
            prove=tuple(name for name in self.prove if name not in gone),
            guards=tuple(guard for guard in self.guards if guard.metric not in gone),
            pairwise=(),
        )

    @property
    def of_pairs(self) -> Policy:
        """The same policy with nothing but what is measured on pairs of answers, shown only."""
        scales = {name: self.scales[name] for name in self.pairwise}
        return replace(
            self, scales=scales, overall={}, gating=(), prove=(), guards=(), slices=(), slicings=()
        )

    @property
    def pairs_gate(self) -> tuple[str, ...]:
        """What is measured on pairs of answers and gates, by itself or by a guard."""
        guarded = {guard.metric for guard in self.guards}
        return tuple(n for n in self.pairwise if n in self.gating or n in guarded)

    @property
    def without_more(self) -> Policy:
        """The same policy of a gate that asks nothing further when it stays inconclusive."""
        looks = self.looks if self.looks.looks > 1 else LookPolicy()
        return replace(self, looks=replace(looks, more_repeats=0, more_calls=None))

    @property
    def sha256(self) -> str:
        """Content hash of the policy (hex)."""
        told = asdict(self)
        del told["pairwise"]  # where there are any, `scales` tells
        if self.design is None:  # a policy without one is what it was before there were any
            del told["design"]
        for later in ("anytime", "strict"):
            if not told["looks"][later]:
                del told["looks"][later]
        text = json.dumps(told, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()
