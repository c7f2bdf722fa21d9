"""The shape of what gates: guards, slices and absolute limits."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from promptreg.suite.strict import Scalar, Strict

__all__ = [
    "MOST_LOOKS",
    "GuardEntry",
    "LimitEntry",
    "MoreEntry",
    "Positive",
    "SequentialEntry",
    "ShareEntry",
    "SliceEntry",
    "named_limits",
]

Positive = Annotated[float, Field(gt=0)]
Families = Annotated[int, Field(ge=2)]


class GuardEntry(Strict):
    """A metric on a slice that gates: a metric of its own in the family of tests."""

    metric: str
    where: dict[str, Scalar] = Field(default_factory=dict)
    margin: Positive | None = None
    min_families: Families | None = None
    """Fewer are too few for a verdict; default: `gate.min_families`."""
    prove: bool = False
    """Whether it must be shown to be no worse; else it only must not regress."""


class SliceEntry(Strict):
    """An attribute whose values are shown as slices."""

    by: str
    margins: dict[str, Positive] = Field(default_factory=dict)
    """Margin by metric on these slices; default: that of the whole suite."""
    min_families: Families | None = None
    gate: bool = False
    """Whether each value is a guard for every metric of `prove`."""


class ShareEntry(Strict):
    """A share of scenarios on which a metric is within a bound."""

    below: float | None = None
    up_to: float | None = None
    above: float | None = None
    reaches: float | None = None
    at_least: Annotated[float, Field(ge=0, le=1)] | None = None
    at_most: Annotated[float, Field(ge=0, le=1)] | None = None

    @model_validator(mode="after")
    def _one_each(self) -> ShareEntry:
        words = ("below", "up_to", "above", "reaches")
        if sum(getattr(self, word) is not None for word in words) != 1:
            raise ValueError(f"needs exactly one of {', '.join(map(repr, words))}")
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("needs exactly one of 'at_least' and 'at_most', a share from 0 to 1")
        return self

    @property
    def within(self) -> tuple[str, float]:
        """How a scenario's value is compared, and with what."""
        for word in ("below", "up_to", "above"):
            value = getattr(self, word)
            if value is not None:
                return word, float(value)
        return "reaches", float(self.reaches or 0.0)


MOST_LOOKS = 10
"""Looks at boundaries; more of them are for accusations at any time."""


class SequentialEntry(Strict):
    """Looking at the data while they come, to stop as soon as they decide."""

    looks: int | None = Field(default=None, ge=1, le=100)
    """Looks at the most, after equal shares of the scenarios; 1 is no early look. Default: 4, or
    20 at any time. More than 10 only at any time."""
    anytime: bool = False
    """Accuse by e-processes: any number of looks, for somewhat less power."""
    strict: bool = False
    """At any time, and for bounded scores without assuming anything of their distribution."""
    futility: bool = True
    """Also stop, inconclusive, where what is left can hardly decide anything."""

    @model_validator(mode="after")
    def _few_unless_anytime(self) -> SequentialEntry:
        if self.strict and not self.anytime:
            raise ValueError("strict: true is a kind of 'anytime: true'; say both")
        if self.looks is not None and self.looks > MOST_LOOKS and not self.anytime:
            raise ValueError(
                f"looks: {self.looks} is more than {MOST_LOOKS}; more need 'anytime: true'"
            )
        return self


class MoreEntry(Strict):
    """What an inconclusive gate asks further."""

    repeats: int = Field(ge=2, le=1000)
    """Askings of each scenario at the most, the suite's `repeats` included."""
    calls: int | None = Field(default=None, ge=1)
    """Further calls at the most; only whole repeats are asked."""


class LimitEntry(Strict):
    """An absolute limit on the candidate."""

    metric: str | None = None
    """Default: the limit's name."""
    where: dict[str, Scalar] = Field(default_factory=dict)
    at_least: float | None = None
    at_most: float | None = None
    share: ShareEntry | None = None
    must: Literal["not_missed", "shown"] | None = None
    """Default: `gate.limits_must`."""

    @model_validator(mode="after")
    def _one(self) -> LimitEntry:
        if sum(x is not None for x in (self.at_least, self.at_most, self.share)) != 1:
            raise ValueError("needs exactly one of 'at_least', 'at_most' and 'share'")
        return self


def named_limits(value: Any) -> Any:
    """Return limits by name: a list of them gets the names of their metrics and slices.

    Raises:
        ValueError: two of a list have one name.
    """
    if not isinstance(value, (list, tuple)):
        return value
    found: dict[str, Any] = {}
    for i, item in enumerate(value):
        if not isinstance(item, dict) or "metric" not in item:
            raise ValueError(f"entry {i} must be a mapping with the key 'metric'")
        rest = {k: v for k, v in item.items() if k != "name"}
        where = rest.get("where")
        slices = [f"{k}={v}" for k, v in where.items()] if isinstance(where, dict) else []
        name = str(item.get("name", " ".join([str(rest["metric"]), *slices])))
        if name in found:
            raise ValueError(f"two limits are called {name!r}; give one of them a 'name'")
        found[name] = rest
    return found
