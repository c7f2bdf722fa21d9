"""What all parts of a suite file share."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["Scalar", "Strict"]

Scalar = str | int | float | bool


class Strict(BaseModel):
    """Refuses keys it does not know and numbers that are none, and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
