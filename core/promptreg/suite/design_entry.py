"""How scenarios went to the versions: both answer each, or a draw gave each to one of them."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, field_validator, model_validator

from promptreg.suite.strict import Strict

__all__ = ["DesignEntry"]


class DesignEntry(Strict):
    """The design of the comparison; without one it is paired."""

    kind: Literal["paired", "unpaired"] = "paired"
    """`unpaired`: each scenario was answered by one version only, drawn at random (an A/B log)."""
    unit: str | None = None
    """What was drawn for a version as a whole: `scenario`, or the column that names it (a camera,
    a session); default: the suite's `cluster`, or else the scenario."""
    split: dict[str, float] = Field(default_factory=dict)
    """Label to the share of units it was to get; checked against the log."""

    @field_validator("split")
    @classmethod
    def _shares(cls, value: dict[str, float]) -> dict[str, float]:
        for label, share in value.items():
            if not (math.isfinite(share) and share > 0):
                raise ValueError(f"the share of {label!r} is {share!r}; allowed: above 0")
        return value

    @model_validator(mode="after")
    def _belongs_together(self) -> DesignEntry:
        if self.kind == "paired" and (self.unit or self.split):
            raise ValueError("'unit' and 'split' belong to 'kind: unpaired'")
        if self.kind == "unpaired" and len(self.split) < 2:
            raise ValueError(
                "'kind: unpaired' needs 'split', the declared share of each version, such as "
                "split: {v1: 0.5, v2: 0.5}; without it nothing could tell a broken draw"
            )
        return self
