"""The section `gate` of a suite file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from promptreg.suite.gate_parts import (
    GuardEntry,
    LimitEntry,
    MoreEntry,
    Positive,
    SequentialEntry,
    SliceEntry,
    named_limits,
)
from promptreg.suite.strict import Scalar, Strict

__all__ = ["GateEntry"]


class GateEntry(Strict):
    """The policy."""

    use: str | None = None
    """A preset: settings that the section's own keys override."""
    drop: tuple[str, ...] = ()
    """Criteria of the preset that are not to apply; reports say so."""
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    prove: tuple[str, ...] = ("overall",)
    overall: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Blocks of the composite: name to metrics; default: every bounded quality metric, one block
    per scorer."""
    weights: dict[str, float] = Field(default_factory=dict)
    """Weight of a block; 1 unless given."""
    margins: dict[str, Positive] = Field(default_factory=dict)
    slices: tuple[SliceEntry, ...] = ()
    """Attributes whose values are shown as slices; they gate only with `gate: true`."""
    guard: tuple[GuardEntry, ...] = ()
    min_families: Annotated[int, Field(ge=2)] | None = None
    """Fewer are too few for a slice's verdict; default: as many as an accusation takes."""
    insufficient: Literal["block", "allow"] = "block"
    """Whether a guard with too few families keeps the gate from passing."""
    limits: dict[str, LimitEntry] = Field(default_factory=dict)
    """By name; a list is taken too."""
    limits_must: Literal["not_missed", "shown"] = "not_missed"
    """Whether a limit that is neither met nor missed keeps the gate from passing."""
    require_values: dict[str, tuple[Scalar, ...]] = Field(default_factory=dict)
    """Attribute to the values that the compared scenarios must have among them."""
    inconclusive: Literal["block", "allow", "more"] = "block"
    """What the exit code of an inconclusive gate is: 3, or 0; or 3 after `more` was asked."""
    more: MoreEntry | None = None
    sequential: SequentialEntry | None = None
    exact: bool = False
    """Count ties in full (guaranteed level, less power) instead of by half."""
    draws: int = Field(default=9999, ge=999, le=999_999)
    calibration_days: int = Field(default=30, ge=1, le=3650)
    """How many days a calibration of the gate counts as fresh; it never changes a verdict."""

    @field_validator("slices", mode="before")
    @classmethod
    def _by_attribute(cls, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [{"by": item} if isinstance(item, str) else item for item in value]
        return value

    @field_validator("limits", mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        return named_limits(value)

    @field_validator("alpha")
    @classmethod
    def _alpha_resolvable(cls, value: float) -> float:
        if value < 0.001:
            raise ValueError("must be at least 0.001; resampling cannot resolve less")
        return value

    @field_validator("sequential", mode="before")
    @classmethod
    def _switch(cls, value: Any) -> Any:
        if isinstance(value, bool):
            return {} if value else None
        if value is not None and not isinstance(value, (dict, SequentialEntry)):
            raise ValueError("must be true, false, or a mapping such as {looks: 4}")
        return value

    @model_validator(mode="after")
    def _more_goes_with_inconclusive(self) -> GateEntry:
        if self.inconclusive == "more" and self.more is None:
            raise ValueError("'inconclusive: more' needs 'more', such as more: {repeats: 3}")
        if self.more is not None and self.inconclusive != "more":
            raise ValueError(
                f"'more' goes with 'inconclusive: more', not with {self.inconclusive!r}"
            )
        if self.more is not None and self.sequential is not None and self.sequential.anytime:
            raise ValueError(
                "'sequential: {anytime: true}' does not go with 'more': a further repeat of a "
                "scenario is no further evidence to it"
            )
        return self
