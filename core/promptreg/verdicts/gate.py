"""What a gate decides, and the limits and criteria besides differences."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from promptreg.errors import ExitCode
from promptreg.verdicts.metrics import Slice

__all__ = ["Criterion", "Gate", "GateVerdict", "Limit"]


class GateVerdict(enum.StrEnum):
    """What the gate says."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Limit:
    """An absolute limit on the candidate alone.

    With `within` the value is the share of scenarios whose metric compares so (`below`, `up_to`,
    `above`, `reaches`) with a number. With `of_gaps` it is the share of trials nothing is known
    of: an observed fact without an interval.
    """

    template: str
    metric: str
    slice: Slice | None
    bound: str
    """`at_least` or `at_most`."""
    threshold: float
    value: float | None
    interval: tuple[float, float] | None
    status: str
    """`met`, `not_met` or `not_shown`."""
    n_scenarios: int
    name: str = ""
    within: tuple[str, float] | None = None
    must: str = "not_missed"
    """`not_missed`, or `shown`: what is neither met nor missed keeps the gate from passing."""
    of_gaps: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Criterion:
    """Something the policy asks for that is no number.

    Attributes:
        name, what: what it is called and what it asks, in words.
        status: `present` or `missing` (required values), `not_measured` (no scorer gives what it
            asks about) or `dropped` (a preset's, taken out by the suite).
        note: why.
    """

    name: str
    what: str
    status: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Gate:
    """The decision: verdict, why, and the exit code that says it."""

    verdict: GateVerdict
    reasons: tuple[str, ...]
    exit_code: ExitCode
